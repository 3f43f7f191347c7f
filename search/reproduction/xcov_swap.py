"""Paired against plain XCov autoencoder: whether a face with another's expression is still the same person."""

from __future__ import annotations

from search.reproduction.core.claims import Page, Results, claim
from search.reproduction.core.experiment import Experiment, Plan
from trainables.core.dataset import Source

TITLE = "XCov autoencoders: swapping expressions between faces"
REPORT = (
    "JAFFE, 10 persons × 7 expressions: swaps succeed in 55 % with the plain and 95 % with the paired autoencoder "
    "(n = 96 each, judged by eye); expressions are classified with about 93 %."
)
DIFFERENCE = (
    "JAFFE is gated by its licence, so these are rendered faces (10 identities × 7 expressions × takes, 48×48). "
    "Success is judged by two classifiers, of expression and of identity, trained on real images alone; images "
    "are split before pairing, and swaps are of test images. Small size: widths from 512 with 64 latents, 2,000 "
    "steps. Full size: the report's widths and 256 latents, 20,000 steps. Both methods have equal networks, steps "
    "and images a step."
)
SEEDS = 5
PLAIN, PAIRED = "plain", "paired"


def experiments(plan: Plan) -> list[Experiment]:
    """Both methods at equal networks, under each seed."""
    sizes = {
        "network": "halving",
        "hidden": 512 if plan.full else 128,
        "latents": 256 if plan.full else 64,
        "lr": 1e-4 if plan.full else 1e-3,
    }
    weights = {"alpha": 1000 / 48**2, "beta": 100.0, "gamma": 1000.0}
    rows = {
        PLAIN: ("xcov_autoencoder", {**weights, **sizes, "batch_size": 64}),
        PAIRED: ("paired_xcov_autoencoder", {**weights, **sizes, "batch_size": 32, "zeta": 100.0}),
    }
    return [
        Experiment(
            row=row,
            method=method,
            config=config,
            source=Source(name="faces", options={"size": 48}),
            steps=20_000 if plan.full else 2_000,
            seeds=(seed,),
            measure="swap",
            arguments={"pairs": 96 if plan.full else 384},
        )
        for row, (method, config) in rows.items()
        for seed in plan.seeds
    ]


def page(results: Results, plan: Plan) -> Page:
    """Swap success and its two halves, and classification, by method."""
    names = (
        "swap/success",
        "swap/label",
        "swap/identity",
        "val/error",
        "swap/label_accuracy",
        "swap/identity_accuracy",
    )
    rows = [
        (row, *(results.mean(row, name).shown(1, 100) for name in names if results.values(row, name)))
        for row in (PLAIN, PAIRED)
    ]
    gain = results.difference(PAIRED, PLAIN, "swap/success")
    return Page(
        columns=(
            "",
            "swap success, %",
            "expression right, %",
            "identity right, %",
            "test error of ŷ, %",
            "the judge of expression on real images, %",
            "the judge of identity, %",
        ),
        rows=tuple(rows),
        claims=(
            claim("Pairing raises swap success", "+40 points", gain, above=0.0, unit="points", digits=1, scale=100),
            claim(
                "Swap success of the paired autoencoder is at least 90 %",
                "95 %",
                results.mean(PAIRED, "swap/success"),
                above=0.9,
                unit="%",
                digits=1,
                scale=100,
            ),
            claim(
                "Swap success of the plain autoencoder lies between 45 and 65 %",
                "55 %",
                results.mean(PLAIN, "swap/success"),
                above=0.45,
                below=0.65,
                unit="%",
                digits=1,
                scale=100,
            ),
            claim(
                "Expressions are classified with at most 10 % error",
                "about 7 %",
                results.mean(PAIRED, "val/error"),
                below=0.1,
                unit="%",
                digits=1,
                scale=100,
            ),
        ),
    )
