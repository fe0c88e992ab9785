"""Claim sets: one image and K claims of which exactly one is true (``docs/contextual.md``)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.families import Family, find_families, match_cells, order_families
from nastdata.design.contextual.groups import Groups
from nastdata.design.contextual.naive import design_naive_claims
from nastdata.design.contextual.presence import list_plain_families
from nastdata.design.contextual.rows import claim_rows
from nastdata.design.contextual.shares import Units, choose_units
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.study_states import Codes, Ints, StudyTable
from nastdata.design.contextual.truth_table import Known, Scope, Sheet, know, open_scope
from nastdata.frames import REJECTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.recipe import ContextualRecipe
from nastdata.records import SPLITS
from nastdata.seeded import draw_int, mix_codes

KINDS = ("none", "existence", "location", "severity")
MOST_USES, MOST_MIXED = 48, 12
"""Sets that one study may serve where the recipe names no number, and how many of them may be mixed: sets
about one condition hang on few studies with rare places, mixed ones could draw on most studies for ever."""
MOST_SETS = 400_000
"""Sets of a build whose recipe has no limit: some two million pairs, which two cores and 3 GB can word."""
MOST_GROUPS = 400
"""Groups that one family may make in a split, so that no family outweighs the rest."""


def design_claims(
    facts: pl.DataFrame, ontology: Ontology, recipe: ContextualRecipe, known: Known | None = None
) -> Design:
    """Design claim sets.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``.
        ontology: conditions, places, grades.
        recipe: K, balance, negation types, uses of a study, limit, seed.
        known: what ``know`` makes of these facts, if it is there already.

    Returns:
        Rows of ``contextual_claims`` without texts, plus ``split``, in hashed order within each split. With
        ``claims.balanced``, the K rows of a ``group_id`` have the same K claims, each true in one of them.
    """
    logic = logic_of(ontology)
    known = known or know(facts, logic, recipe.seed, recipe.negation_types)
    table, sheet = known.table, known.sheet
    if not recipe.claims.balanced:
        return design_naive_claims(table, logic, recipe)
    families = find_families(table, sheet, recipe) + list_plain_families(table, sheet, recipe)
    families = order_families(families, recipe.seed)
    groups, possible = _form_groups(table, sheet, families, recipe)
    formed = sum(g.claims.size for g in groups)
    groups, shares = _choose(groups, families, sheet, table, recipe)
    frame = claim_rows(table, sheet, families, groups)
    report = {
        "studies": len(table.studies),
        "studies_used": frame.select("source", "patient_id", "study_id").n_unique(),
        "contradictory_states": table.contradictory,
        "families_found": len(families),
        "families_used": len({int(f) for g in groups for f in g.family}),
        "sets": len(frame),
        "sets_formed": formed,
        "sets_possible": possible,
        "pairs": int(frame["claim_facts"].list.len().sum()),
        "most_sets_of_a_study": recipe.claims.per_study or MOST_USES,
        "shares": shares,
        **count_sets(frame),
    }
    return Design(frame, pl.DataFrame(schema=REJECTS_SCHEMA), report)


def count_sets(frame: pl.DataFrame) -> dict[str, Any]:
    """Count sets by split, kind, negation type, K and condition for the manifest."""
    out: dict[str, Any] = {}
    for column in ("split", "set_kind", "negation_type", "condition", "source"):
        out[f"by_{column}"] = dict(sorted(Counter(frame[column].to_list()).items()))
    sizes = Counter(frame["claim_facts"].list.len().to_list())
    out["by_k"] = {str(k): n for k, n in sorted(sizes.items())}
    return out


def _form_groups(
    table: StudyTable, sheet: Sheet, families: list[Family], recipe: ContextualRecipe
) -> tuple[list[Groups], int]:
    """Give each family, in each split, as many complete groups as its rarest member allows.

    Studies that have served least come first, then the hash decides.

    Returns:
        The groups by K, and how many sets there could be if studies served without limit.
    """
    share = MOST_GROUPS
    if recipe.limit is not None and families:
        # Three times what is asked for is formed, evenly over families; the hash takes from these.
        share = min(share, 1 + 3 * recipe.limit // (recipe.claims.k_min * len(families)))
    uses = np.zeros(len(table.studies), np.uint64)
    made: dict[int, list[Groups]] = {}
    possible = 0
    scopes: dict[tuple[int, ...], Scope] = {}
    for number, family in enumerate(families):
        if family.conditions not in scopes:
            scopes[family.conditions] = open_scope(table, sheet, family.conditions)
        scope = scopes[family.conditions]
        k = len(family.claims)
        most = recipe.claims.per_study or (MOST_USES if len(family.conditions) == 1 else MOST_MIXED)
        code = draw_int(recipe.seed, "claims", *map(str, family.claims))
        members = [_studies_of(scope, cell) for cell in match_cells(scope, family)]
        for split in range(len(SPLITS)):
            here = [m[table.split[m] == split] for m in members]
            possible += k * min(len(h) for h in here)
            here = [h[uses[h] < most] for h in here]
            n = min(share, *(len(h) for h in here))
            if n == 0:
                continue
            picked = np.stack([_pick(h, n, uses, table.draw, code) for h in here], axis=1)
            uses[picked] += np.uint64(1)
            draws = mix_codes(table.draw[picked[:, 0]], draw_int(recipe.seed, "group", code))
            made.setdefault(k, []).append(
                Groups(
                    np.repeat(np.array([family.claims], np.int32), n, axis=0),
                    picked,
                    _altered(table, sheet, scope, family, picked),
                    np.full(n, number, np.int32),
                    np.full(n, split, np.int32),
                    draws,
                )
            )
    return [_join(made[k]) for k in sorted(made)], possible


def _studies_of(scope: Scope, cell: Ints) -> Ints:
    """Return the studies of some joint states, sorted."""
    parts = [scope.studies[scope.starts[j] : scope.starts[j + 1]] for j in cell]
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int32)


def _pick(studies: Ints, n: int, uses: Codes, draw: Codes, code: int) -> Ints:
    """Return ``n`` studies, those that served least first, in hashed order."""
    key = (uses[studies] << np.uint64(48)) | (mix_codes(draw[studies], code) >> np.uint64(16))
    best = np.argpartition(key, n - 1)[:n] if n < len(key) else np.arange(len(key))
    chosen: Ints = studies[best[np.argsort(mix_codes(draw[studies[best]], code), kind="stable")]]
    return chosen


def _altered(
    table: StudyTable, sheet: Sheet, scope: Scope, family: Family, picked: Ints
) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Look up in which attribute each claim departs from each picked study: G x K x K."""
    starts = [sheet.by_condition[c][0] for c in family.conditions]
    owner = [max(i for i, s in enumerate(starts) if s <= claim) for claim in family.claims]
    out = np.empty((*picked.shape, len(family.claims)), np.int8)
    for j, (claim, i) in enumerate(zip(family.claims, owner, strict=True)):
        condition = family.conditions[i]
        out[:, :, j] = sheet.verdicts[condition][table.state[picked, condition], claim - starts[i]]
    return out


