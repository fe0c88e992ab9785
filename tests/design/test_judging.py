"""The arrays say what the logic says, cell by cell."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from contextual_facts import make_facts
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.design.contextual.arrays.judging import judge_states
from nastdata.design.contextual.perturb import statements
from nastdata.design.contextual.states import ConditionState, logic_of
from nastdata.design.contextual.study_states import tabulate_studies
from nastdata.design.contextual.truth_table import judge_cell, judge_statements
from nastdata.ontology import Ontology, load_ontology
from nastdata.records import FRONTAL, LATERAL, PAIR, Fact

ONTOLOGY = load_ontology("chest_xray")
RICH = [c for c in ONTOLOGY.order if ONTOLOGY.condition_by_name[c].places]


@st.composite
def states_of_one_condition(draw: st.DrawFn) -> list[ConditionState]:
    """Some states, made from records as a source might give them, contradictory ones among them."""
    condition = draw(st.sampled_from(RICH))
    spec = ONTOLOGY.condition_by_name[condition]
    places = st.sampled_from([None, *spec.places])
    grades = st.sampled_from([None, *ONTOLOGY.grades(condition)])
    fact = st.tuples(
        st.sampled_from(["present", "present", "present", "absent", "uncertain"]), places, grades
    )
    elsewhere = st.sampled_from([None, *(p.name for p in ONTOLOGY.places)])
    near = st.lists(elsewhere, max_size=2)
    view = st.sampled_from([None, FRONTAL, PAIR, LATERAL])
    case = st.tuples(st.lists(fact, max_size=4), st.lists(elsewhere, max_size=2), near, view)
    logic = logic_of(ONTOLOGY)
    made = [logic.read_condition(condition, *given) for given in draw(st.lists(case, max_size=6))]
    return [*made, logic.read_condition(condition, [])]


def compare(states: list[ConditionState], said: list[Fact]) -> None:
    logic = logic_of(ONTOLOGY)
    want = np.array([[judge_cell(logic, s, f) for f in said] for s in states], np.int8)
    got = judge_states(logic, states, said)
    wrong = np.argwhere(want != got)
    assert not len(wrong), [(states[i], said[j], want[i, j], got[i, j]) for i, j in wrong[:3]]


@settings(max_examples=120, deadline=None)
@given(states_of_one_condition())
def test_every_cell_is_what_the_logic_says(states: list[ConditionState]) -> None:
    condition = states[0].condition
    both = [
        Fact(condition, existence, place, grade, denies)
        for place in ONTOLOGY.condition_by_name[condition].places[:6]
        for grade in ONTOLOGY.grades(condition)
        for existence, denies in (
            ("present", None),
            ("absent", None),
            ("present", "location"),
            ("present", "severity"),
        )
    ]
    compare(states, [*statements(condition, ONTOLOGY), *both])


@pytest.mark.parametrize("allowed", [("existence",), ("location", "severity"), ()])
def test_a_sheet_is_judged_cell_by_cell(ontology: Ontology, allowed: tuple[str, ...]) -> None:
    logic = logic_of(ontology)
    table = tabulate_studies(make_facts(ontology, 120, seed=3), logic, 0)
    sheet = judge_statements(table, logic, frozenset(allowed))
    for numbers, states, verdicts in zip(sheet.by_condition, table.states, sheet.verdicts, strict=True):
        said = [sheet.facts[n] for n in numbers]
        assert {f.negation_type for f in said} <= {"none", *allowed}
        assert verdicts.tolist() == [[judge_cell(logic, s, f) for f in said] for s in states]


def test_no_states_make_no_rows() -> None:
    assert judge_states(logic_of(ONTOLOGY), (), statements("Consolidation", ONTOLOGY)).shape[0] == 0


def test_the_arrays_know_every_part_of_a_state() -> None:
    """A new field of a state changes the logic: ``arrays/judging.py`` has to follow, and then this list."""
    assert [f.name for f in fields(ConditionState)] == [
        "condition",
        "existence",
        "records",
        "implied",
        "denied",
        "doubts",
        "kin",
        "sides",
        "lobes",
    ]
