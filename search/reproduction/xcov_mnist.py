"""XCov autoencoder on MNIST: classification, and what its codes still tell of the class."""

from __future__ import annotations

from search.reproduction.core.claims import Page, Results, claim
from search.reproduction.core.experiment import Experiment, Plan
from trainables.core.dataset import Source

TITLE = "XCov autoencoder on MNIST"
REPORT = (
    "784-500-500-[10 | 2]-500-500-784; independent implementations reach 97.95 % and 98.67 % test accuracy with "
    "the cross-covariance C at 7.8e-4, and z lies within about [−0.5, 0.5]."
)
DIFFERENCE = (
    "The probe of z is ours: multinomial logistic regression, fitted on validation images, on all 10,000 test "
    "images. 50,000 training images (10,000 are kept for validation). Small size: 1,500 steps (8 epochs) of Adam "
    "1e-3. Full size: 40,000 steps of Adam 1e-4."
)
SEEDS = 5
WITHOUT, WITH = "γ = 0", "γ = 10"


def experiments(plan: Plan) -> list[Experiment]:
    """With and without the penalty, under each seed; α = 100 on a mean over pixels, β = 10."""
    return [
        Experiment(
            row=row,
            method="xcov_autoencoder",
            config={"alpha": 100 / 784, "beta": 10.0, "gamma": gamma, "lr": 1e-4 if plan.full else 1e-3},
            source=Source(name="mnist", options={"size": 28}),
            steps=40_000 if plan.full else 1_500,
            seeds=(seed,),
            measure="leakage",
        )
        for row, gamma in ((WITHOUT, 0.0), (WITH, 10.0))
        for seed in plan.seeds
    ]


def page(results: Results, plan: Plan) -> Page:
    """Accuracy, C, the probe and the codes' reach, by γ."""
    rows = [
        (
            row,
            results.mean(row, "val/error").shown(2, 100),
            results.mean(row, "leak/z").shown(1, 100),
            results.mean(row, "train/xcov").shown(5),
            results.mean(row, "val/reconstruction").shown(1),
            results.mean(row, "reach/z").shown(2),
        )
        for row in (WITHOUT, WITH)
    ]
    return Page(
        columns=(
            "",
            "test error of ŷ, %",
            "linear probe of y from z, %",
            "C",
            "reconstruction, squared error",
            "95th percentile of the size of z",
        ),
        rows=tuple(rows),
        claims=(
            claim(
                "Test error with γ = 10 is at most 2.5 %",
                "2.05, 1.33 %",
                results.mean(WITH, "val/error"),
                below=0.025,
                unit="%",
                scale=100,
            ),
            claim(
                "The probe's accuracy falls when γ goes from 0 to 10",
                "not given",
                results.difference(WITH, WITHOUT, "leak/z"),
                below=0.0,
                unit="points",
                digits=1,
                scale=100,
            ),
            claim("C ends below 2e-3 with γ = 10", "7.8e-4", results.mean(WITH, "train/xcov"), below=2e-3, digits=5),
            claim("95 % of the codes lie within ±0.5", "±0.5", results.mean(WITH, "reach/z"), below=0.5),
        ),
    )
