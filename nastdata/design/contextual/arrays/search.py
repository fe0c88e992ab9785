"""Growing families of claims: many hashed, greedy searches side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nastdata.design.contextual.study_states import Ints
from nastdata.design.contextual.truth_table import TRUE, UNUSABLE, Bools, Scope, Sheet
from nastdata.records import NegationType
from nastdata.seeded import draw_after, draw_unit

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

    @cached_property
    def true_of(self) -> Floats:
        """Columns x joint states."""
        return np.ascontiguousarray(self.true.T)

    @cached_property
    def false_of(self) -> Floats:
        """Columns x joint states."""
        return np.ascontiguousarray(self.false.T)

    @cached_property
    def support(self) -> Floats:
        """Studies in which each statement is true."""
        return self.weight @ self.true

    @cached_property
    def exclusive(self) -> Bools:
        """Columns x columns: each is true in a study in which the other is false, and they fit together."""
        alone = (self.weight[:, None] * self.true).T @ self.false
        fit: Bools = (alone >= 1) & (alone.T >= 1)
        return fit if self.single is ALL else fit & self.single


def set_board(
    scope: Scope, sheet: Sheet, counts: Ints | None = None, apart: Bools | None = None
) -> Board | None:
    """Take the commonest joint states of a scope (ties: the first ones).

    Args:
        scope: whose states.
        sheet: all statements.
        counts: studies to count in each joint state; None: all.
        apart: statements x statements that may not be in one set; None: any may.

    Returns:
        The board; None if there are no studies.
    """
    counts = scope.counts if counts is None else counts
    rows = np.sort(np.argsort(-counts, kind="stable")[:MOST_STATES])
    rows = rows[counts[rows] > 0]
    if not len(rows):
        return None
    verdicts = scope.verdicts[rows]
    owner = np.empty(len(sheet.facts), np.int32)
    for c in scope.conditions:
        owner[list(sheet.by_condition[c])] = c
    at = np.ix_(scope.columns, scope.columns)
    single = sheet.single[at] if len(scope.conditions) == 1 else ALL
    if apart is not None and apart[at].any():
        single = ~apart[at] & (single if single is not ALL else True)
    return Board(
        scope,
        counts[rows].astype(np.float32),
        (verdicts == TRUE).astype(np.float32),
        ((verdicts != TRUE) & (verdicts != UNUSABLE)).astype(np.float32),
        tuple(sheet.negation[c] for c in scope.columns),
        single,
        owner[scope.columns],
    )


def prune_board(board: Board, kind: NegationType, k: int) -> Board | None:
    """Leave out statements that cannot be in a family of K: each needs K - 1 others that exclude it.

    Most statements of a scope have no such company, and a search that starts from one of them is in vain.

    Returns:
        The smaller board; None if no family can be on it.
    """
    allowed, wanted = _columns(board, kind)
    fit = board.exclusive
    keep = allowed & (board.support > 0)
    while True:
        company = (fit & keep).sum(axis=1)
        left = keep & (company >= k - 1)
        if (left == keep).all():
            break
        keep = left
    if not (keep & wanted).any():
        return None
    return Board(
        replace(board.scope, columns=board.scope.columns[keep], verdicts=board.scope.verdicts[:, keep]),
        board.weight,
        np.ascontiguousarray(board.true[:, keep]),
        np.ascontiguousarray(board.false[:, keep]),
        tuple(n for n, stay in zip(board.negation, keep, strict=True) if stay),
        board.single if board.single is ALL else board.single[np.ix_(keep, keep)],
        board.about[keep],
    )


def search_families(
    board: Board, kind: NegationType, k: int, seed: int, attempts: Iterable[int]
) -> list[Family | None]:
    """Grow families by hashed, greedy searches, one an attempt.

    Each starts from a statement that the kind asks for and adds, one at a time, a hashed choice among the
    statements that leave the rarest member the most studies (at least half of the best). All numbers are
    counts below 2**24, exact in single precision, so that an attempt comes to the same end in any company.

    Args:
        board: of a scope.
        kind: what the families are to deny.
        k: how many claims each is to have.
        seed: of the recipe.
        attempts: numbers of the tries; every try goes another way.

    Returns:
        For each attempt its family, or None where the search got stuck.
    """
    scope = board.scope
    keys = [("family", *scope.conditions, kind, k, attempt) for attempt in attempts]
    allowed, wanted = _columns(board, kind)
    starts = np.flatnonzero(allowed & wanted & (board.support > 0))
    if not len(starts):
        return [None] * len(keys)
    ranked = starts[np.argsort(-board.support[starts], kind="stable")]
    # The square leans towards frequent statements without ever shutting out the rare ones.
    first = [int(ranked[int(draw_unit(seed, *key, "start") ** 2 * len(ranked))]) for key in keys]
    draws_of = [draw_after(seed, *key) for key in keys]
    live = np.arange(len(keys))
    picked = np.full((len(keys), k), -1, np.int64)
    picked[:, 0] = first
    members = np.zeros((len(keys), k, len(board.weight)), np.float32)
    members[:, 0] = board.weight * board.true_of[first]
    free = board.weight * board.false_of[first]
    for n in range(1, k):
        scores = _score(board, members[live, :n], free[live], k - n)
        scores[:, ~allowed] = 0
        chosen = picked[live, :n]
        scores[np.arange(len(live))[:, None], chosen] = 0
        if board.single is not ALL:
            scores[~board.single[chosen].all(axis=1)] = 0
        best = scores.max(axis=1)
        good = scores >= np.maximum(np.float32(1), best / 2)[:, None]
        going = best >= 1
        live, good = live[going], good[going]
        if not len(live):
            break
        draws = np.array([draws_of[attempt](n) for attempt in live], np.uint64)
        # the columns that are good, row after row: of each row the one that the draw picks
        count = good.sum(axis=1)
        at = (draws % count.astype(np.uint64)).astype(np.int64)
        new = np.nonzero(good)[1][np.cumsum(count) - count + at]
        true, false = board.true_of[new], board.false_of[new]
        members[live, n] = free[live] * true
        members[live, :n] *= false[:, None, :]
        free[live] *= false
        picked[live, n] = new
    out: list[Family | None] = [None] * len(keys)
    for attempt in live:
        at = picked[attempt]
        if len(set(board.about[at].tolist())) == len(scope.conditions):
            claims = tuple(sorted(int(c) for c in scope.columns[at]))
            out[attempt] = Family(scope.conditions, claims, kind)
    return out


def _score(board: Board, members: Floats, free: Floats, missing: int) -> Floats:
    """Studies that each statement would leave to the rarest member of each family: families x columns."""
    families, n, states = members.shape
    kept = (members.reshape(families * n, states) @ board.false).reshape(families, n, -1).min(axis=1)
    scores: Floats = np.minimum(kept, free @ board.true)
    if missing > 1:
        # What is still to come shares the studies in which nothing is true yet: a broad statement
        # ("there is X") that leaves them none is no good.
        scores = np.minimum(scores, free @ board.false / np.float32(missing - 1))
    return scores


def _columns(board: Board, kind: NegationType) -> tuple[Bools, Bools]:
    """Statements that a family of this kind may hold, and those that it must hold one of."""
    negation = np.array(board.negation)
    wanted = negation == kind
    allowed = wanted | (negation == "none")
    if kind in ("location", "severity"):
        allowed |= negation == "existence"
    return allowed, wanted
