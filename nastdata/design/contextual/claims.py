"""Claim sets: one image and K claims of which exactly one is true (``docs/contextual.md``)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.arrays.groups import Groups
from nastdata.design.contextual.families import Family
from nastdata.design.contextual.forming import KINDS, MOST_SETS, Former, share_splits
from nastdata.design.contextual.naive import design_naive_claims
from nastdata.design.contextual.rows import claim_rows
from nastdata.design.contextual.shares import Units, choose_units
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.study_states import StudyTable
from nastdata.design.contextual.truth_table import Known, Sheet, know
from nastdata.frames import REJECTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.recipe import ContextualRecipe


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
    known = known or know(
        facts, logic, recipe.seed, recipe.negation_types, hard=recipe.claims.hard_places == "keep"
    )
    table, sheet = known.table, known.sheet
    if not recipe.claims.balanced:
        return design_naive_claims(table, logic, recipe)
    former = Former(table, sheet, ontology, recipe)
    groups = former.form()
    families = list(former.families)
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
        "pairs": int(frame["claim_facts"].list.len().sum()),
        "most_sets_of_a_study": count_uses(frame),
        "shares": shares,
        **count_sets(frame),
    }
    return Design(frame, pl.DataFrame(schema=REJECTS_SCHEMA), report)


def count_uses(frame: pl.DataFrame) -> dict[str, int]:
    """Return split -> how many sets the study with the most has."""
    uses = frame.group_by("split", "source", "study_id").len().group_by("split").agg(pl.col("len").max())
    return {split: int(n) for split, n in uses.sort("split").iter_rows()}


def count_sets(frame: pl.DataFrame) -> dict[str, Any]:
    """Count sets by split, kind, negation type, K and condition for the manifest."""
    out: dict[str, Any] = {}
    for column in ("split", "set_kind", "negation_type", "condition", "source"):
        out[f"by_{column}"] = dict(sorted(Counter(frame[column].to_list()).items()))
    sizes = Counter(frame["claim_facts"].list.len().to_list())
    out["by_k"] = {str(k): n for k, n in sorted(sizes.items())}
    return out


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
        splits=share_splits(table.split, recipe.splits),
    )
    ends = np.cumsum([0, *(len(g.draw) for g in groups)])
    return [
        g.take(np.flatnonzero(kept.keep[a:b]).astype(np.int32))
        for g, a, b in zip(groups, ends, ends[1:], strict=False)
    ], kept.report
