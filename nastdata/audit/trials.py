"""Trying solvers: beside one another, and no longer than it takes to be sure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from nastdata.audit.choices import Bools, ChoiceSet, Floats, Ints
from nastdata.audit.folds import Folds
from nastdata.audit.intervals import EXIT_Z, FAMILY_Z, bound_accuracy
from nastdata.audit.solvers import Named, answer_held_out
from nastdata.engines.base import count_cores

T = TypeVar("T")
R = TypeVar("R")

LEAST_CONDEMNED = 1000
"""Answers before a trial ends early with a leak: its size is of interest too."""


@dataclass(frozen=True)
class Trial:
    """A solver and what it is tried on."""

    subset: str
    named: Named
    choices: ChoiceSet
    folds: list[Folds]
    """One division a seed."""
    clusters: list[Ints]
    """(items,) codes of what goes together: groups, patients."""
    limit: float
    """Accuracy above which the solver condemns the dataset."""


def run_trials(trials: Sequence[Trial]) -> list[tuple[Floats, Bools]]:
    """Run trials beside one another and return their results in order.

    Returns:
        For each trial the (items,) mean credit of an item's answers, and whether it was tried.
    """
    return run_beside(run_trial, trials)


def run_beside(work: Callable[[T], R], things: Sequence[T]) -> list[R]:
    """Do some work on all cores, each piece on one thread, and return what came of it in order.

    BLAS and OpenMP run on one thread in each: no figure depends on the number of cores.
    """
    from threadpoolctl import threadpool_limits

    workers = max(1, min(len(things), count_cores()))
    with threadpool_limits(1), warnings.catch_warnings():
        # Of the trees' own threading, which has no part in what they find.
        warnings.filterwarnings("ignore", message=".*sklearn.utils.parallel.delayed.*", category=UserWarning)
        with ThreadPoolExecutor(workers, initializer=_keep_to_one_thread) as pool:
            return list(pool.map(work, things))


def run_trial(trial: Trial) -> tuple[Floats, Bools]:
    """Answer fold after fold until the accuracy is surely below or above the limit, or all is answered."""
    total, times = np.zeros(len(trial.choices.ids)), np.zeros(len(trial.choices.ids), dtype=np.int64)

    def is_enough(credit: Floats, tried: Bools) -> bool:
        seen = (times + tried) > 0
        mean = (total + np.where(tried, credit, 0.0))[seen] / (times + tried)[seen]
        return is_decided(mean, [c[seen] for c in trial.clusters], trial.choices.chance[seen], trial.limit)

    for folds in trial.folds:
        credit, tried = answer_held_out(trial.named.solver, trial.choices, folds, is_enough)
        stop = is_enough(credit, tried)
        total[tried] += credit[tried]
        times += tried
        if stop:
            break
    return total / np.maximum(times, 1), times > 0


def is_decided(credit: Floats, clusters: Sequence[Ints], chance: Floats, limit: float) -> bool:
    """Whether more answers could hardly change the verdict.

    Args:
        credit: (items,) of the answers so far.
        clusters: (items,) codes.
        chance: (items,) what guessing earns.
        limit: accuracy above which the solver condemns.
    """
    _, low, high = bound_accuracy(credit, clusters, EXIT_Z)
    if high < limit:
        return True
    return (
        len(credit) >= LEAST_CONDEMNED
        and low > limit
        and bound_accuracy(credit, clusters, FAMILY_Z)[1] > float(chance.mean())
    )


def _keep_to_one_thread() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
