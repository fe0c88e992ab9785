"""Learning rates: the same number of trials for every method, on one pretrained model, by validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from experiment.method import Method
from experiment.sizes import Size

Trial = Mapping[str, Any]
"""What ``runs.summarise_run`` keeps."""


def list_rates(size: Size, method: Method) -> list[tuple[float, float]]:
    """Return the (learning rate, weight decay) pairs that are tried first."""
    return [(rate * method.rate_scale, size.decays[0]) for rate in size.rates]


def list_decays(size: Size, trials: Sequence[Trial]) -> list[tuple[float, float]]:
    """Return the pairs that are tried with the best rate of the first trials."""
    return [(float(choose(trials)["rate"]), decay) for decay in size.decays[1:]]


def choose(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the best validation score; of equals the lowest rate, then the lowest decay.

    A run that was never better than the untrained model counts as what it is: the untrained model's score.
    """
    return min(trials, key=lambda t: (-next(iter(t["best"].values())), t["rate"], t["decay"]))


def match_norm(uniform: Sequence[Trial], target: Trial) -> tuple[float, float]:
    """Return the learning rate (and decay) with which uniform training changes as much as another method.

    Norms of change are interpolated on logarithms over the trials of uniform training; beyond them the ends'
    rates are taken.
    """
    points = sorted((_norm(t), float(t["rate"])) for t in uniform if _norm(t) > 0)
    wanted, decay = _norm(target), float(choose(uniform)["decay"])
    if not points or wanted <= points[0][0]:
        return (points[0][1] if points else float(choose(uniform)["rate"])), decay
    for (low, first), (high, second) in pairwise(points):
        if wanted <= high:
            share = math.log(wanted / low) / math.log(high / low) if high > low else 0.0
            return float(f"{math.exp(math.log(first) + share * math.log(second / first)):.4g}"), decay
    return points[-1][1], decay


def _norm(trial: Trial) -> float:
    """The norm of the whole change."""
    return math.sqrt(sum(n**2 for n in trial["update"]["norms"]))
