"""Whether the estimators of a tracing effect agree: in sign, and in the order of the blocks.

A mean of ratios and a ratio of means estimate the same effect. Where d is near zero for some pairs they can
differ in sign, with intervals that both exclude zero: then the trace doesn't say which blocks carry the
negation, and no layer weights should be made of it without a word.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from nastdata.statistics import Floats

ESTIMATORS = ("mean_of_ratios", "ratio_of_means", "robust")
DIRECTIONS = ("noising", "denoising")


def list_disputed(arrays: dict[str, Floats], direction: str | None = None) -> list[int]:
    """Return the blocks (from 1) of which two estimates have opposite signs, both beyond their intervals.

    Args:
        arrays: of a trace.
        direction: ``noising`` or ``denoising``; None: the estimates of both are held against one another.
    """
    directions = DIRECTIONS if direction is None else (direction,)
    signs = [
        _sign(arrays[f"{name}_interval"])
        for d in directions
        for e in ESTIMATORS
        if f"{(name := f'{d}_{e}')}_interval" in arrays
    ]
    if not signs:
        return []
    stacked = np.stack(signs)
    disputed = (stacked.max(axis=0) > 0) & (stacked.min(axis=0) < 0)
    return [int(i) for i in np.flatnonzero(disputed) if i > 0]


def correlate_estimators(arrays: dict[str, Floats]) -> dict[str, float]:
    """Return Spearman's rank correlation over the blocks for each pair of estimates that a trace holds."""
    names = [n for d in DIRECTIONS for e in ESTIMATORS if (n := f"{d}_{e}") in arrays]
    return {f"{a} / {b}": rank_correlation(arrays[a][1:], arrays[b][1:]) for a, b in combinations(names, 2)}


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; 0 where one is constant."""
    a, b = _rank(first), _rank(second)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return round(float(np.corrcoef(a, b)[0, 1]), 4)


def describe_agreement(arrays: dict[str, Floats]) -> dict[str, Any]:
    """Return what ``trace.json`` says of it: correlations, and the disputed blocks of each direction."""
    return {
        "rank_correlations": correlate_estimators(arrays),
        "disputed_blocks": {d: list_disputed(arrays, d) for d in DIRECTIONS},
        "disputed_between_directions": list_disputed(arrays),
    }


def _sign(interval: Floats) -> Floats:
    """1 or -1 where an interval excludes zero, else 0."""
    low, high = interval
    out: Floats = np.where(low > 0, 1.0, np.where(high < 0, -1.0, 0.0))
    return out


def _rank(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = ((ends - counts) + (ends - 1))[inverse] / 2.0
    return ranks
