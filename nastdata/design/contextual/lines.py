"""Lines of claim families waiting for studies: one for each source, kind of negation and set of conditions.

A line is asked for a family whose every member is true of some study that is still free, again and again, until
it has none left. Which line is asked next is decided in ``forming``.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nastdata.design.contextual.families import Family, match_cells, search_family, set_board
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
PATIENCE = 12
"""Searches in a row without a family after which a line is given up."""

Offer = tuple[Family, Scope, list[Ints]]
"""A family, its scope, and for each claim the free studies in which it alone is true, by number."""


class Pool:
    """The studies of one split and source, their scopes, opened when first asked for."""

    def __init__(self, table: StudyTable, rows: Ints, sheet: Sheet, recipe: ContextualRecipe) -> None:
        self.rows = rows
        self.part = table.take(rows)
        self.sheet, self.recipe = sheet, recipe
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
        return family, scope, members


class SearchLine:
    """Families of one scope and kind, searched for among the studies that are free at the time."""

    def __init__(self, pool: Pool, conditions: tuple[int, ...], kind: NegationType) -> None:
        self.pool, self.conditions, self.kind = pool, conditions, kind
        self._attempt = 0

    def find(self, free: Bools) -> Offer | None:
        """Return the next family with free studies for each of its claims; None if there is none left."""
        recipe = self.pool.recipe
        scope = self.pool.open(self.conditions)
        here = np.concatenate([[0], np.cumsum(free[scope.studies])])
        board = set_board(replace(scope, weights=np.diff(here[scope.starts])), self.pool.sheet)
        for _ in range(PATIENCE):
            self._attempt += 1
            spread = recipe.claims.k_max - recipe.claims.k_min + 1
            k = recipe.claims.k_min + draw_int(recipe.seed, "k", *self.conditions, self._attempt) % spread
            for size in dict.fromkeys((k, recipe.claims.k_min)):
                family = search_family(board, self.kind, size, recipe.seed, self._attempt)
                offer = family and self.pool.find_members(family, free)
                if offer:
                    return offer
        return None


class PlainLine:
    """Listed families of plain statements about several conditions, each until its studies are used up."""

    def __init__(self, pool: Pool, conditions: tuple[int, ...], families: list[Family]) -> None:
        self.pool, self.conditions, self.kind = pool, conditions, families[0].kind
        self._waiting = deque(families)

    def find(self, free: Bools) -> Offer | None:
        """Return the next family with free studies for each of its claims; None if there is none left."""
        while self._waiting:
            offer = self.pool.find_members(self._waiting[0], free)
            if offer:
                self._waiting.rotate(-1)
                return offer
            self._waiting.popleft()
        return None


Line = SearchLine | PlainLine


def list_lines(pool: Pool) -> Iterator[Line]:
    """Give every line of a pool."""
    recipe = pool.recipe
    kinds: tuple[NegationType, ...] = ("none", *recipe.negation_types)
    for conditions in list_scopes(pool.part, (1, 2, 3), MOST_SCOPES, LEAST_STUDIES, recipe.seed):
        for kind in kinds:
            yield SearchLine(pool, conditions, kind)
    listed: dict[tuple[Any, ...], list[Family]] = defaultdict(list)
    for family in list_plain_families(pool.part, pool.sheet, recipe):
        listed[family.kind, family.conditions].append(family)
    for (_, conditions), families in listed.items():
        yield PlainLine(pool, conditions, families)
