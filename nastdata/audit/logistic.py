"""Conditional logit: the right option of an item is the softmax choice of a linear score."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from nastdata.audit.choices import Bools, ChoiceSet, Floats

PENALTY = 1.0
"""L2 penalty on the summed negative log-likelihood."""
ITERATIONS = 40


def fit_logit(x: csr_matrix, choices: ChoiceSet, train: Bools) -> Floats:
    """Fit weights by L-BFGS, from zero.

    Args:
        x: (rows, features); what is equal in all options of an item has no effect.
        choices: the items.
        train: (items,) which to fit on.

    Returns:
        (features,) weights.
    """
    rows = np.flatnonzero(train[choices.item_of])
    if not len(rows):
        return np.zeros(x.shape[1])
    part = x[rows]
    transposed = part.T.tocsr()
    sizes = choices.sizes[train]
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    right = start + (choices.right - choices.start[:-1])[train]

    def lose(w: Floats) -> tuple[float, Floats]:
        score = part @ w
        score -= np.repeat(np.maximum.reduceat(score, start), sizes)
        share = np.exp(score)
        total = np.add.reduceat(share, start)
        share /= np.repeat(total, sizes)
        loss = float(np.log(total).sum() - score[right].sum() + 0.5 * PENALTY * (w @ w))
        share[right] -= 1.0
        return loss, transposed @ share + PENALTY * w

    found = minimize(
        lose, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "ftol": 1e-6}
    )
    weights: Floats = found.x
    return weights
