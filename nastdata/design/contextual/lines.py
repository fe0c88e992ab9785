"""Lines of claim families waiting for studies: one for each source, kind of negation and set of conditions.

A line is asked for a family whose every member is true of some study that is still free, again and again,
until it has none left. Which line is asked next is decided in ``forming``.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nastdata.design.contextual.arrays.search import (
    Board,
    Family,
    prune_board,
    search_families,
    set_board,
)
from nastdata.design.contextual.families import match_cells
from nastdata.design.contextual.presence import list_plain_families
from nastdata.design.contextual.study_states import Ints, StudyTable
from nastdata.design.contextual.truth_table import Bools, Scope, Sheet, list_scopes, open_scope
from nastdata.recipe import ContextualRecipe
from nastdata.records import NegationType
from nastdata.seeded import draw_int

MOST_SCOPES = 40
"""Scopes of one size that are searched."""
LEAST_STUDIES = 10
"""Fewest studies that a scope is searched for."""
TRIES_ALONE, TRIES_MIXED = 24, 8
"""Searches side by side for each K, in a scope of one condition and of several."""

ROUNDS_AHEAD = 4
"""Rounds of searches that are made at once where nothing has changed since the last."""

Offer = tuple[Family, list[Ints]]
"""A family, and for each claim the free studies in which it alone is true, by number."""


class Pool:
    """The studies of one split and source, their scopes, opened when first asked for.

    With ``anew`` a family is offered once: a study that serves often shall serve other questions.
    """

    def __init__(
        self,
        table: StudyTable,
        rows: Ints,
        sheet: Sheet,
        recipe: ContextualRecipe,
        apart: Bools | None,
        anew: bool = False,
    ) -> None:
        self.rows, self.anew = rows, anew
        self.part = table.take(rows)
        self.sheet, self.recipe, self.apart = sheet, recipe, apart
        self._scopes: dict[tuple[int, ...], Scope] = {}

    def open(self, conditions: tuple[int, ...]) -> Scope:
        """Return a scope of this pool; its studies are numbered within the whole table."""
        if conditions not in self._scopes:
            scope = open_scope(self.part, self.sheet, conditions)
            self._scopes[conditions] = replace(scope, studies=self.rows[scope.studies])
        return self._scopes[conditions]

    def find_members(self, family: Family, free: Bools) -> Offer | None:
        """Return a family with its free studies; None if one of its claims has none."""
        scope = self.open(family.conditions)
        members = []
        for cell in match_cells(scope, family):
            parts = [scope.studies[scope.starts[j] : scope.starts[j + 1]] for j in cell]
            studies = np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int32)
            studies = studies[free[studies]]
            if not len(studies):
                return None
            members.append(studies)
        return family, members


class SearchLine:
    """Families of one scope and kind, searched for among the studies that are free at the time."""

    def __init__(
        self, pool: Pool, conditions: tuple[int, ...], kind: NegationType, sizes: tuple[int, ...]
    ) -> None:
        self.pool, self.conditions, self.kind, self.sizes = pool, conditions, kind, sizes
        self._attempt = 0
        self._waiting: deque[Family] = deque()
        self._seen: set[Family] = set()
        self._counts = np.zeros(0, np.int32)
        self._boards: dict[int, Board] = {}
        self._ahead: dict[tuple[int, int], Family | None] = {}

    def find(self, free: Bools) -> Offer | None:
        """Return the next family with free studies for each of its claims; None if there is none left."""
        for searched in (False, True):
            if searched:
                self._search(free)
            while self._waiting:
                family = self._waiting.popleft()
                offer = self.pool.find_members(family, free)
                if offer:
                    if not self.pool.anew:
                        self._waiting.append(family)
                    return offer
        return None

    def _search(self, free: Bools) -> None:
        """Search families of each K among the free studies, as many as searches bring."""
        pool = self.pool
        scope = pool.open(self.conditions)
        here = np.concatenate([[0], np.cumsum(free[scope.studies])])
        rounds = self._set_boards(scope, np.diff(here[scope.starts]).astype(np.int32))
        tries = TRIES_ALONE if len(self.conditions) == 1 else TRIES_MIXED
        found: dict[Family, None] = {}
        for k, board in self._boards.items():
            if (k, self._attempt) not in self._ahead:
                attempts = range(self._attempt, self._attempt + rounds * tries)
                families = search_families(board, self.kind, k, pool.recipe.seed, attempts)
                self._ahead |= {(k, a): f for a, f in zip(attempts, families, strict=True)}
            now = (self._ahead.pop((k, self._attempt + i)) for i in range(tries))
            found |= dict.fromkeys(f for f in now if f is not None and f not in self._seen)
        self._attempt += tries
        if pool.anew:
            self._seen.update(found)
        luck = pool.recipe.seed, "family order"
        self._waiting.extend(sorted(found, key=lambda f: (draw_int(*luck, *map(str, f.claims)), f.claims)))

    def _set_boards(self, scope: Scope, counts: Ints) -> int:
        """Set the board of each K for these studies; return for how many rounds to search at once.

        A try comes to the same end whenever it is made on the same board. So where studies serve often, and
        the board was the same the last time, the tries of the next rounds are made with those of this one.
        """
        if len(counts) == len(self._counts) and np.array_equal(counts, self._counts):
            return ROUNDS_AHEAD
        self._counts, self._ahead, self._boards = counts, {}, {}
        pool = self.pool
        whole = set_board(scope, pool.sheet, counts, pool.apart)
        for k in self.sizes:
            board = whole and prune_board(whole, self.kind, k)
            if board is None:
                break
            self._boards[k] = board
        return 1


class PlainLine:
    """Listed families of plain statements about several conditions, each until its studies are used up."""

    def __init__(self, pool: Pool, conditions: tuple[int, ...], families: list[Family]) -> None:
        self.pool, self.conditions, self.kind = pool, conditions, families[0].kind
        self._waiting = deque(families)

    def find(self, free: Bools) -> Offer | None:
        """Return the next family with free studies for each of its claims; None if there is none left."""
        while self._waiting:
            family = self._waiting.popleft()
            offer = self.pool.find_members(family, free)
            if offer:
                if not self.pool.anew:
                    self._waiting.append(family)
                return offer
        return None


Line = SearchLine | PlainLine


def list_lines(
    pool: Pool, sizes: tuple[int, ...] | None = None, among: frozenset[int] | None = None
) -> Iterator[Line]:
    """Give every line of a pool.

    Args:
        pool: studies of one split and source.
        sizes: which K, ascending; None: from the recipe's ``k_min`` to its ``k_max``.
        among: conditions that may occur; None: all.
    """
    recipe = pool.recipe
    sizes = sizes or tuple(range(recipe.claims.k_min, recipe.claims.k_max + 1))
    kinds: tuple[NegationType, ...] = ("none", *recipe.negation_types)
    for conditions in list_scopes(pool.part, (1, 2, 3), MOST_SCOPES, LEAST_STUDIES, recipe.seed):
        if among is None or among.issuperset(conditions):
            for kind in kinds:
                yield SearchLine(pool, conditions, kind, sizes)
    listed: dict[tuple[Any, ...], list[Family]] = defaultdict(list)
    for family in list_plain_families(pool.part, pool.sheet, recipe, sizes, among):
        listed[family.kind, family.conditions].append(family)
    for (_, conditions), families in listed.items():
        yield PlainLine(pool, conditions, families)
