"""Scopes: sets of conditions whose states are known together, and what is true in each joint state.

A claim set speaks of the conditions of one scope. The studies of a scope fall into joint states; a table
says for each (joint state, statement) whether the statement is true, false by exactly one attribute, or of
no use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
import polars as pl

from nastdata.computed.store import keep
from nastdata.design.contextual.arrays.judging import (
    ATTRIBUTES,
    TRUE,
    UNUSABLE,
    Bools,
    Verdicts,
    judge_states,
)
from nastdata.design.contextual.perturb import statements
from nastdata.design.contextual.states import ConditionState, Logic, differs_in
from nastdata.design.contextual.study_states import Codes, Ints, StudyTable, tabulate_studies
from nastdata.records import Fact, NegationType
from nastdata.seeded import draw_unit


@dataclass(frozen=True)
class Sheet:
    """All statements of all conditions, and what they are in each state of their condition."""

    facts: tuple[Fact, ...]
    by_condition: tuple[tuple[int, ...], ...]
    """Numbers of each condition's statements, in the order of the verdicts' columns."""
    verdicts: tuple[Verdicts, ...]
    """Per condition: states x statements; TRUE, the altered attribute's number, or UNUSABLE."""
    single: Bools
    """Statements x statements: about one condition, differing in exactly one attribute."""

    @cached_property
    def negation(self) -> tuple[NegationType, ...]:
        """Negation type of each statement."""
        return tuple(f.negation_type for f in self.facts)


def judge_statements(table: StudyTable, logic: Logic, allowed: frozenset[str]) -> Sheet:
    """Judge every statement of the allowed negation types in every state of its condition.

    The verdicts follow from the ontology and the set of states alone, and are kept between builds
    (``nastdata.computed.store``).
    """
    said = [
        [f for f in statements(c, logic.ontology) if f.negation_type in {"none", *allowed}]
        for c in table.conditions
    ]
    starts = np.cumsum([0, *map(len, said)]).tolist()
    facts = [f for own in said for f in own]
    states = [[repr(s) for s in own] for own in table.states]
    kept = keep(
        "verdicts",
        [logic.ontology.fingerprint, sorted(allowed), states],
        lambda: _judge_all(table, logic, said),
        lambda made: all(
            made.get(f"of {i}", np.zeros(0)).shape == (len(table.states[i]), len(own))
            for i, own in enumerate(said)
        ),
    )
    single = np.zeros((len(facts), len(facts)), bool)
    for i, (a, b) in enumerate(pairwise(starts)):
        single[a:b, a:b] = kept[f"single {i}"]
    return Sheet(
        tuple(facts),
        tuple(tuple(range(a, b)) for a, b in pairwise(starts)),
        tuple(kept[f"of {i}"] for i in range(len(said))),
        single,
    )


def _judge_all(table: StudyTable, logic: Logic, said: list[list[Fact]]) -> dict[str, np.ndarray]:
    """Return each condition's verdicts, and which two of its statements differ in one attribute."""
    made: dict[str, np.ndarray] = {}
    for i, (states, own) in enumerate(zip(table.states, said, strict=True)):
        made[f"of {i}"] = judge_states(logic, states, own)
        single = np.zeros((len(own), len(own)), bool)
        for a, b in combinations(range(len(own)), 2):
            single[a, b] = single[b, a] = len(differs_in(own[a], own[b])) == 1
        made[f"single {i}"] = single
    return made


@dataclass(frozen=True)
class Known:
    """What claims and captions of one build both start from; made once (``know``)."""

    table: StudyTable
    sheet: Sheet


def know(
    facts: pl.DataFrame, logic: Logic, seed: int, allowed: Iterable[str], *, hard: bool = False
) -> Known:
    """Collect the studies of a fact frame and judge the statements of the allowed negation types.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``.
        logic: of the ontology.
        seed: of the recipe.
        allowed: negation types.
        hard: whether lobes of one lung count as told apart on a single frontal image.
    """
    table = tabulate_studies(facts, logic, seed, hard=hard)
    return Known(table, judge_statements(table, logic, frozenset(allowed)))


def judge_cell(logic: Logic, state: ConditionState, fact: Fact) -> int:
    """Return TRUE, the number of the one attribute in which a false fact departs, or UNUSABLE."""
    value = logic.judge(state, fact)
    if value is True:
        return TRUE
    altered = logic.violated(state, fact) if value is False else frozenset()
    return ATTRIBUTES.index(next(iter(altered))) if len(altered) == 1 else UNUSABLE


@dataclass(frozen=True)
class Scope:
    """The studies that know all conditions of a scope, by joint state."""

    conditions: tuple[int, ...]
    studies: Ints
    """Numbers of its studies, sorted by joint state."""
    starts: Ints
    """Where each joint state's studies start; one more than there are joint states."""
    columns: Ints
    """Numbers of the statements that are true in at least one joint state."""
    verdicts: Verdicts
    """Joint states x columns."""

    @cached_property
    def counts(self) -> Ints:
        """Studies in each joint state."""
        return np.diff(self.starts).astype(np.int32)


def open_scope(table: StudyTable, sheet: Sheet, conditions: tuple[int, ...]) -> Scope:
    """Collect the studies of a scope and the verdicts in its joint states."""
    known = np.flatnonzero((table.state[:, conditions] >= 0).all(axis=1)).astype(np.int32)
    key = np.zeros(len(known), np.int64)
    for c in conditions:
        key = key * len(table.states[c]) + table.state[known, c]
    _, first, inverse, counts = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    joint = table.state[known[first]][:, conditions]
    verdicts = np.concatenate([sheet.verdicts[c][joint[:, i]] for i, c in enumerate(conditions)], axis=1)
    columns = np.concatenate([np.array(sheet.by_condition[c], np.int32) for c in conditions])
    useful = (verdicts == TRUE).any(axis=0)
    order = np.argsort(inverse, kind="stable")
    return Scope(
        conditions,
        known[order],
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        columns[useful],
        np.ascontiguousarray(verdicts[:, useful]),
    )


def list_scopes(
    table: StudyTable, sizes: tuple[int, ...], most: int, least: int, seed: int
) -> list[tuple[int, ...]]:
    """List the scopes that at least ``least`` studies know, the best known ones of each size.

    Args:
        table: studies and states.
        sizes: how many conditions a scope may have.
        most: how many scopes of a size are kept; those that more studies know have the better chance.
        least: fewest studies that a scope is worth.
        seed: of the recipe.
    """
    bits = 1 << np.arange(len(table.conditions), dtype=np.int64)
    masks, counts = np.unique((table.state >= 0) @ bits, return_counts=True)
    out: list[tuple[int, ...]] = []
    for size in sizes:
        ranked = []
        for scope in combinations(range(len(table.conditions)), size):
            want = int(bits[list(scope)].sum())
            known = int(counts[(masks & want) == want].sum())
            if known >= least:
                luck = draw_unit(seed, "scope", *scope)
                ranked.append((-known * (1.0 + luck), scope))
        out += [scope for _, scope in sorted(ranked)[:most]]
    return out


__all__ = [
    "ATTRIBUTES",
    "TRUE",
    "UNUSABLE",
    "Bools",
    "Codes",
    "Known",
    "Scope",
    "Sheet",
    "judge_cell",
    "judge_statements",
    "know",
    "list_scopes",
    "open_scope",
]
