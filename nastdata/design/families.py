"""Closed families of claims: K statements of which each is the only true one in some studies.

If a family is used equally often with each of its members as the truth, its texts say nothing of the
answer. What is sought are K statements and, for each, joint states in which it is true and all the others
are false for certain; a family can be used as often as its rarest member allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nastdata.design.scopes import TRUE, UNUSABLE, Bools, Scope, Sheet, list_scopes, open_scope
from nastdata.design.study_states import StudyTable
from nastdata.draws import choose, draw_int, draw_unit
from nastdata.recipe import ContextualRecipe
from nastdata.records import NegationType

MOST_SCOPES = 40
"""Scopes of one size that are searched."""
LEAST_STUDIES = 10
"""Fewest studies that a scope is searched for."""
TRIES_ALONE, TRIES_MIXED = 400, 12
"""Searches for each (scope, kind, K), of one condition and of several."""
PATIENCE = 60
"""Searches in a row without a new family after which a (scope, kind, K) is given up."""


@dataclass(frozen=True)
class Family:
    """K statements (numbers in the sheet, ascending) of a scope."""

    conditions: tuple[int, ...]
    claims: tuple[int, ...]
    kind: NegationType
    """``none`` if no claim is negated; else the attribute that it is about. Beside it, a family about
    places or grades may hold plain absences."""


def search_family(
    scope: Scope, sheet: Sheet, kind: NegationType, k: int, seed: int, attempt: int
) -> tuple[Family, int] | None:
    """Grow one family by a hashed, greedy search.

    It starts from a statement that the kind asks for and adds, one at a time, a hashed choice among the
    statements that leave the rarest member the most studies (at least half of the best).

    Args:
        scope: studies and verdicts.
        sheet: statements.
        kind: what the family is to deny.
        k: how many claims it is to have.
        seed: of the recipe.
        attempt: number of the try; every try goes another way.

    Returns:
        The family and how many studies its rarest member has; None where the search got stuck.
    """
    keys = ("family", *scope.conditions, kind, k, attempt)
    allowed, wanted = _columns(scope, sheet, kind)
    weight = scope.counts.astype(np.float64)
    true, usable = scope.verdicts == TRUE, scope.verdicts != UNUSABLE
    false = usable & ~true
    support = weight @ true
    starts = np.flatnonzero(allowed & wanted & (support > 0))
    if not len(starts):
        return None
    ranked = starts[np.argsort(-support[starts], kind="stable")]
    # The square leans towards frequent statements without ever shutting out the rare ones.
    first = int(ranked[int(draw_unit(seed, *keys, "start") ** 2 * len(ranked))])
    picked = [first]
    alive: Bools = usable[:, first].copy()
    owner = np.where(true[:, first], 0, -1)
    while len(picked) < k:
        scores = _score(picked, k, alive, owner, weight, true, false)
        scores[~allowed] = 0
        scores[picked] = 0
        if len(scope.conditions) == 1:
            scores[~sheet.single[np.ix_(scope.columns[picked], scope.columns)].all(axis=0)] = 0
        best = scores.max()
        if best < 1:
            return None
        good = np.flatnonzero(scores >= max(1.0, best / 2))
        new = int(choose(good.tolist(), seed, *keys, len(picked)))
        alive &= usable[:, new] & ~(true[:, new] & (owner >= 0))
        owner = np.where(alive & true[:, new], len(picked), owner)
        picked.append(new)
    if not _speaks_of_all(scope, sheet, picked):
        return None
    claims = tuple(sorted(int(scope.columns[i]) for i in picked))
    least = min(float(weight[alive & (owner == i)].sum()) for i in range(k))
    return Family(scope.conditions, claims, kind), int(least)


def match_cells(scope: Scope, family: Family) -> list[np.ndarray]:
    """Return, for each claim of a family, the joint states in which it alone is true."""
    at = np.searchsorted(scope.columns, family.claims)
    verdicts = scope.verdicts[:, at]
    fit = (verdicts != UNUSABLE).all(axis=1) & ((verdicts == TRUE).sum(axis=1) == 1)
    return [np.flatnonzero(fit & (verdicts[:, i] == TRUE)) for i in range(len(family.claims))]


def _columns(scope: Scope, sheet: Sheet, kind: NegationType) -> tuple[Bools, Bools]:
    """Statements that a family of this kind may hold, and those that it must hold one of."""
    negation = np.array([sheet.negation[c] for c in scope.columns])
    wanted = negation == kind
    allowed = wanted | (negation == "none")
    if kind in ("location", "severity"):
        allowed |= negation == "existence"
    return allowed, wanted


def _score(
    picked: list[int], k: int, alive: Bools, owner: np.ndarray, weight: np.ndarray, true: Bools, false: Bools
) -> np.ndarray:
    """Return, for each statement, the studies that the rarest member would have after adding it.

    The members still to come share the studies in which nothing is true yet: a broad statement ("there is X")
    that leaves them none is no good.
    """
    members = np.stack([np.where(alive & (owner == i), weight, 0.0) for i in range(len(picked))])
    free = np.where(alive & (owner < 0), weight, 0.0)
    kept = members @ false.astype(np.float64)
    scores: np.ndarray = np.minimum(kept.min(axis=0), free @ true.astype(np.float64))
    to_come = k - len(picked) - 1
    if to_come:
        scores = np.minimum(scores, free @ false.astype(np.float64) / to_come)
    return scores


def _speaks_of_all(scope: Scope, sheet: Sheet, picked: list[int]) -> bool:
    said = {sheet.facts[scope.columns[i]].condition for i in picked}
    return len(said) == len(scope.conditions)


def find_families(table: StudyTable, sheet: Sheet, recipe: ContextualRecipe) -> list[Family]:
    """Search families in every scope that enough studies know.

    Returns:
        Distinct families in the order in which they may draw on the studies: scarce kinds first, hashed
        within a kind.
    """
    sizes = (1, 2, 3, *range(max(4, recipe.claims.k_min), recipe.claims.k_max + 1))
    found: dict[Family, int] = {}
    for conditions in list_scopes(table, sizes, MOST_SCOPES, LEAST_STUDIES, recipe.seed):
        scope = open_scope(table, sheet, conditions)
        tries = TRIES_ALONE if len(conditions) == 1 else TRIES_MIXED
        kinds: tuple[NegationType, ...] = ("none", *recipe.negation_types)
        for kind in kinds:
            for k in range(recipe.claims.k_min, recipe.claims.k_max + 1):
                missed = 0
                for attempt in range(tries):
                    result = search_family(scope, sheet, kind, k, recipe.seed, attempt)
                    if result is None or result[0] in found:
                        missed += 1
                        if missed == PATIENCE:
                            break
                        continue
                    missed = 0
                    found[result[0]] = result[1]
    rank = {kind: i for i, kind in enumerate(("severity", "location", "existence", "none"))}

    def place(family: Family) -> tuple[bool, int, int]:
        luck = draw_int(recipe.seed, "family order", *map(str, family.claims))
        return len(family.conditions) == 1, rank[family.kind], luck

    return sorted(found, key=place)
