"""The best models side by side, latent by latent: whose traversals do the same stands together.

A latent of the best model heads each block; below it stand its partners in the other models.
"""

from __future__ import annotations

from collections.abc import Sequence

from search.history import FAIL, Trial
from search.report.contact import tile
from search.report.latents import Alignment, Latents, aligned, inside, latents
from search.report.markup import Html, element, left_out, paragraph, picture, section
from search.report.matching import WEAK, Match
from search.report.told import Told
from search.report.words import configured, signed
from trainables.core.storage import Where

SAID = (
    "Each block is a latent of the first trial, most informative first, and below it the latents of the others that go "
    "with it best: one-to-one, by Spearman's correlation r of the codes of the same held-out images. All strips move "
    "one latent of the same image by −3 to 3 standard deviations; ⇄ marks one that is mirrored, because it falls where "
    f"the first rises. Below |r| = {WEAK} there is no partner. Latents that say nothing in both models are left out."
)
SHOWN = 6
"""Models on a sheet at most, and pictures of those that cannot be matched."""
TILE = 40
"""Height of a strip at most, in pixels."""


def best_models(told: Told) -> Html:
    """The first replicates of the best configurations, and below them the seeds of the first one."""
    usable = [s.configuration for s in told.order if s.configuration.state != FAIL and s.configuration.first.reports]
    firsts = [_drawn_one(c.trials) for c in usable[:SHOWN]]
    parts = [*_together(told.folder, firsts, "Best configurations")]
    if usable and len(seeds := usable[0].trials[:SHOWN]) > 1:
        parts += _together(told.folder, seeds, "The first configuration under its seeds")
    if not parts:
        return section("models", "Best models", left_out("no trial has drawn a picture yet."))
    said = [paragraph(SAID, class_="faint")] if any('class="blocks"' in part for part in parts) else []
    return section("models", "Best models", *said, *parts)


def _drawn_one(trials: Sequence[Trial]) -> Trial:
    """The first replicate that has pictures."""
    return next((trial for trial in trials if trial.pictures), trials[0])


def _together(folder: Where, trials: Sequence[Trial], heading: str) -> list[Html]:
    """Models under one heading: matched where their checkpoints allow, else by the pictures that they have."""
    found = [one for trial in trials if (one := latents(folder, trial)) is not None]
    # Only codes of the same images can be matched.
    found = [one for one in found if len(one.codes_NZ) == len(found[0].codes_NZ)]
    parts = []
    if len(found) > 1:
        parts += _matched(aligned(found))
    else:
        found = []
    rest = [trial for trial in trials if all(trial is not one.trial for one in found)]
    figures = [figure for trial in rest if (figure := _picture(folder, trial)) is not None]
    if figures and found:
        parts.append(paragraph("Without codes to match them by:", class_="faint"))
    elif figures:
        why = "fewer than two of these checkpoints keep codes and strips (old ones do not)"
        parts.append(paragraph(f"Latents are not matched: {why}. The trials' own pictures:", class_="faint"))
    if figures:
        parts.append(element("div", *figures, class_="pictures"))
    return [element("h3", heading), *parts] if parts else []


def _picture(folder: Where, trial: Trial) -> Html | None:
    if not trial.pictures or (file := inside(folder, trial.pictures[0])) is None:
        return None
    caption = element("figcaption", element("b", f"{trial.number:03d} "), configured(trial))
    return element("figure", picture(tile(file), f"Picture of trial {trial.number:03d}"), caption, class_="paper")


# -- matched latents ----------------------------------------------------------------------------------------------


def _matched(alignment: Alignment) -> list[Html]:
    listed = [
        element("li", element("b", f"{one.trial.number:03d}"), f" {configured(one.trial)}, seed {one.trial.seed}")
        for one in alignment.trials
    ]
    blocks = [_block(alignment, z) for z in alignment.rows]
    parts = [element("ol", *listed, class_="legend")]
    parts.append(element("div", *blocks, class_="blocks"))
    return [*parts, *_unmatched(alignment)]


def _block(alignment: Alignment, z: int) -> Html:
    first, *others = alignment.trials
    strips = [_strip(first, z, None)]
    without = []
    for other, found in zip(others, alignment.matches, strict=True):
        if z in found:
            strips.append(_strip(other, found[z].other, found[z]))
        else:
            without.append(f"{other.trial.number:03d}")
    if without:
        strips.append(paragraph(f"no partner in {', '.join(without)}", class_="none"))
    return element("figure", element("figcaption", first.title(z)), *strips, class_="block")


def _unmatched(alignment: Alignment) -> list[Html]:
    """What the other models have beside: latents that say something and go with none of the first's."""
    first, *others = alignment.trials
    blocks = []
    for other, left in zip(others, alignment.unmatched, strict=True):
        if left:
            head = element("figcaption", f"{other.trial.number:03d}: no partner in {first.trial.number:03d}")
            blocks.append(element("figure", head, *(_strip(other, v, None, named=True) for v in left), class_="block"))
    if not blocks:
        return []
    return [element("h4", "Without a partner"), element("div", *blocks, class_="blocks")]


def _strip(one: Latents, index: int, match: Match | None, *, named: bool = False) -> Html:
    mirrored = match is not None and match.mirrored
    image = one.strip(index, mirrored=mirrored)
    image.thumbnail((image.width, TILE))
    number, name = f"{one.trial.number:03d}", one.names[index]
    label = [element("b", name if named else number)]
    if not named:
        label.append(element("span", f" {name}"))
    said = "" if match is None else f"r {signed(f'{match.correlation:.2f}')}{' ⇄' if mirrored else ''}"
    alt = f"Trial {number}, {one.title(index)}" + (f", correlation {match.correlation:.2f}" if match else "")
    return element(
        "div",
        element("span", *label, class_="who"),
        picture(image, alt),
        element("span", said, class_="r"),
        class_="strip",
    )
