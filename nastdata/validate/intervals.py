"""Intervals of an accuracy whose items come in clusters."""

from __future__ import annotations

from math import sqrt

import numpy as np

from nastdata.validate.choices import Floats, Ints

Z95 = 1.959964


def bound_accuracy(credit: Floats, cluster: Ints, z: float = Z95) -> tuple[float, float, float]:
    """Return accuracy, low, high: Wilson's interval with a design effect.

    The items count as fewer where answers of a cluster go together (variance of the cluster totals over that
    of independent items), never as more than there are.

    Args:
        credit: (items,) share of the seeds in which an item was answered rightly.
        cluster: (items,) cluster codes.
        z: normal quantile.
    """
    n = len(credit)
    p = float(credit.mean())
    totals = np.bincount(cluster, weights=credit - p)
    clusters = int((np.bincount(cluster) > 0).sum())
    variance = float((totals**2).sum()) / n**2 * clusters / max(clusters - 1, 1)
    effect = max(variance / (p * (1 - p) / n), 1.0) if 0 < p < 1 else 1.0
    m = n / effect
    centre = (p + z * z / (2 * m)) / (1 + z * z / m)
    half = z / (1 + z * z / m) * sqrt(p * (1 - p) / m + z * z / (4 * m * m))
    return p, max(centre - half, 0.0), min(centre + half, 1.0)
