"""What is measured: terms for one method, that intervals and hypotheses put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiment.intervals import Estimate, Runs, Term, estimate
from experiment.judge import AS_TRAINED, VALIDATION, Judged

DENIES, AFFIRMS = "negated", "affirmative"
EQUAL = "claim at equal affirming accuracy"
"""Claim accuracy where an offset between polarities was set so that affirming accuracy is a fixed one."""


def measure(runs: Runs, what: str, test: str = AS_TRAINED, weight: float = 1.0) -> list[Term]:
    """Return the terms of a measure.

    Args:
        runs: Of one method.
        what: ``balanced`` (mean of affirming and denying claim accuracy), ``denies``, ``affirms``, ``gap``,
            or a metric's own name, with ``:truth`` if it is of rows of one truth.
        test: Name of the test.
        weight: Sign and share.
    """
    claim = f"{test}/claim"
    if what == "balanced":
        return [Term(runs, claim, t, weight / 2) for t in (DENIES, AFFIRMS)]
    if what == "gap":
        return [Term(runs, claim, AFFIRMS, weight), Term(runs, claim, DENIES, -weight)]
    if what in ("denies", "affirms"):
        return [Term(runs, claim, DENIES if what == "denies" else AFFIRMS, weight)]
    metric, _, truth = what.partition(":")
    return [Term(runs, f"{test}/{metric}", truth or None, weight)]


def compare(first: Runs, second: Runs, what: str, test: str = AS_TRAINED) -> Estimate:
    """Return the difference of two methods, paired."""
    return estimate([*measure(first, what, test), *measure(second, what, test, -1.0)])


def equalise(runs: Runs, target: float, test: str = AS_TRAINED) -> list[list[Judged]]:
    """Return outcomes with one more metric: claims judged at an offset that makes affirming accuracy equal.

    The offset is added to the score of every claim that denies. It is chosen on validation claims, so that
    affirming accuracy there is as near to ``target`` as it gets; with equal affirming accuracy, points on
    denying claims are not bought with points on affirming ones.
    """
    return [[{**judged, **_shift(judged, target, test)} for judged in seeds] for seeds in runs]


def find_offset(judged: Judged, target: float) -> float:
    """Return the offset at which affirming accuracy on validation is nearest to ``target``."""
    affirms = judged[f"{VALIDATION}/own/truth"] == AFFIRMS.encode()
    own = judged[f"{VALIDATION}/own/values"][affirms] > 0
    margin = judged[f"{VALIDATION}/margin/values"][affirms].astype(float)
    # right where own and margin > b: accuracy falls as b rises past each margin
    finite = np.sort(np.unique(margin[np.isfinite(margin)]))
    if not len(finite):
        return 0.0
    between = (finite[1:] + finite[:-1]) / 2
    candidates = np.concatenate([[finite[0] - 0.01], between, [finite[-1] + 0.01]])
    accuracy = (own[None, :] & (margin[None, :] > candidates[:, None])).mean(axis=1)
    nearest = np.abs(accuracy - target)
    best = np.flatnonzero(nearest == nearest.min())
    return float(candidates[best[np.argmin(np.abs(candidates[best]))]])


def _shift(judged: Judged, target: float, test: str) -> Judged:
    b = find_offset(judged, target)
    truth = judged[f"{test}/own/truth"]
    sign = np.where(truth == DENIES.encode(), 1.0, -1.0)
    right = (judged[f"{test}/own/values"] > 0) & (judged[f"{test}/margin/values"] + sign * b > 0)
    name = f"{test}/{EQUAL}"
    return {
        f"{name}/values": right.astype(np.float32),
        f"{name}/patients": judged[f"{test}/own/patients"],
        f"{name}/truth": truth,
    }


def take_target(untrained: Sequence[Judged]) -> float:
    """Return the affirming accuracy on validation of one pretrained model as it is."""
    judged = untrained[0]
    affirms = judged[f"{VALIDATION}/claim/truth"] == AFFIRMS.encode()
    return float(judged[f"{VALIDATION}/claim/values"][affirms].mean())
