"""The picture of a comparison: learning curves in one chart, and below them the trials' latents side by side.

A row is a latent of the first trial that has strips; its partners in the others are beside it (``matching``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.goals import Goal
from search.history import FAIL, RUNNING, Trial
from search.report.contact import fitting, font, tile
from search.report.latents import Alignment, Latents, aligned, inside, latents
from search.report.words import STATES, configured, signed
from trainables.core.charts import PALETTE
from trainables.core.storage import Where

if TYPE_CHECKING:
    from PIL import Image

TILE, LEAST, LINE, GAP, MARGIN = 36, 300, 18, 6, 16
"""Height of a strip, least width of a column, height of a line of text, and room between and around, in pixels."""
GREY = (90, 90, 90)
COLOURS = tuple(PALETTE[i] for i in (0, 1, 2, 4, 9, 5))
"""Of the trials, in the order in which they are compared."""
SAID = (
    "Strips: one latent of the same image, moved by −3 to 3 standard deviations.",
    "r: Spearman's correlation of codes with the first trial's latent of that row.",
)


def drawn(
    folder: Where, trials: Sequence[Trial], wanted: Sequence[Goal], rungs: Sequence[int]
) -> tuple[Image.Image, list[str]]:
    """The picture, and what is missing from it in sentences; ``folder`` is the sweep's."""
    from PIL import Image

    strips, missing = _columns(folder, trials)
    parts = [_curves(trials, wanted, rungs, strips.width), strips]
    if not any(trial.reports for trial in trials):
        missing.insert(0, "No learning curves: none of them has reported.")
    sheet = Image.new("RGB", (strips.width, sum(part.height for part in parts)), "white")
    y = 0
    for part in parts:
        sheet.paste(part, (0, y))
        y += part.height
    return sheet, missing


def _curves(trials: Sequence[Trial], wanted: Sequence[Goal], rungs: Sequence[int], width: int) -> Image.Image:
    """The objectives over the steps, one chart each, side by side."""
    from trainables.core.charts import DPI, figure, rendered, styled

    with styled():
        page = figure(width / DPI, 3.6)
        charts = page.subplots(1, len(wanted), squeeze=False)[0]
        for chart, goal in zip(charts, wanted, strict=True):
            for rung in rungs:
                chart.axvline(rung, color="0.6", linewidth=0.8, linestyle=":")
            for trial, colour in zip(trials, COLOURS, strict=False):
                points = [(r.step, r.metrics[goal.metric]) for r in trial.reports if goal.metric in r.metrics]
                points = [(step, value) for step, value in points if math.isfinite(value)]
                end = "" if trial.step == trial.steps else f" ({STATES[trial.state]})"
                style = {"marker": "x" if trial.state == FAIL else "o", "markersize": 3.5, "linewidth": 1.6}
                x, y = [step for step, _ in points], [value for _, value in points]
                chart.plot(x, y, color=colour, label=f"{trial.number:03d}{end}", **style)
            chart.set_title(goal.metric)
            chart.set_xlabel("step")
            chart.set_xlim(0, 1.02 * max(trial.steps for trial in trials))
        charts[0].legend()
        return rendered(page)


# -- latents ------------------------------------------------------------------------------------------------------


def _columns(folder: Where, trials: Sequence[Trial]) -> tuple[Image.Image, list[str]]:
    """A column for each trial: its strips, or the picture it has instead, or a word that it has none."""
    from PIL import Image, ImageDraw

    found = {t.number: one for t in trials if (one := latents(folder, t)) is not None}
    kept = list(found.values())
    kept = [one for one in kept if len(one.codes_NZ) == len(kept[0].codes_NZ)]
    alignment = aligned(kept) if kept else None
    columns, missing = [], []
    for trial in trials:
        if alignment is not None and any(one.trial is trial for one in kept):
            columns.append(_latents(alignment, trial))
            continue
        picture = inside(folder, trial.pictures[0]) if trial.pictures else None
        columns.append([(_why(trial), None if picture is None else tile(picture))])
        missing.append(f"{trial.number:03d}: {_why(trial)}.")
    width = max([LEAST, *(image.width for column in columns for _, image in column if image is not None)])
    height = max(map(_height, columns))
    said = SAID if alignment is not None else ()
    size = (MARGIN + len(trials) * (width + MARGIN), 2 * MARGIN + 2 * LINE + height + len(said) * LINE)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for index, line in enumerate(said):
        y = size[1] - MARGIN + (index - len(said)) * LINE
        pen.text((MARGIN, y), fitting(line, size[0] - 2 * MARGIN), fill=GREY, font=font()[0])
    for place, (trial, column) in enumerate(zip(trials, columns, strict=True)):
        x, y = MARGIN + place * (width + MARGIN), MARGIN
        pen.rectangle((x, y + 3, x + 9, y + 12), fill=COLOURS[place])
        pen.text(
            (x + 15, y), fitting(f"{trial.number:03d} {configured(trial)}", width - 15), fill="black", font=font()[0]
        )
        y += LINE + GAP
        for text, image in column:
            if text:
                pen.text((x, y), fitting(text, width), fill=GREY, font=font()[0])
            y += LINE
            if image is not None:
                sheet.paste(image, (x, y))
            y += (TILE if image is None else image.height) + GAP
    return sheet, missing


Cell = tuple[str, "Image.Image | None"]


def _height(column: Sequence[Cell]) -> int:
    return sum(LINE + GAP + (TILE if image is None else image.height) for _, image in column)


def _why(trial: Trial) -> str:
    """Why a trial has no strips."""
    if trial.pictures:
        return "its checkpoints keep no codes and strips to match; its own picture"
    if not trial.reports:
        return "no traversals, nothing was reported"
    if trial.state == RUNNING:
        return f"no traversals, its first picture comes after step {trial.step}"
    end = "failed" if trial.state == FAIL else "ended"
    return f"no traversals, it {end} at step {trial.step} before its first picture"


def _latents(alignment: Alignment, trial: Trial) -> list[Cell]:
    """The column of a trial: the partners of the first one's latents in their rows, then what has no partner."""
    first, *others = alignment.trials
    if first.trial is trial:
        return [(first.title(z), _strip(first, z)) for z in alignment.rows]
    place = next(i for i, other in enumerate(others) if other.trial is trial)
    other, matches = others[place], alignment.matches[place]
    column: list[Cell] = []
    for z in alignment.rows:
        if (match := matches.get(z)) is None:
            column.append((f"no partner of {first.names[z]}", None))
            continue
        mirrored = ", mirrored" if match.mirrored else ""
        said = f"{other.title(match.other)}, r {signed(f'{match.correlation:.2f}')}{mirrored}"
        column.append((said, _strip(other, match.other, mirrored=match.mirrored)))
    for v in alignment.unmatched[place]:
        column.append((f"{other.title(v)}: no partner in {first.trial.number:03d}", _strip(other, v)))
    return column


def _strip(one: Latents, index: int, *, mirrored: bool = False) -> Image.Image:
    """A strip of the height that all have, so that rows are in line."""
    from PIL import Image

    image = one.strip(index, mirrored=mirrored).convert("RGB")
    width = max(1, round(image.width * TILE / image.height))
    return image.resize((width, TILE), Image.Resampling.NEAREST if image.height < TILE else Image.Resampling.LANCZOS)
