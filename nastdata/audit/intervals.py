"""Intervals of an accuracy whose items come in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from nastdata.audit.choices import Floats, Ints

Z95 = 1.959964
FAMILY_Z = 3.944
"""A solver fails only if its excess over chance is beyond luck too. An audit has up to some 250 figures, of
which the luckiest must not pass for a leak: one-sided 1 % for all of them together (Bonferroni), 0.004 %
for each."""
EXIT_Z = 2.575829
"""A trial ends early if the whole 99 % interval is below the limit, or it is above it beyond luck."""


def bound_accuracy(credit: Floats, clusters: Sequence[Ints], z: float = Z95) -> tuple[float, float, float]:
    """Return accuracy, low, high: Wilson's interval with a design effect.

    The items count as fewer where answers of a cluster go together (variance of the cluster totals over that
    of independent items), never as more than there are. Of several clusterings (groups, patients) the one
    with the larger effect counts. Few clusters know little of their variance: quantiles are those of
    Student's t with one degree of freedom less than there are clusters.

    Args:
        credit: (items,) credit for the answers, between 0 and 1.
        clusters: (items,) codes, one array a clustering.
        z: normal quantile.
    """
    n = len(credit)
    p = float(credit.mean())
    effect = 1.0
    if 0 < p < 1:
        effect = max(1.0, *(_find_variance(credit - p, c) / (p * (1 - p) * n) for c in clusters))
    z = widen_quantile(z, min((len(np.unique(c)) for c in clusters), default=n))
    m = n / effect
    centre = (p + z * z / (2 * m)) / (1 + z * z / m)
    half = z / (1 + z * z / m) * sqrt(p * (1 - p) / m + z * z / (4 * m * m))
    return p, max(centre - half, 0.0), min(centre + half, 1.0)


def widen_quantile(z: float, clusters: int) -> float:
    """Return Student's quantile where the normal one is ``z``, for a variance known from so many clusters."""
    from scipy.special import ndtr, stdtrit

    return float(stdtrit(max(clusters - 1, 1), ndtr(z)))


def _find_variance(residual: Floats, cluster: Ints) -> float:
    """Return the variance of the sum of residuals, whole clusters being drawn."""
    totals = np.bincount(cluster, weights=residual)
    count = int((np.bincount(cluster) > 0).sum())
    return float((totals**2).sum()) * count / max(count - 1, 1)
