"""From samples to effects: means of ratios, ratios of means, robust means, heat maps, intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nastdata.seeded import draw_int
from nastdata.statistics import Floats, bootstrap_clusters, sum_clusters
from nastdata.tracing.samples import ROLES, Samples


def sum_up(
    samples: Samples, right: npt.NDArray[np.bool_], conditions: list[str], draws: int, seed: int
) -> dict[str, Floats]:
    """Mean of ratios, ratio of means, robust mean, both directions, with intervals; heat maps by role.

    A ratio effect / d varies as 1 / d**2 beside what varies between pairs; the robust mean weights it by the
    inverse of both together, d**2 / (d**2 + median(d)**2), so that pairs with d near zero hardly count.
    """
    d = samples.d[right]
    names = [c for c, r in zip(conditions, right, strict=True) if r]
    negation = ROLES.index("negation")
    out: dict[str, Floats] = {}
    for name, effects in (("noising", samples.noised[right]), ("denoising", samples.denoised[right])):
        ratios = effects / d[:, None, None]
        out[f"{name}_heat"] = _mean_known(ratios)
        out[f"{name}_heat_ratio_of_means"] = _mean_known(effects) / d.mean()
        weight = d**2 / (d**2 + np.median(d) ** 2)
        for kind, above, below in (
            ("mean_of_ratios", ratios[:, :, negation], np.ones_like(d)),
            ("ratio_of_means", effects[:, :, negation], d),
            ("robust", weight[:, None] * ratios[:, :, negation], weight),
        ):
            sums, _, order = sum_clusters(above, names)
            counts, _, _ = sum_clusters(below, names)
            out[f"{name}_{kind}"] = above.sum(axis=0) / below.sum()
            out[f"{name}_{kind}_by_condition"] = sums / counts[:, None]
            low, high = bootstrap_clusters(sums, counts, draws, draw_int(seed, name, kind))
            out[f"{name}_{kind}_interval"] = np.stack([low, high])
            out[f"{name}_{kind}_interval_by_condition"] = _within(above, below, names, order, draws, seed)
    return out


def _within(
    above: Floats, below: Floats, names: list[str], order: list[str], draws: int, seed: int
) -> Floats:
    """Intervals of each condition, its images resampled: (2, conditions, depth + 1)."""
    bounds = []
    for condition in order:
        at = np.array([n == condition for n in names])
        bounds.append(np.stack(bootstrap_clusters(above[at], below[at], draws, draw_int(seed, condition))))
    return np.stack(bounds, axis=1)


def _mean_known(values: Floats) -> Floats:
    """Mean over rows; roles that no pair has stay NaN."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)
    return mean
