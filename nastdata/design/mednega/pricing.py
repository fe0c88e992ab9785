"""Which variables of a large problem matter, found by their prices (column generation).

A densely labelled corpus lets every study serve hundreds of questions: most of these variables are never
used. So a few are taken, the relaxation is solved over them, and its prices tell which of the others would
pay. The prices bound the whole problem too, by duality: let every study serve the dearest members that it
could, whether needed or not, and no design is worth more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nastdata.design.mednega.integer_program import IntArray, Problem, Relaxed, relax

FEW_VARIABLES = 5_000
"""Up to this many, all are taken from the start and none is left out."""
FIRST = 6
"""Types that a member starts with."""
MORE = 3
"""Variables that a type may gain in a round, for each item that its studies may serve."""
ROUNDS = 12
CLOSE = 0.001
"""Relative gap between relaxation and bound at which no more are added."""
BoolArray = NDArray[np.bool_]
Capper = Callable[[float], int | None]


@dataclass(frozen=True)
class Priced:
    """The variables that matter, a bound on the whole problem in groups, and the cap that it implies."""

    problem: Problem
    bound: float
    cap: int | None
    complete: bool
    """Whether no variable was left out."""


def price_problem(problem: Problem, cap_of: Capper) -> Priced:
    """Bound a problem, find the cap on a triple, and leave out variables that don't pay.

    ``cap_of`` says how many groups one triple may have where at most so many can be reached in all. Any
    design with G groups keeps every triple within ``cap_of(G)``. Starting above the largest possible G and
    descending, the bound never falls below it, so what holds at the end holds for all designs.
    """
    taken = _choose_first(problem)
    bound, cap = float("inf"), None
    for _ in range(ROUNDS):
        relaxed = relax(problem.keep(taken), cap)
        bound = min(bound, _bound(problem, relaxed, cap))
        if taken.all():
            bound = min(bound, relaxed.value)
        paying = _choose_paying(problem, relaxed, taken)
        lower = cap_of(bound)
        stays = lower is None or (cap is not None and lower >= cap)
        if stays and (not len(paying) or bound - relaxed.value <= CLOSE * bound):
            break
        cap = lower if not stays else cap
        taken[paying] = True
    complete = len(taken) <= FEW_VARIABLES
    kept = taken if complete else taken & _is_worthwhile(problem, relaxed)
    return Priced(problem.keep(kept), bound, cap, complete)


def _choose_first(problem: Problem) -> BoolArray:
    """Take all variables of a small problem, else a few types of each member, mixed by their numbers."""
    if len(problem.of_type) <= FEW_VARIABLES:
        return np.ones(len(problem.of_type), dtype=np.bool_)
    mixed = (problem.of_type.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (problem.of_member.astype(np.uint64) + np.uint64(1)) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    order = np.lexsort((problem.of_type, mixed, problem.of_member))
    taken = np.zeros(len(order), dtype=np.bool_)
    taken[order[_rank_within(problem.of_member[order]) < FIRST]] = True
    return taken


def _bound(problem: Problem, relaxed: Relaxed, cap: int | None) -> float:
    """Return the Lagrangian dual: each study serves the ``per_study`` dearest members that it could serve."""
    worth = np.maximum(relaxed.of_members[problem.of_member], 0.0)
    order = np.lexsort((-worth, problem.of_type))
    best = order[_rank_within(problem.of_type[order]) < problem.per_study]
    capped = 0.0 if cap is None else cap * float(relaxed.of_triples.sum())
    return float(worth[best] @ problem.size[problem.of_type[best]]) + capped


def _choose_paying(problem: Problem, relaxed: Relaxed, taken: BoolArray) -> IntArray:
    """Return the variables not yet taken that earn most above their type's price, some a type."""
    gain = relaxed.of_members[problem.of_member] - relaxed.of_types[problem.of_type]
    better = np.flatnonzero((gain > 1e-7) & ~taken)
    order = better[np.lexsort((better, -gain[better], problem.of_type[better]))]
    return order[_rank_within(problem.of_type[order]) < MORE * problem.per_study]


def _is_worthwhile(problem: Problem, relaxed: Relaxed) -> BoolArray:
    """Tell the variables that cost no more than they earn, in cells that have groups at the optimum.

    An integral solution needs hardly any of the others, and is found several times faster without them.
    """
    gain = relaxed.of_members[problem.of_member] - relaxed.of_types[problem.of_type]
    return np.asarray((gain > -1e-7) & (relaxed.groups > 1e-9)[problem.of_member // 4])


def _rank_within(keys: IntArray) -> IntArray:
    """Return each entry's position within its run of equal keys."""
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
