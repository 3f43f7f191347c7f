"""JADE against a single and a paired classifier, ten seeds each; and what its search gained over the defaults."""

from __future__ import annotations

from typing import Any

from search.reproduction.core.claims import Claim, Page, Results, claim
from search.reproduction.core.experiment import Experiment, Plan
from search.reproduction.core.searched import winner
from trainables.core.dataset import Source
from trainables.core.subset import Subset

TITLE = "JADE: test error with 1,000 labels"
REPORT = (
    "SVHN with 1,000 labels and MNIST, error in %: single classifier 32.31 ± 1.56, paired classifier 30.17 ± 2.77 "
    "(MNIST .82 ± .05), JADE 29.08 ± .92 (MNIST .72 ± .03); three runs, so its difference to the paired "
    "classifier proves nothing. The weights are not given."
)
DIFFERENCE = (
    "USPS takes the place of SVHN: 1,000 labels, 100 per class, drawn anew for each seed; the secondary is MNIST; "
    "the error is that of all 2,007 USPS test images. The ready-made sweeps jade_usps_mnist, "
    "paired_classifier_usps_mnist and single_classifier_usps choose each system's configuration on validation "
    "images, under one seed; 'weights 1' is JADE's formula as printed with the defaults. Small size: images of "
    "16×16, a quarter of the channels, 1,500 steps. Full size: 32×32, the report's channels, 20,000 steps, with "
    "what the small sweeps chose."
)
SEEDS = 10
SINGLE, PAIRED, DEFAULT, JADE = "single classifier", "paired classifier", "JADE, weights 1", "JADE, searched"
SEARCHED = {
    SINGLE: ("single_classifier", "single_classifier_usps"),
    PAIRED: ("paired_classifier", "paired_classifier_usps_mnist"),
    JADE: ("jade", "jade_usps_mnist"),
}


def prepare(plan: Plan) -> None:
    """Run the three sweeps."""
    for _, sweep in SEARCHED.values():
        winner(sweep, plan)


def experiments(plan: Plan) -> list[Experiment]:
    """Four rows under each seed."""
    channels = 64 if plan.full else 16
    rows = {row: (method, {**winner(sweep, plan), "channels": channels}) for row, (method, sweep) in SEARCHED.items()}
    rows[DEFAULT] = ("jade", {"channels": channels})
    return [_experiment(plan, row, *rows[row], seed) for row in (SINGLE, PAIRED, DEFAULT, JADE) for seed in plan.seeds]


def _experiment(plan: Plan, row: str, method: str, config: dict[str, Any], seed: int) -> Experiment:
    mnist = Source(name="mnist", options={"size": 28})
    return Experiment(
        row=row,
        method=method,
        config=config,
        source=Source(
            name="usps",
            options={"size": 32 if plan.full else 16},
            subset=Subset(per_class=100, seed=seed),
            secondary=None if method == "single_classifier" else mnist,
        ),
        steps=20_000 if plan.full else 1_500,
        seeds=(seed,),
        measure="tested",
    )


def page(results: Results, plan: Plan) -> Page:
    """Errors, and the differences between systems, paired by seed."""
    rows = []
    for row in (SINGLE, PAIRED, DEFAULT, JADE):
        second = results.mean(row, "val/secondary_error").shown(2, 100) if row != SINGLE else "—"
        rows.append((row, results.mean(row, "val/error").shown(2, 100), second))

    def less(row: str, other: str, text: str, reported: str, name: str = "val/error") -> Claim:
        return claim(text, reported, results.difference(row, other, name), below=0.0, unit="points", scale=100)

    chosen = {
        row: ", ".join(f"{k} {_short(v)}" for k, v in winner(s, plan).items()) for row, (_, s) in SEARCHED.items()
    }
    return Page(
        columns=("", "USPS test error, %", "MNIST test error, %"),
        rows=tuple(rows),
        claims=(
            less(JADE, DEFAULT, "The search finds better weights than the defaults", "not given"),
            less(PAIRED, SINGLE, "The paired classifier errs less than the single one", "−2.1"),
            less(JADE, SINGLE, "JADE errs less than the single classifier", "−3.2"),
            less(JADE, PAIRED, "JADE errs less than the paired classifier", "−1.1"),
            less(JADE, PAIRED, "JADE errs less than the paired classifier on MNIST", "−.10", "val/secondary_error"),
        ),
        notes=tuple(f"{row} was chosen as: {text}." for row, text in chosen.items()),
    )


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
