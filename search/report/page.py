"""The HTML report of a sweep: one file that needs no network, the same bytes for the same ledger and files.

Reads the ledger's rows and the files of the sweep's folder; knows nothing of Ray, MLflow or torch.
"""

from __future__ import annotations

import html as markup
from collections.abc import Sequence
from pathlib import Path

import search
from search.history import History
from search.ledger import Row
from search.report import curves, explored, failures, ranking, sheet, summary
from search.report.markup import Html, element, joined, left_out, paragraph, section
from search.report.told import Told, told
from search.report.words import numbers, one_line, replicated
from trainables.core.storage import Where

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a browser lets the page do: nothing may come from elsewhere."""


def html(folder: Where, rows: Sequence[Row], history: History) -> str:
    """The report of the sweep whose files are in ``folder``; ``history`` is what ``rows`` tell."""
    read = told(folder, rows, history)
    sections = {
        "searched": ("What was searched", summary.searched(read)),
        "picked": ("Picked configuration", summary.chosen(read)),
        "ranking": ("Ranking", ranking.ranked(read)),
        "pareto": ("Pareto front", _pareto(read)),
        "hyperparameters": ("Hyperparameters", explored.hyperparameters(read)),
        "curves": ("Learning curves", _curves(read)),
        "failures": ("Failures and conditions", failures.failed(read)),
        "models": ("Best models", sheet.best_models(read)),
    }
    links = [element("li", element("a", title, href=f"#{name}")) for name, (title, _) in sections.items()]
    contents = element("nav", element("ul", *links), aria_label="Contents")
    name = one_line(history.sweep.get("name", "sweep"))
    head = element("header", paragraph("Teasel sweep", class_="over"), element("h1", name), summary.figures(read))
    body = element("main", *(part for _, part in sections.values()))
    return _page(name, joined([head, contents, body, _footer()]))


def _pareto(told: Told) -> Html:
    if len(told.goals) < 2:
        return section("pareto", "Pareto front", left_out("a front needs two objectives, and this sweep has one."))
    planes = curves.pareto(told.order, told.goals, told.names)
    if not planes:
        return section("pareto", "Pareto front", left_out("no configuration was trained to its end yet."))
    front = [standing for standing in told.order if standing.pareto]
    listed = "; ".join(numbers(standing.configuration) for standing in front)
    those = "this one" if len(front) == 1 else f"one of these {len(front)}"
    said = f"No complete configuration is at least as good as {those} in every objective, and better in one: {listed}."
    shown = [figure.shown(f"pareto-{index}") for index, figure in enumerate(planes, 1)]
    return section("pareto", "Pareto front", paragraph(said), *shown)


def _curves(told: Told) -> Html:
    rungs = told.sweep.rungs if told.sweep is not None else ()
    parts = []
    for index, goal in enumerate(told.goals, 1):
        figure = curves.learning_curves(told.order, goal, rungs, told.names)
        if figure is None:
            parts.append(left_out(f"no trial has reported {goal.metric} yet."))
        else:
            parts.append(figure.shown(f"curve-{index}"))
    bands = (
        f" The best {curves.BANDS} have a band from their worst seed to their best." if replicated(told.history) else ""
    )
    stops = " Dotted lines are rungs, at which a trial may be stopped." if rungs else ""
    said = f"All configurations; the best {curves.BEST} have a colour.{bands}{stops}"
    return section("curves", "Learning curves", paragraph(said, class_="faint"), *parts)


# -- the file -----------------------------------------------------------------------------------------------------


def _footer() -> Html:
    import optuna
    import plotly

    said = f"Drawn by Teasel {search.__version__} with Optuna {optuna.__version__} and plotly {plotly.__version__}."
    return element("footer", paragraph(said))


def _page(title: str, body: Html) -> str:
    from plotly.offline import get_plotlyjs

    script, style = ((HERE / name).read_text() for name in ("page.js", "page.css"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{markup.escape(title)}: Teasel</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        "<noscript><p>The charts need JavaScript; tables and pictures do not.</p></noscript>\n"
        f"<script>{get_plotlyjs()}</script>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )
