"""Perturbations alter exactly one attribute, to something that can be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.design.contextual.perturb import perturb, statements
from nastdata.design.contextual.states import differs_in, logic_of
from nastdata.ontology import Ontology, load_ontology
from nastdata.records import Fact

ONTOLOGY = load_ontology("chest_xray")


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    c = draw(st.sampled_from(ONTOLOGY.conditions))
    if draw(st.booleans()):
        place = draw(st.sampled_from([None, *c.places]))
        return Fact(c.name, "present", place, draw(st.sampled_from([None, *ONTOLOGY.grades(c.name)])))
    return draw(st.sampled_from([f for f in statements(c.name, ONTOLOGY) if f.negation_type != "none"]))


@settings(max_examples=300, deadline=None)
@given(facts())
def test_exactly_one_attribute_is_altered_and_the_result_is_false(fact: Fact) -> None:
    logic = logic_of(ONTOLOGY)
    condition = ONTOLOGY.condition_by_name[fact.condition]
    altered = perturb(fact, ONTOLOGY)
    assert altered
    assert len(set(altered)) == len(altered)
    for other in altered:
        assert len(differs_in(fact, other)) == 1
        assert logic.judge(logic.state_of(fact), other) is False
        assert other.location is None or other.location in condition.places
        assert other.severity is None or other.severity in ONTOLOGY.grades(fact.condition)


@settings(max_examples=100, deadline=None)
@given(facts())
def test_a_plain_absence_can_only_come_back(fact: Fact) -> None:
    absent = Fact(fact.condition, "absent")
    assert perturb(absent, ONTOLOGY) == [Fact(fact.condition, "present")]


def test_the_other_side_comes_first(ontology: Ontology) -> None:
    out = perturb(Fact("Consolidation", "present", "right lower lobe"), ontology)
    places = [f.location for f in out if f.existence == "present" and f.denies is None]
    assert places[:3] == ["left lower lobe", "right middle lobe", "right upper lobe"]
    assert "right lung base" not in places
    assert "right" not in places


def test_the_nearest_grade_comes_first(ontology: Ontology) -> None:
    out = perturb(Fact("Pleural Effusion", "present", None, "large"), ontology)
    assert [f.severity for f in out if f.negation_type == "none"] == ["moderate", "small"]


def test_nothing_impossible_is_stated(ontology: Ontology) -> None:
    assert {f.location for f in statements("Cardiomegaly", ontology)} == {None}
    assert "lung apex" not in {f.location for f in statements("Pleural Effusion", ontology)}
    assert {f.severity for f in statements("Fracture", ontology)} == {None}
    negated = [f for f in statements("Pneumonia", ontology) if f.negation_type != "none"]
    assert not any(f.location == "both lungs" for f in negated)
