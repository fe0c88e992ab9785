"""Intervals and paired tests that know which rows belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nastdata.seeded import draw_int

Floats = npt.NDArray[np.float64]


def bootstrap_clusters(
    sums: Floats, counts: Floats, draws: int, seed: int, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the percentile interval of ratios of sums when whole clusters are drawn with replacement.

    Args:
        sums: (clusters, ...) numerator of each cluster.
        counts: (clusters,) or as ``sums``: its denominator.
        draws: How many resamples.
        seed: Of the resampling.
        level: Coverage.

    Returns:
        Lower and upper bounds, each (...).
    """
    n = len(sums)
    weights = draw_weights(n, draws, seed)
    flat = sums.reshape(n, -1)
    below = counts.reshape(n, -1) if counts.ndim > 1 else counts[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ flat) / (weights @ below)
    tail = (1 - level) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail], axis=0)
    return low.reshape(sums.shape[1:]), high.reshape(sums.shape[1:])


def draw_weights(n: int, draws: int, seed: int) -> Floats:
    """Return (draws, n) counts of how often each of ``n`` clusters is drawn."""
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "bootstrap", n)))
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def sum_clusters(values: Floats, clusters: Sequence[str]) -> tuple[Floats, Floats, list[str]]:
    """Return (sums per cluster, rows per cluster, cluster names in order)."""
    names = sorted(set(clusters))
    index = {name: i for i, name in enumerate(names)}
    at = np.array([index[c] for c in clusters])
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, at, values)
    return sums, np.bincount(at, minlength=len(names)).astype(np.float64), names


def estimate_mean(values: Floats, clusters: Sequence[str], draws: int, seed: int) -> dict[str, float]:
    """Return mean, low, high and n of a column, clusters (patients) resampled as wholes."""
    sums, counts, _ = sum_clusters(values.astype(np.float64), clusters)
    low, high = bootstrap_clusters(sums, counts, draws, seed)
    return {"mean": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}


def compare_paired(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Compare two right/wrong columns of the same items: exact McNemar test.

    Returns:
        ``only_first``, ``only_second``: items that one alone got right; ``p``: two-sided.
    """
    from scipy.stats import binomtest

    b, c = int((first & ~second).sum()), int((~first & second).sum())
    p = float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0
    return {"only_first": b, "only_second": c, "p": p}


def compare_clustered(differences: Floats, clusters: Sequence[str], draws: int, seed: int) -> float:
    """Return the two-sided p of "no difference" when whole clusters swap their two models' results.

    A paired permutation test that knows that a patient's questions belong together: the signs of the
    clusters' summed differences are drawn at random. McNemar's test takes every row for independent.
    """
    sums, _, _ = sum_clusters(differences.astype(np.float64), clusters)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "signs", len(sums))))
    signs = rng.integers(0, 2, (draws, len(sums))) * 2.0 - 1.0
    extreme = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9
    return float((extreme.sum() + 1) / (draws + 1))


def estimate_statistic(
    statistic: Callable[[npt.NDArray[np.int64]], float], clusters: Sequence[str], draws: int, seed: int
) -> tuple[float, float]:
    """Return the interval of any statistic of row indices, clusters resampled as wholes."""
    names = sorted(set(clusters))
    rows: dict[str, list[int]] = {name: [] for name in names}
    for i, c in enumerate(clusters):
        rows[c].append(i)
    members = [np.array(rows[name], dtype=np.int64) for name in names]
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "statistic", len(names))))
    values = []
    for _ in range(draws):
        drawn = rng.integers(0, len(names), len(names))
        values.append(statistic(np.concatenate([members[j] for j in drawn])))
    low, high = np.nanquantile(np.array(values), [0.025, 0.975])
    return float(low), float(high)


def estimate_difference(
    first: Floats,
    first_clusters: Sequence[str],
    second: Floats,
    second_clusters: Sequence[str],
    draws: int,
    seed: int,
) -> dict[str, float]:
    """Return mean(first) - mean(second) with an interval; clusters in both move together."""
    names = sorted({*first_clusters, *second_clusters})
    index = {name: i for i, name in enumerate(names)}
    sums, counts = np.zeros((2, len(names))), np.zeros((2, len(names)))
    for side, (values, clusters) in enumerate(((first, first_clusters), (second, second_clusters))):
        at = np.array([index[c] for c in clusters])
        np.add.at(sums[side], at, values)
        np.add.at(counts[side], at, 1)
    weights = draw_weights(len(names), draws, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ sums.T) / (weights @ counts.T)
    low, high = np.nanquantile(means[:, 0] - means[:, 1], [0.025, 0.975])
    return {
        "mean": float(first.mean() - second.mean()),
        "low": float(low),
        "high": float(high),
        "n": len(names),
    }


def resample_sums(sums: Floats, draws: int, seed: int) -> Floats:
    """Return the column totals of resamples in which whole clusters are drawn with replacement.

    For many clusters: memory does not grow with their number times ``draws``.

    Args:
        sums: (clusters, columns) totals of each cluster.
        draws: How many resamples.
        seed: Of the resampling.

    Returns:
        (draws, columns) totals.
    """
    n = len(sums)
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "resample", n)))
    at_once = max(1, 2_000_000 // max(n, 1))
    out = np.empty((draws, sums.shape[1]))
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start)
        drawn = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        out[start : start + size] = weights.astype(np.float64) @ sums
    return out
