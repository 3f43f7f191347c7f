"""Multinomial logistic regression, as fast as scores need it.

The minimum over weights W and intercepts b of the mean of −ln softmax(W x + b)[class] + |W|² / 2N: the penalty that
the field's libraries have as C = 1. Two classes have one logit, whose weights alone are penalised. The optimiser is
L-BFGS from the classes' shares, in coordinates in which the Hessian there is the identity, so that it takes tens of
steps for correlated codes too; sums over images are in float32. Letters: N images, D = codes + 1, L classes or one
logit.
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 2e-4
"""Largest slope of the loss where it ends; test accuracies and areas are then within about 1e-4 of the optimum's."""
STEPS = 100


def probabilities(fit_NZ: np.ndarray, index_N: np.ndarray, test_NZ: np.ndarray) -> np.ndarray:
    """(L, N of test) of a model fitted to classes ``index_N``: whole numbers from 0, two or more, each there."""
    weight_LD = _fit(fit_NZ.astype(np.float64), index_N)
    logit_LN = weight_LD[:, :-1] @ test_NZ.T.astype(np.float64) + weight_LD[:, -1:]
    if len(weight_LD) == 1:
        logit_LN = np.concatenate([np.zeros_like(logit_LN), logit_LN])
    logit_LN -= logit_LN.max(0)
    exp_LN = np.exp(logit_LN)
    return exp_LN / exp_LN.sum(0)


def _fit(fit_NZ: np.ndarray, index_N: np.ndarray) -> np.ndarray:
    """Weights and intercept (L, D)."""
    # Imported here: the registry of scores is read by commands that must be quick.
    from scipy.optimize import minimize

    rows, codes = fit_NZ.shape
    count_L = np.bincount(index_N)
    two = len(count_L) == 2
    code_DN = np.concatenate([fit_NZ.T, np.ones((1, rows))])
    penalty_D = np.append(np.ones(codes), 0.0) / rows
    hessian_DD = code_DN @ code_DN.T / (rows * len(count_L)) + np.diag(penalty_D)
    # Codes that are copies of each other leave it singular but for the penalty.
    hessian_DD[np.diag_indices(codes + 1)] *= 1 + 1e-9
    to_own_DD = np.linalg.inv(np.linalg.cholesky(hessian_DD))
    own_DN = np.ascontiguousarray(to_own_DD @ code_DN, np.float32)
    own_ND = np.ascontiguousarray(own_DN.T)
    penalty_DD = to_own_DD @ (penalty_D[:, None] * to_own_DD.T)
    by_class_ND = own_ND[np.argsort(index_N, kind="stable")]
    sum_LD = np.add.reduceat(by_class_ND, np.cumsum(count_L) - count_L, axis=0, dtype=np.float64)[int(two) :]
    logit_LN = np.empty((len(sum_LD), rows), np.float32)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight_LD = flat.reshape(sum_LD.shape)
        np.matmul(weight_LD.astype(np.float32), own_DN, out=logit_LN)
        # Two classes: the other logit is 0.
        top_N = np.maximum(logit_LN[0], 0.0) if two else logit_LN.max(0)
        np.subtract(logit_LN, top_N, out=logit_LN)
        np.exp(logit_LN, out=logit_LN)
        total_N = logit_LN.sum(0)
        if two:
            total_N += np.exp(-top_N)
        np.divide(logit_LN, total_N, out=logit_LN)
        penalised_LD = weight_LD @ penalty_DD
        nats = (np.log(total_N) + top_N).sum(dtype=np.float64) - (weight_LD * sum_LD).sum()
        slope_LD = (logit_LN @ own_ND - sum_LD) / rows + penalised_LD
        return nats / rows + 0.5 * (weight_LD * penalised_LD).sum(), slope_LD.ravel()

    share_L = np.log(count_L)
    intercept_L = share_L[1:] - share_L[0] if two else share_L - share_L.mean()
    start_LD = intercept_L[:, None] * np.linalg.inv(to_own_DD)[-1]
    options = {"maxiter": STEPS, "gtol": TOLERANCE, "ftol": 1e-10}
    found = minimize(loss, start_LD.ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(sum_LD.shape) @ to_own_DD
