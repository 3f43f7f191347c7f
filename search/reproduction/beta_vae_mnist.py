"""The report "Disentangling in β-VAE": one model a digit against one for all digits, 8 latents against 12."""

from __future__ import annotations

import numpy as np

from search.reproduction.core.claims import Page, Results, claim, interval
from search.reproduction.core.experiment import Experiment, Plan
from trainables.core.dataset import Source
from trainables.core.subset import Subset

TITLE = "β-VAE on single digits and on all digits (MNIST)"
REPORT = (
    "Grid β ∈ {4, 8, 10, 12} × latents ∈ {8, 12}; one model per digit on 2,000 of its images, one for all digits "
    "on 10,000; 200 epochs. It gives no figures; it claims that single-digit models disentangle better than "
    "all-digit ones, and 12 latents better than 8."
)
DIFFERENCE = (
    "Disentanglement is measured by UDR over 5 models that differ in their seed, on test images; replicates are "
    "the digits and the β. Small size: digits 0 to 3, β ∈ {4, 12}, two layers of 400 units, 1,000 steps of Adam "
    "1e-3 for every model. Full size: all digits and β, the report's network, 6,000 steps."
)
SEEDS = 5
LATENTS = (8, 12)
ALL = "all"


def _grid(plan: Plan) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return (tuple("0123456789"), (4, 8, 10, 12)) if plan.full else (tuple("0123"), (4, 12))


def experiments(plan: Plan) -> list[Experiment]:
    """One experiment for each digit (and all), β and number of latents, over all seeds."""
    digits, betas = _grid(plan)
    return [
        Experiment(
            row=_row(digit, beta, latents),
            method="beta_vae",
            config={
                "beta": float(beta),
                "latents": latents,
                "lr": 1e-4 if plan.full else 1e-3,
                "network": "report" if plan.full else "mlp",
            },
            source=Source(
                name="mnist",
                options={"size": 28},
                subset=Subset(images=10_000) if digit == ALL else Subset(only=digit, images=2_000),
            ),
            steps=6_000 if plan.full else 1_000,
            seeds=plan.seeds,
            measure="agreement",
        )
        for digit in (*digits, ALL)
        for beta in betas
        for latents in LATENTS
    ]


def _row(digit: str, beta: int, latents: int) -> str:
    return f"{'all digits' if digit == ALL else f'digit {digit}'}, β = {beta}, {latents} latents"


def page(results: Results, plan: Plan) -> Page:
    """Rows by digit, averaged over β, and the two claims."""
    digits, betas = _grid(plan)
    names = ("udr", "val/reconstruction", "val/kl", "val/active_units")

    def value(digit: str, beta: int, latents: int, name: str) -> float:
        (found,) = results.values(_row(digit, beta, latents), name).values()
        return found

    rows = []
    for digit in (*digits, ALL):
        for latents in LATENTS:
            means = [np.mean([value(digit, beta, latents, name) for beta in betas]) for name in names]
            label = "all digits" if digit == ALL else f"digit {digit}"
            rows.append((label, str(latents), f"{means[0]:.3f}", *(f"{mean:.1f}" for mean in means[1:])))
    single = interval(
        value(digit, beta, latents, "udr") - value(ALL, beta, latents, "udr")
        for digit in digits
        for beta in betas
        for latents in LATENTS
    )
    more = interval(
        value(digit, beta, 12, "udr") - value(digit, beta, 8, "udr") for digit in (*digits, ALL) for beta in betas
    )
    return Page(
        columns=("trained on", "latents", "UDR", "reconstruction, nats", "KL, nats", "active units"),
        rows=tuple(rows),
        claims=(
            claim("UDR of single-digit models minus that of all-digit models", "better", single, above=0.0, digits=3),
            claim("UDR with 12 latents minus that with 8", "better", more, above=0.0, digits=3),
        ),
        notes=(
            "The rows are means over β. The intervals treat digits and β as replicates; models of one digit under "
            "two β are not independent, so they are somewhat too narrow.",
        ),
    )
