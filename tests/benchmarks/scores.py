"""Milliseconds of each score on one core, against its goal and, where that is short, a plain implementation.

10,000 rows, 10 codes and factors of 3, 6, 40, 32 and 32 values; medians of several runs, ours and the peer's in turns.
The peers are the definitions as scikit-learn's parts make them. ``--all`` adds the peer of DCI, which takes minutes.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
import time
import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.svm import LinearSVC
from table import HEAD, Row

from trainables.scores import (
    beta_vae_score,
    dci,
    factor_vae_score,
    gaussian_tc,
    irs,
    mask_score,
    mig,
    modularity,
    sap,
    udr,
)

SIZES, ROWS, LATENTS = (3, 6, 40, 32, 32), 10_000, 10
FIT = 2 * ROWS // 3
RNG = np.random.default_rng(0)
FACTORS = RNG.integers(SIZES, size=(ROWS, len(SIZES)))
MIXING = RNG.normal(size=(len(SIZES), LATENTS)).astype(np.float32) / np.array(SIZES, np.float32)[:, None]
CODES = (FACTORS @ MIXING + 0.3 * RNG.normal(size=(ROWS, LATENTS))).astype(np.float32)


def represent(factors_NF, rng):
    """A model that costs next to nothing."""
    return factors_NF @ MIXING


def binned(code_N):
    return np.digitize(code_N, np.histogram(code_N, 20)[1][:-1])


def plain_information():
    for code_N in CODES.T:
        for factor_N in FACTORS.T:
            mutual_info_score(binned(code_N), factor_N)


def plain_modularity():
    plain_information()
    codes_NZ = (CODES - CODES[:FIT].mean(0)) / CODES[:FIT].std(0)
    for factor_N in FACTORS.T:
        model = LogisticRegression().fit(codes_NZ[:FIT], factor_N[:FIT])
        has_NL = factor_N[FIT:, None] == model.classes_
        roc_auc_score(has_NL, model.predict_proba(codes_NZ[FIT:]))


def plain_sap():
    for code_N1 in CODES.T[:, :, None]:
        for factor_N in FACTORS.T:
            LinearSVC(C=0.01, class_weight="balanced").fit(code_N1[:FIT], factor_N[:FIT]).score(
                code_N1[FIT:], factor_N[FIT:]
            )


def plain_irs():
    for factor_N in FACTORS.T:
        bin_N = binned(factor_N)
        for one in np.unique(bin_N):
            within_NZ = CODES[bin_N == one]
            np.percentile(np.abs(within_NZ - within_NZ.mean(0)), 99, axis=0)


def drawn(pairs):
    """Images of a vote or of a point, drawn and encoded one group after another."""
    rng = np.random.default_rng(0)
    for _ in range(15_000):
        held = rng.integers(len(SIZES))
        one = rng.integers(SIZES, size=(64, len(SIZES)))
        other = rng.integers(SIZES, size=(64, len(SIZES))) if pairs else one
        other[:, held] = one[:, held] if pairs else one[0, held]
        yield represent(one, rng), represent(other, rng) if pairs else None, held


def plain_factor_vae():
    for one_SZ, _, _ in drawn(pairs=False):
        one_SZ.var(0, ddof=1).argmin()


def plain_beta_vae():
    points = [(np.abs(one_SZ - other_SZ).mean(0), held) for one_SZ, other_SZ, held in drawn(pairs=True)]
    point_PZ, held_P = map(np.array, zip(*points, strict=True))
    LogisticRegression().fit(point_PZ[:10_000], held_P[:10_000]).score(point_PZ[10_000:], held_P[10_000:])


def plain_dci():
    for factor_N in FACTORS.T:
        GradientBoostingClassifier().fit(CODES[:FIT], factor_N[:FIT]).score(CODES[FIT:], factor_N[FIT:])


MODELS = [CODES, CODES[:, ::-1], CODES + 0.1 * RNG.normal(size=CODES.shape)]
SCORES = (
    # what, ours, goal in milliseconds, peer
    ("mig", lambda: mig.score(CODES, FACTORS), 20, plain_information),
    ("modularity, explicitness", lambda: modularity.score(CODES, FACTORS), 300, plain_modularity),
    ("sap", lambda: sap.score(CODES, FACTORS), 200, plain_sap),
    ("sap, continuous", lambda: sap.score(CODES, FACTORS, continuous=True), None, None),
    ("irs", lambda: irs.score(CODES, FACTORS), 10, plain_irs),
    ("factor_vae_score", lambda: factor_vae_score.score(represent, SIZES), 300, plain_factor_vae),
    ("factor_vae_score of rows", lambda: factor_vae_score.score_rows(CODES, FACTORS), 300, None),
    ("beta_vae_score", lambda: beta_vae_score.score(represent, SIZES), 300, plain_beta_vae),
    ("beta_vae_score of rows", lambda: beta_vae_score.score_rows(CODES, FACTORS), 300, None),
    ("gaussian_tc", lambda: gaussian_tc.score(CODES), None, None),
    ("mask_score", lambda: mask_score.score(CODES, FACTORS), None, None),
    ("udr of three models", lambda: udr.score(MODELS, [np.ones(LATENTS)] * 3), None, None),
    ("dci", lambda: dci.score(CODES, FACTORS), 10_000, plain_dci),
)
SLOW = {"dci": 1}
"""Repeats of what takes seconds."""


def milliseconds(work):
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def rows(repeat: int, every: bool) -> Iterator[Row]:
    """Milliseconds of each score and, where that is short or ``every`` is asked for, of its peer."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for what, ours, goal, peer in SCORES:
        if what in SLOW and not every:
            peer = None
        if what not in SLOW:
            ours()  # imports and first allocations
        found, others = [], []
        for _ in range(SLOW.get(what, repeat)):
            found.append(milliseconds(ours))
            if peer is not None and len(others) < 3:
                others.append(milliseconds(peer))
        beside = statistics.median(others) if others else None
        yield Row(what=f"{what}, ms", ours=statistics.median(found), peer=beside, better="less", most=goal)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--all", action="store_true", help="the peer of DCI too")
    given = parser.parse_args()
    print(HEAD, flush=True)
    for row in rows(given.repeat, given.all):
        print(row, flush=True)


if __name__ == "__main__":
    main()
