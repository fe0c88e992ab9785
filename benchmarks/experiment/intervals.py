"""Estimates over patients, fine-tuning seeds and pretrained models, with intervals that know all three.

Two things vary: which patients are in the test, and which model was pretrained (and tuned, with which seed).
The variance of an estimate is the sum of both: over patients, with all runs held as they are (clustered,
linearised), and between the pretrained models' own estimates, divided by their number. With three models that
second part has two degrees of freedom, so the interval uses Student's quantile with Satterthwaite's
degrees of freedom: wide where the models disagree, narrow where they agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiment.judge import Judged

Floats = npt.NDArray[np.float64]
Runs = Sequence[Sequence[Judged]]
"""Pretrained model -> fine-tuning seed -> outcomes."""


@dataclass(frozen=True)
class Term:
    """A signed share of one method's mean of one metric, on rows of one stratum."""

    runs: Runs
    metric: str
    """``TEST/METRIC``."""
    truth: str | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference, with its 95 % interval; shares of 1."""

    mean: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there were rows to estimate from."""
        return bool(np.isfinite(self.mean))


NOTHING = 1e-24
"""A variance that is rounding only."""
NONE = Estimate(float("nan"), float("nan"), float("nan"))


def estimate(terms: Sequence[Term], level: float = 0.95) -> Estimate:
    """Return the weighted sum of the terms' means, paired over patients and pretrained models.

    Args:
        terms: Methods are paired where they have the same patients and equally many pretrained models.
        level: Coverage.
    """
    patients: dict[bytes, float] = {}
    bases = max(len(t.runs) for t in terms)
    values = np.zeros(bases)
    for term in terms:
        by_base = [_mean_rows(seeds, term) for seeds in term.runs]
        if any(b is None for b in by_base):
            return NONE
        found = [b for b in by_base if b is not None]
        for name, share in _influence(found).items():
            patients[name] = patients.get(name, 0.0) + term.weight * share
        means = np.array([b.mean for b in found])
        values += term.weight * (means if len(means) == bases else np.repeat(means.mean(), bases))
    shares = np.array(list(patients.values()))
    n = len(shares)
    over_patients = float((shares**2).sum() * n / max(n - 1, 1))
    between = float(values.var(ddof=1) / bases) if bases > 1 else 0.0
    return _bound(float(values.mean()), over_patients, n - 1, between, bases - 1, level)


def _bound(mean: float, first: float, first_df: int, second: float, second_df: int, level: float) -> Estimate:
    """The interval of a mean whose variance is estimated in two parts (Satterthwaite)."""
    from scipy.stats import t

    total = first + second
    if total < NOTHING:
        return Estimate(mean, mean, mean)
    below = first**2 / max(first_df, 1) + (second**2 / second_df if second_df > 0 else 0.0)
    half = float(t.ppf(0.5 + level / 2, max(1.0, total**2 / below))) * total**0.5
    return Estimate(mean, mean - half, mean + half)


@dataclass(frozen=True)
class _Rows:
    """Rows of one pretrained model: the mean over its seeds' rows, and sums by patient."""

    mean: float
    count: float
    sums: dict[bytes, float]
    counts: dict[bytes, float]


def _mean_rows(seeds: Sequence[Judged], term: Term) -> _Rows | None:
    sums: dict[bytes, float] = {}
    counts: dict[bytes, float] = {}
    for judged in seeds:
        if f"{term.metric}/values" not in judged:
            return None
        values, names = judged[f"{term.metric}/values"].astype(float), judged[f"{term.metric}/patients"]
        if term.truth is not None:
            kept = judged[f"{term.metric}/truth"] == term.truth.encode()
            values, names = values[kept], names[kept]
        order, at = np.unique(names, return_inverse=True)
        added, number = np.bincount(at, values, len(order)), np.bincount(at, minlength=len(order))
        for name, a, k in zip(order.tolist(), added.tolist(), number.tolist(), strict=True):
            sums[name] = sums.get(name, 0.0) + a
            counts[name] = counts.get(name, 0.0) + k
    count = sum(counts.values())
    return _Rows(sum(sums.values()) / count, count, sums, counts) if count else None


def _influence(found: Sequence[_Rows]) -> dict[bytes, float]:
    """Return how far each patient moves the mean over pretrained models from where it is."""
    out: dict[bytes, float] = {}
    for rows in found:
        for name, added in rows.sums.items():
            share = (added - rows.mean * rows.counts[name]) / rows.count
            out[name] = out.get(name, 0.0) + share / len(found)
    return out
