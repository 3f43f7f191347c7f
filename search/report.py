"""What a person looks at: a contact sheet of traversals, and a page of Markdown on what was searched and what won.

Reads a ``History`` and picture files, and returns an image or text; knows nothing of MLflow or torch.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.history import COMPLETE, FAIL, PRUNED, RUNNING, History, Trial
from search.results import GREEK, Goal, goals, short_config, title

if TYPE_CHECKING:
    from PIL import Image

TILE, MARGIN, TEXT = 480, 12, 15
"""Widest picture on a contact sheet, space around it and height of its title, in pixels."""

NOTE = 7500
"""Characters of the Markdown page at most: MLflow keeps 8,000 of a tag."""

WORDS = {COMPLETE: "complete", PRUNED: "stopped early", FAIL: "failed", RUNNING: "not finished"}


def contact_sheet(pictures: Sequence[tuple[str, Path]], columns: int = 3) -> Image.Image:
    """Titled pictures, row by row; one that cannot be read is a grey field saying so."""
    from PIL import Image, ImageDraw

    tiles = [(name, _tile(path)) for name, path in pictures]
    columns = max(1, min(columns, len(tiles)))
    head = MARGIN + TEXT + MARGIN // 2
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    heights = [head + max(image.height for _, image in row) for row in rows]
    width = max(TILE // 2, *(image.width for _, image in tiles)) if tiles else TILE
    size = (MARGIN + columns * (width + MARGIN), sum(heights) + MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, (name, image) in enumerate(row):
            left = MARGIN + column * (width + MARGIN)
            draw.text(
                (left, top + MARGIN // 2),
                _fitting(draw, name, width),
                fill="black",
                font=_font()[0],
            )
            sheet.paste(image, (left, top + head))
        top += height
    return sheet


def _tile(path: Path) -> Image.Image:
    from PIL import Image, ImageDraw

    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
        image.thumbnail((TILE, 4 * TILE))
        return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        image = Image.new("RGB", (TILE, TILE // 2), "lightgrey")
        ImageDraw.Draw(image).text((MARGIN, MARGIN), "picture cannot be read", fill="black", font=_font()[0])
        return image


@cache
def _font() -> tuple[Any, bool]:
    """A font and whether it has Greek letters; the one built into Pillow has none."""
    from PIL import ImageFont

    for name in ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf"):
        try:
            return ImageFont.truetype(name, TEXT - 2), True
        except OSError:
            continue
    return ImageFont.load_default(TEXT - 2), False


def _fitting(draw: Any, text: str, width: int) -> str:
    font, greek = _font()
    if not greek:
        for word, letter in GREEK.items():
            text = text.replace(letter, word)
        text = text.encode("latin-1", "replace").decode("latin-1")
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "...", font=font) > width:
        text = text[:-1]
    return text + "..."


# -- Markdown -----------------------------------------------------------------------------------------------------


def description(history: History, ranking: Sequence[Trial], *, rows: int = 10) -> str:
    """A page of Markdown: what was searched, what won with its whole configuration, and the best ``rows`` trials."""
    sweep = history.sweep
    wanted = goals(sweep.get("objectives", ()))
    best = next((t for t in ranking if t.reports and t.state != FAIL), None)
    # MLflow's page folds all but the first lines away: what won comes first.
    parts = [f"## {_plain(sweep.get('name', 'sweep'))}"]
    parts.append("No trial has reported yet." if best is None else _won(best, history, wanted))
    parts.append(_searched(history, wanted))
    if best is not None:
        config = "\n".join(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in best.config.items())
        parts.append(f"```yaml\nmethod: {best.method}\n{config}\n```")
    shown = [(rank, t) for rank, t in enumerate(ranking, 1) if t.reports][:rows]
    if shown:
        parts.append(_table(shown, wanted))
    parts.extend(_failures(history))
    text = "\n\n".join(parts)
    return text if len(text) <= NOTE else text[:NOTE].rpartition("\n")[0] + "\n\n…"


def _searched(history: History, wanted: Sequence[Goal]) -> str:
    sweep = history.sweep
    data, budget, sampler, schedule = (sweep.get(k) or {} for k in ("data", "budget", "sampler", "schedule"))
    aims = ", ".join(f"{'maximize' if g.maximize else 'minimize'} `{g.metric}`" for g in wanted)
    names: dict[str, list[str]] = {}
    for trial in history.trials:
        known = names.setdefault(trial.method, [])
        free = (p.rpartition(".")[2] for p in trial.params if p != "method")
        known.extend(f"`{key}`" for key in free if f"`{key}`" not in known)
    methods = [f"**{m}**" + (f" ({', '.join(free)})" if free else "") for m, free in sorted(names.items())]
    ended = Counter(t.state for t in history.trials)
    states = ", ".join(f"{ended[s]} {word}" for s, word in WORDS.items() if ended[s])
    wall = f", {budget['wall_time']:g} s at most" if budget.get("wall_time") else ""
    lines = [
        f"- **Searched:** {'; '.join(methods) or ', '.join(sweep.get('methods', ()))}",
        f"- **On:** {_dataset(data)}",
        f"- **To:** {aims}",
        f"- **Budget:** {history.budget} trials of {budget.get('steps', '?')} steps{wall}",
        f"- **By:** {_pairs(sampler)}; stopped by {_pairs(schedule)}",
        f"- **Trials:** {states or 'none yet'}",
    ]
    return "\n".join(lines)


def _dataset(data: Mapping[str, Any]) -> str:
    """``usps (size 16, per_class 100), with mnist``."""
    pairs = _pairs({**(data.get("options") or {}), **(data.get("subset") or {})})
    second = data.get("secondary")
    beside = f", with {_dataset(second)}" if second else ""
    return f"{_plain(data.get('name', '?'))}{f' ({pairs})' if pairs else ''}{beside}"


def _won(best: Trial, history: History, wanted: Sequence[Goal]) -> str:
    reached = ", ".join(f"`{g.metric}` = {_number(best.metrics.get(g.metric))}" for g in wanted)
    over = all(t.state != RUNNING for t in history.trials)
    word = "Best" if over and best.state == COMPLETE else "Best so far"
    return f"### {word}: trial {best.number:03d}, {best.method}, {reached} at step {best.step}"


def _table(trials: Sequence[tuple[int, Trial]], wanted: Sequence[Goal]) -> str:
    head = ["rank", "trial", "configuration", "step", *(g.metric for g in wanted), "state"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for rank, trial in trials:
        values = [_number(trial.metrics.get(g.metric)) for g in wanted]
        shown = _plain(f"{trial.method} {short_config(trial.config, trial.params)}")
        cells = [
            rank,
            f"{trial.number:03d}",
            shown,
            f"{trial.step}/{trial.steps}",
            *values,
            WORDS[trial.state],
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _failures(history: History) -> list[str]:
    failed = [t for t in history.trials if t.state == FAIL]
    lines = [f"- {_plain(title(t))}: {_plain(t.reason)[:200]}" for t in failed[:5]]
    if len(failed) > len(lines):
        lines.append(f"- and {len(failed) - len(lines)} more")
    return ["**Failed**\n\n" + "\n".join(lines)] if lines else []


def _pairs(values: Mapping[str, Any]) -> str:
    shown = {k: v for k, v in values.items() if v is not None and v != []}
    name = shown.pop("name", None)
    pairs = ", ".join(f"{k} {_plain(v)}" for k, v in shown.items())
    return f"{_plain(name)}{f' ({pairs})' if pairs else ''}" if name else pairs


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _plain(value: Any) -> str:
    """Text that Markdown and HTML take for nothing but text, on one line."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(value).split()))
    return re.sub(r"[|`<>*\[\]]", lambda m: "\\" + m[0], text)
