"""Claim sets as one would make them at first: each study's own fact and its perturbations.

They can be solved without the image (true facts are the common ones), which is why they are not the
default; they are kept to measure what balancing is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.perturb import perturb
from nastdata.design.contextual.rows import CLAIM_COLUMNS
from nastdata.design.contextual.states import ConditionState, Logic
from nastdata.design.contextual.study_states import StudyTable
from nastdata.design.contextual.truth_table import ATTRIBUTES, judge_cell
from nastdata.frames import REJECTS_SCHEMA
from nastdata.recipe import ContextualRecipe
from nastdata.records import SPLITS, Fact
from nastdata.seeded import draw_int, shuffle

False_ = tuple[Fact, int]
"""A false fact and the number of the attribute in which it departs."""


@dataclass(frozen=True)
class _Options:
    """What one condition state offers: its own facts, each with the perturbations that are surely false."""

    true: tuple[Fact, ...]
    false: tuple[tuple[False_, ...], ...]


def design_naive_claims(table: StudyTable, logic: Logic, recipe: ContextualRecipe) -> Design:
    """Make one claim set for each definite fact of each study, with no regard to balance.

    A fact whose study offers fewer than ``k_min`` - 1 false claims is rejected, with the reason.
    """
    offers = [[_offer(s, logic, recipe) for s in states] for states in table.states]
    rows: list[dict[str, Any]] = []
    rejects: list[tuple[str, str, str, str, str | None]] = []
    for i in np.argsort(table.draw, kind="stable"):
        known = [(c, offers[c][s]) for c, s in enumerate(table.state[i]) if s >= 0]
        study = table.studies.row(int(i), named=True)
        made = 0
        for c, offer in known:
            for true, own in zip(offer.true, offer.false, strict=True):
                if made == (recipe.claims.per_study or len(known) * 99) or len(rows) == recipe.limit:
                    continue
                key = f"{study['source']}/{study['study_id']}/{table.conditions[c]}/{made}"
                others = [f for d, o in known if d != c for group in o.false for f in group]
                row = _make_set(key, true, list(own), others, recipe)
                if row is None:
                    reason = "too few claims that are surely false"
                    rejects.append(("design", reason, study["source"], key, None))
                    continue
                made += 1
                rows.append({**study, **row})
    rows.sort(key=lambda r: (SPLITS.index(r["split"]), r["set_id"]))
    fact = pl.Struct({p: pl.String for p in ("condition", "existence", "location", "severity")})
    lists = {
        "claim_facts": pl.List(fact),
        "claim_negations": pl.List(pl.String),
        "altered": pl.List(pl.String),
        "answer": pl.Int64(),
    }
    schema = {c: lists.get(c, pl.String()) for c in CLAIM_COLUMNS}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    report = {"studies": len(table.studies), "sets": len(frame), "rejected": len(rejects)}
    return Design(frame, pl.DataFrame(rejects, schema=REJECTS_SCHEMA, orient="row"), report)


def _offer(state: ConditionState, logic: Logic, recipe: ContextualRecipe) -> _Options:
    c = state.condition
    true = [Fact(c, "absent")] if state.existence == "absent" else []
    true += [Fact(c, "present", p, g) for p, g in state.records]
    true += [Fact(c, "absent", p, g) for p, g in state.denied]
    kinds = {"none", *recipe.negation_types}
    false = []
    for fact in true:
        judged = [(f, judge_cell(logic, state, f)) for f in perturb(fact, logic.ontology)]
        false.append(tuple((f, v) for f, v in judged if v > 0 and f.negation_type in kinds))
    return _Options(tuple(true), tuple(false))


def _make_set(
    key: str, true: Fact, own: list[False_], others: list[False_], recipe: ContextualRecipe
) -> dict[str, Any] | None:
    settings = recipe.claims
    k = settings.k_min + draw_int(recipe.seed, "naive k", key) % (settings.k_max - settings.k_min + 1)
    # The number keeps the two rankings apart from one another.
    pool = dict(shuffle(own, recipe.seed, "naive own", key)[: k - 1])
    for fact, altered in shuffle(others, recipe.seed, "naive others", key):
        if len(pool) >= k - 1:
            break
        pool.setdefault(fact, altered)
    if len(pool) < settings.k_min - 1:
        return None
    said = shuffle([(true, 0), *pool.items()], recipe.seed, "naive order", key)
    denied = sorted(
        {f.negation_type for f, _ in said} - {"none"}, key=("severity", "location", "existence").index
    )
    return {
        "set_id": f"naive-{key}",
        "condition": true.condition,
        "negation_type": denied[0] if denied else "none",
        "set_kind": "same_condition" if len({f.condition for f, _ in said}) == 1 else "mixed_condition",
        "claim_facts": [
            {
                "condition": f.condition,
                "existence": f.existence,
                "location": f.location,
                "severity": f.severity,
            }
            for f, _ in said
        ],
        "claim_negations": [f.negation_type for f, _ in said],
        "altered": [ATTRIBUTES[a] for _, a in said],
        "answer": said.index((true, 0)),
        "group_id": f"naive-{key}",
    }
