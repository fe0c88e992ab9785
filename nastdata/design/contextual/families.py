"""Closed families of claims: K statements of which each is the only true one in some studies.

If a family is used equally often with each of its members as the truth, its texts say nothing of the
answer. What is sought are K statements and, for each, joint states in which it is true and all the others
are false for certain; a family can be used as often as its rarest member allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nastdata.design.contextual.study_states import Ints
from nastdata.design.contextual.truth_table import (
    TRUE,
    UNUSABLE,
    Bools,
    Scope,
    Sheet,
)
from nastdata.records import NegationType
from nastdata.seeded import choose, draw_unit

MOST_STATES = 384
"""Joint states, the commonest ones, that a search looks at."""
Floats = np.ndarray[Any, np.dtype[np.float32]]
ALL: Bools = np.ones((0, 0), bool)
"""Stands for "no restriction" on a board."""


@dataclass(frozen=True)
class Family:
    """K statements (numbers in the sheet, ascending) of a scope."""

    conditions: tuple[int, ...]
    claims: tuple[int, ...]
    kind: NegationType
    """``none`` if no claim is negated; else the attribute that it is about. Beside it, a family about
    places or grades may hold plain absences."""


@dataclass(frozen=True)
class Board:
    """The part of a scope that the search looks at: its commonest joint states, as numbers to multiply."""

    scope: Scope
    weight: Floats
    """Studies in each joint state."""
    true: Floats
    """Joint states x columns: 1 where the statement is true."""
    false: Floats
    """The same, where it is false by exactly one attribute."""
    negation: tuple[NegationType, ...]
    single: Bools
    """Columns x columns: fit to stand side by side in a set about one condition."""
    about: Ints
    """Condition of each column."""


def set_board(scope: Scope, sheet: Sheet) -> Board:
    """Take the commonest joint states of a scope (ties: the first ones)."""
    counts = scope.counts if scope.weights is None else scope.weights
    rows = np.sort(np.argsort(-counts, kind="stable")[:MOST_STATES])
    rows = rows[counts[rows] > 0]
    verdicts = scope.verdicts[rows]
    owner = np.empty(len(sheet.facts), np.int32)
    for c in scope.conditions:
        owner[list(sheet.by_condition[c])] = c
    return Board(
        scope,
        counts[rows].astype(np.float32),
        (verdicts == TRUE).astype(np.float32),
        ((verdicts != TRUE) & (verdicts != UNUSABLE)).astype(np.float32),
        tuple(sheet.negation[c] for c in scope.columns),
        sheet.single[np.ix_(scope.columns, scope.columns)] if len(scope.conditions) == 1 else ALL,
        owner[scope.columns],
    )


def search_family(board: Board, kind: NegationType, k: int, seed: int, attempt: int) -> Family | None:
    """Grow one family by a hashed, greedy search.

    It starts from a statement that the kind asks for and adds, one at a time, a hashed choice among the
    statements that leave the rarest member the most studies (at least half of the best).

    Args:
        board: of a scope.
        kind: what the family is to deny.
        k: how many claims it is to have.
        seed: of the recipe.
        attempt: number of the try; every try goes another way.

    Returns:
        The family, or None where the search got stuck.
    """
    scope = board.scope
    keys = ("family", *scope.conditions, kind, k, attempt)
    allowed, wanted = _columns(board, kind)
    support = board.weight @ board.true
    starts = np.flatnonzero(allowed & wanted & (support > 0))
    if not len(starts):
        return None
    ranked = starts[np.argsort(-support[starts], kind="stable")]
    # The square leans towards frequent statements without ever shutting out the rare ones.
    first = int(ranked[int(draw_unit(seed, *keys, "start") ** 2 * len(ranked))])
    picked = [first]
    members = np.zeros((k, len(board.weight)), np.float32)
    members[0] = board.weight * board.true[:, first]
    free = board.weight * board.false[:, first]
    while len(picked) < k:
        scores = np.minimum((members[: len(picked)] @ board.false).min(axis=0), free @ board.true)
        if k - len(picked) > 1:
            # What is still to come shares the studies in which nothing is true yet: a broad statement
            # ("there is X") that leaves them none is no good.
            scores = np.minimum(scores, free @ board.false / (k - len(picked) - 1))
        scores[~allowed] = 0
        scores[picked] = 0
        if board.single is not ALL:
            scores[~board.single[picked].all(axis=0)] = 0
        best = scores.max()
        if best < 1:
            return None
        good = np.flatnonzero(scores >= max(1.0, best / 2))
        new = int(choose(good.tolist(), seed, *keys, len(picked)))
        members[len(picked)] = free * board.true[:, new]
        members[: len(picked)] *= board.false[:, new]
        free = free * board.false[:, new]
        picked.append(new)
    if len(set(board.about[picked].tolist())) < len(scope.conditions):
        return None
    return Family(scope.conditions, tuple(sorted(int(scope.columns[i]) for i in picked)), kind)


def match_cells(scope: Scope, family: Family) -> list[np.ndarray]:
    """Return, for each claim of a family, the joint states in which it alone is true."""
    at = np.searchsorted(scope.columns, family.claims)
    verdicts = scope.verdicts[:, at]
    fit = (verdicts != UNUSABLE).all(axis=1) & ((verdicts == TRUE).sum(axis=1) == 1)
    return [np.flatnonzero(fit & (verdicts[:, i] == TRUE)) for i in range(len(family.claims))]


def _columns(board: Board, kind: NegationType) -> tuple[Bools, Bools]:
    """Statements that a family of this kind may hold, and those that it must hold one of."""
    negation = np.array(board.negation)
    wanted = negation == kind
    allowed = wanted | (negation == "none")
    if kind in ("location", "severity"):
        allowed |= negation == "existence"
    return allowed, wanted
