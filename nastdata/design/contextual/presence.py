"""Families about K conditions at once, one plain statement each ("no X", "there is Y"): all of them.

Of K plain statements exactly one is true in K joint states only: the one that contradicts all of them, with
one condition turned over. So every family of this form can be looked up instead of searched for. It is what
corpora with labels only can have, and where sides and grades alone make too few exclusive states.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from nastdata.design.contextual.families import Family
from nastdata.design.contextual.study_states import Ints, StudyTable
from nastdata.design.contextual.truth_table import Sheet
from nastdata.recipe import ContextualRecipe
from nastdata.seeded import draw_unit

MOST_PLAIN = 600
"""Families that are kept; those with more studies have the better chance."""


def list_plain_families(
    table: StudyTable,
    sheet: Sheet,
    recipe: ContextualRecipe,
    sizes: Iterable[int],
    among: Iterable[int] | None = None,
) -> list[Family]:
    """List families of K plain statements about K conditions whose every member is true of some study.

    Args:
        table: studies and states.
        sheet: all statements.
        recipe: the seed.
        sizes: which K.
        among: conditions that may occur; None: all.
    """
    about = range(len(table.conditions)) if among is None else sorted(among)
    vectors, counts = _count_label_vectors(table)
    bits = 1 << np.arange(vectors.shape[1], dtype=np.int64)
    known = (vectors >= 0) @ bits
    shown = (vectors == 1).astype(np.int32)
    plain = _find_plain(sheet)
    ranked = []
    for k in sizes:
        patterns = np.arange(1 << k)
        weights = (1 << np.arange(k)).astype(np.int32)
        # Statement i says "present" where bit i of the pattern is set; the state that makes only statement i
        # true contradicts the pattern everywhere but there.
        states = ((1 << k) - 1 - patterns)[:, None] ^ (1 << np.arange(k))[None, :]
        for scope in combinations(about, k):
            want = int(bits[list(scope)].sum())
            rows = np.flatnonzero((known & want) == want)
            if len(rows) < k:
                continue
            code = shown[rows][:, scope] @ weights
            have = np.bincount(code, counts[rows], 1 << k)
            least = have[states].min(axis=1)
            for p in np.flatnonzero(least > 0):
                claims = _say(plain, scope, int(p))
                if claims is not None:
                    luck = draw_unit(recipe.seed, "plain", *claims)
                    ranked.append(
                        (-float(least[p]) * k * (0.5 + luck), scope, claims, int(p) == (1 << k) - 1)
                    )
    return [
        Family(scope, claims, "none" if affirmative else "existence")
        for _, scope, claims, affirmative in sorted(ranked)[:MOST_PLAIN]
    ]


def _count_label_vectors(table: StudyTable) -> tuple[Ints, np.ndarray]:
    """Return the distinct vectors of 1, 0, -1 (present, absent, unknown) and how many studies have each."""
    value = {"present": 1, "absent": 0}
    columns = [
        np.array([*(value.get(s.existence, -1) for s in states), -1], np.int32)[table.state[:, c]]
        for c, states in enumerate(table.states)
    ]
    vectors, counts = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return vectors.astype(np.int32), counts


def _find_plain(sheet: Sheet) -> list[dict[str, int]]:
    """Return for each condition "present" and "absent" -> the number of the statement that says just that."""
    out = []
    for numbers in sheet.by_condition:
        own: dict[str, int] = {}
        for n in numbers:
            f = sheet.facts[n]
            if f.location is None and f.severity is None and f.denies is None:
                own.setdefault(f.existence, n)
        out.append(own)
    return out


def _say(plain: list[dict[str, int]], scope: tuple[int, ...], pattern: int) -> tuple[int, ...] | None:
    """Return the numbers of the pattern's statements; None if the recipe has no plain absences."""
    claims = []
    for i, c in enumerate(scope):
        found = plain[c].get("present" if pattern >> i & 1 else "absent")
        if found is None:
            return None
        claims.append(found)
    return tuple(claims)
