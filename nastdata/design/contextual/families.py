"""Closed families of claims: K statements of which each is the only true one in some studies.

If a family is used equally often with each of its members as the truth, its texts say nothing of the
answer. What is sought are K statements and, for each, joint states in which it is true and all the others
are false for certain; a family can be used as often as its rarest member allows.
"""

from __future__ import annotations

import numpy as np

from nastdata.design.contextual.arrays.search import Board, Family, search_families, set_board
from nastdata.design.contextual.study_states import StudyTable
from nastdata.design.contextual.truth_table import TRUE, UNUSABLE, Scope, Sheet, list_scopes, open_scope
from nastdata.recipe import ContextualRecipe
from nastdata.records import NegationType
from nastdata.seeded import draw_int

MOST_SCOPES = 40
"""Scopes of one size that are searched."""
LEAST_STUDIES = 10
"""Fewest studies that a scope is searched for."""
TRIES_ALONE, TRIES_MIXED = 400, 8
"""Searches for each (scope, kind, K), of one condition and of several."""
PATIENCE = 40
"""Searches in a row without a new family after which a (scope, kind, K) is given up."""
SIDE_BY_SIDE = 40
"""Searches that run together."""


def match_cells(scope: Scope, family: Family) -> list[np.ndarray]:
    """Return, for each claim of a family, the joint states in which it alone is true."""
    at = np.searchsorted(scope.columns, family.claims)
    verdicts = scope.verdicts[:, at]
    fit = (verdicts != UNUSABLE).all(axis=1) & ((verdicts == TRUE).sum(axis=1) == 1)
    return [np.flatnonzero(fit & (verdicts[:, i] == TRUE)) for i in range(len(family.claims))]


def find_families(table: StudyTable, sheet: Sheet, recipe: ContextualRecipe) -> list[Family]:
    """Search families in the scopes of up to three conditions that enough studies know."""
    from threadpoolctl import threadpool_limits

    found: set[Family] = set()
    kinds: tuple[NegationType, ...] = ("none", *recipe.negation_types)
    with threadpool_limits(1):
        for conditions in list_scopes(table, (1, 2, 3), MOST_SCOPES, LEAST_STUDIES, recipe.seed):
            board = set_board(open_scope(table, sheet, conditions), sheet)
            tries = TRIES_ALONE if len(conditions) == 1 else TRIES_MIXED
            for kind in kinds:
                for k in range(recipe.claims.k_min, recipe.claims.k_max + 1):
                    _search(board, kind, k, tries, recipe.seed, found)
    return list(found)


def _search(board: Board, kind: NegationType, k: int, tries: int, seed: int, found: set[Family]) -> None:
    """Add the families of one scope, kind and K, until too many searches in a row bring nothing new."""
    missed = 0
    for start in range(0, tries, SIDE_BY_SIDE):
        attempts = range(start, min(start + SIDE_BY_SIDE, tries))
        for family in search_families(board, kind, k, seed, attempts):
            if family is None or family in found:
                missed += 1
                if missed == PATIENCE:
                    return
                continue
            missed = 0
            found.add(family)


def order_families(families: list[Family], seed: int) -> list[Family]:
    """Put families in the order in which they may draw on the studies: scarce kinds first, then hashed."""
    rank = {kind: i for i, kind in enumerate(("severity", "location", "existence", "none"))}

    def place(family: Family) -> tuple[bool, int, int]:
        luck = draw_int(seed, "family order", *map(str, family.claims))
        return len(family.conditions) == 1, rank[family.kind], luck

    return sorted(set(families), key=place)


__all__ = ["Family", "find_families", "match_cells", "order_families"]
