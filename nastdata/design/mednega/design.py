"""MedNega option sets: which study, which three conditions, which four label vectors, which one is right.

Two designs (arXiv 2602.12498, and ours): see ``docs/designs.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl

from nastdata.design.base import Design
from nastdata.design.mednega.items import Item, make_frame
from nastdata.design.mednega.label_masks import Studies, read_studies
from nastdata.errors import NothingMadeError
from nastdata.frames import REJECTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.recipe import MednegaRecipe
from nastdata.records import SPLITS
from nastdata.registry import get_adapter

DrawItems = Callable[[Studies, Ontology, MednegaRecipe], tuple[list[Item], dict[str, Any]]]
"""A design by name (entry points ``mednega.NAME`` of the group ``nastdata.designs``): draws items of studies.

Its report holds ``eligible`` and ``eligible_patients``, and whatever else it measures.
"""


def design_mednega(labels: pl.DataFrame, ontology: Ontology, recipe: MednegaRecipe) -> Design:
    """Design MedNega items from study labels.

    Args:
        labels: ``frames.labels_schema`` plus ``split``; also ``No Finding`` where the corpus has it. Row
            order doesn't matter.
        ontology: Names the label columns and their order.
        recipe: ``design``, ``eligibility``, ``items_per_study``, ``triple_share``, ``limit``, ``seed``...

    Returns:
        A frame of items (``design.items.ITEM_SCHEMA``) sorted by split, group and item. No study is rejected:
        those that are not used are counted in the report, by reason.

    Raises:
        NothingMadeError: if not a single item (group) can be made.
    """
    studies = read_studies(labels, ontology)
    draw_items: DrawItems = get_adapter("nastdata.designs", f"mednega.{recipe.design}")
    items, report = draw_items(studies, ontology, recipe)
    items, small = drop_small_triples(items, recipe.min_items_per_triple)
    if small["items"] and not items:
        raise NothingMadeError(
            f"no triple of conditions has {recipe.min_items_per_triple:,} items in a split",
            where=f"min_items_per_triple={recipe.min_items_per_triple}",
            how="lower it, or add studies",
        )
    if not items:
        n, eligible = len(studies.frame), report["eligible"]
        raise NothingMadeError(
            f"no items can be made of {n:,} {'study' if n == 1 else 'studies'} ({eligible:,} eligible)",
            where=f"design={recipe.design}",
            how=_advise(recipe),
        )
    used = len({i.study[:3] for i in items})
    eligible = report.pop("eligible")
    report = {
        "design": recipe.design,
        "items": len(items),
        "items_by_split": {s: sum(i.study[5] == s for i in items) for s in SPLITS},
        "studies": {
            "in": len(studies.frame),
            "eligible": eligible,
            "eligible_patients": report.pop("eligible_patients"),
            "used": used,
            "left_out": {
                "not eligible": len(studies.frame) - eligible,
                "not needed for the balance or beyond the limit": eligible - used,
            },
        },
        **report,
        "equivalents": describe_phrases(items, ontology),
        "left_out_by_min_items_per_triple": small,
    }
    return Design(make_frame(items, recipe.design), pl.DataFrame(schema=REJECTS_SCHEMA), report)


def drop_small_triples(items: list[Item], least: int) -> tuple[list[Item], dict[str, int]]:
    """Leave out items of triples that have fewer than ``least`` items in their split.

    Groups are of one triple, so that whole groups go and the balance stays.
    """
    counts = Counter((i.study[5], i.conditions) for i in items)
    kept = [i for i in items if counts[(i.study[5], i.conditions)] >= least]
    small = sum(n < least for n in counts.values())
    return kept, {"items": len(items) - len(kept), "triples": small}


def describe_phrases(items: list[Item], ontology: Ontology) -> dict[str, Any]:
    """Count the strict items, and how often each affirmative phrase is used in right options."""
    used = {f"{c.name}: {a.text}": 0 for c in ontology.conditions for a in c.affirmative}
    for item in items:
        labels, phrases = item.options[item.answer], item.phrases[item.answer]
        for name, label, phrase in zip(item.conditions, labels, phrases, strict=True):
            if not label:
                used[f"{name}: {ontology.condition_by_name[name].affirmative[phrase].text}"] += 1
    known = [i.strict for i in items if i.strict is not None]
    return {"strict_items": sum(known) if known else None, "used_in_right_options": used}


def _advise(recipe: MednegaRecipe) -> str:
    if recipe.design == "paper":
        return "A study needs two findings present and three absent. Add studies, or set eligibility=any"
    strict = [
        name
        for name, given in (
            ("eligibility=any", recipe.eligibility != "any"),
            ("avoid_contradictions=false", recipe.avoid_contradictions),
            ("equivalents=open", recipe.equivalents == "strict"),
            ("match_visits=false", recipe.match_visits),
            ("avoid_clashes=false", recipe.avoid_clashes and recipe.equivalents == "open"),
        )
        if given
    ]
    return "One balanced question needs four different label patterns in a split. Add studies" + (
        f", or set {' or '.join(strict)}" if strict else ""
    )