def _join(parts: list[Groups]) -> Groups:
    fields = Groups.__dataclass_fields__
    return Groups(*(np.concatenate([getattr(p, f) for p in parts]) for f in fields))


def _choose(
    groups: list[Groups], families: list[Family], sheet: Sheet, table: StudyTable, recipe: ContextualRecipe
) -> tuple[list[Groups], dict[str, Any]]:
    """Keep whole groups, in hashed order, within the limit and the shares that the recipe names."""
    if not groups:
        return groups, {}
    owner = np.zeros(len(sheet.facts), np.int64)
    for condition, numbers in enumerate(sheet.by_condition):
        owner[list(numbers)] = condition
    kind = np.array([KINDS.index(f.kind) for f in families], np.int64)
    about = [
        np.stack([(owner[g.claims] == c).sum(axis=1) for c in range(len(table.conditions))], axis=1)
        for g in groups
    ]
    units = Units(
        rows=np.concatenate([np.full(len(g.draw), g.claims.shape[1]) for g in groups]),
        split=np.concatenate([g.split for g in groups]),
        draw=np.concatenate([g.draw for g in groups]),
        kind=np.concatenate([kind[g.family] for g in groups]),
        by_condition=np.concatenate(about).astype(np.float64),
    )
    kept = choose_units(
        units,
        table.conditions,
        KINDS,
        limit=recipe.limit or MOST_SETS,
        max_share=recipe.claims.max_share,
        mix=recipe.claims.mix,
    )
    ends = np.cumsum([0, *(len(g.draw) for g in groups)])
    return [
        g.take(np.flatnonzero(kept.keep[a:b]).astype(np.int32))
        for g, a, b in zip(groups, ends, ends[1:], strict=False)
    ], kept.report
