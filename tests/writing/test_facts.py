from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from english import NEGATIONS, find_faults
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.ontology import Ontology, load_ontology
from nastdata.records import Fact, FactWording
from nastdata.writing.base import Failure
from nastdata.writing.grammar.facts import FactGrammar
from nastdata.writing.template import TemplateWriter

CHEST = load_ontology("chest_xray")
GRAMMAR = FactGrammar(CHEST)


def list_facts(ontology: Ontology, every: int = 1) -> Iterator[Fact]:
    """Every statement that the records allow, or every n-th one."""
    n = 0
    for c in ontology.conditions:
        for place in (None, *c.places):
            for grade in (None, *ontology.grades(c.name)):
                facts = [Fact(c.name, "present", place, grade), Fact(c.name, "absent", place, grade)]
                facts += [Fact(c.name, "present", place, grade, "location")] if place else []
                facts += [Fact(c.name, "present", place, grade, "severity")] if grade else []
                for fact in facts:
                    n += 1
                    if n % every == 0:
                        yield fact


facts = st.sampled_from(list(list_facts(CHEST)))


def test_every_sentence_is_good_english(any_ontology: Ontology) -> None:
    grammar = FactGrammar(any_ontology)
    faults = [
        (s.text, fault)
        for fact in list_facts(any_ontology, every=5)
        for s in grammar.list_sentences(fact)
        for fault in find_faults(s.text, any_ontology)
    ]
    assert not faults[:3]


def test_only_denials_hold_a_negation(any_ontology: Ontology) -> None:
    grammar = FactGrammar(any_ontology)
    for fact in list_facts(any_ontology, every=7):
        for s in grammar.list_sentences(fact):
            assert bool(NEGATIONS.search(s.text)) == (fact.negation_type != "none"), s.text


@pytest.mark.parametrize(
    ("fact", "least"),
    [
        (Fact("Edema", "present"), 25),
        (Fact("Edema", "absent"), 25),
        (Fact("Pleural Effusion", "present", "right", "small"), 60),
        (Fact("Pleural Effusion", "absent", None, "large"), 25),
        (Fact("Consolidation", "absent", "right lower lobe"), 50),
        (Fact("Consolidation", "present", "right lower lobe", denies="location"), 12),
        (Fact("Support Devices", "present", "left", denies="location"), 12),
        (Fact("Cardiomegaly", "present", None, "severe", denies="severity"), 12),
    ],
)
def test_there_are_many_ways_of_saying_it(fact: Fact, least: int) -> None:
    sentences = GRAMMAR.list_sentences(fact)
    assert len(sentences) >= least
    assert len({s.text for s in sentences}) == len({s.plan_id for s in sentences}) == len(sentences)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (
            Fact("Pneumothorax", "present", "left lung apex", "small"),
            "There is a small left apical pneumothorax.",
        ),
        (
            Fact("Pleural Effusion", "present", "right", "moderate"),
            "A moderate right pleural effusion is present.",
        ),
        (Fact("Pleural Effusion", "present", "bilateral"), "There are bilateral pleural effusions."),
        (
            Fact("Consolidation", "present", "right lower lobe"),
            "Consolidation is seen in the right lower lobe.",
        ),
        (Fact("Consolidation", "present", "both lungs"), "There is consolidation in both lungs."),
        (Fact("Cardiomegaly", "present", None, "mild"), "Mild cardiomegaly is noted."),
        (
            Fact("Enlarged Cardiomediastinum", "present", None, "mild"),
            "There is a mildly enlarged cardiomediastinum.",
        ),
        (Fact("Support Devices", "present", "right"), "Support devices are seen on the right."),
        (Fact("Edema", "absent"), "There is no pulmonary edema."),
        (Fact("Pneumothorax", "absent"), "No pneumothorax is seen."),
        (
            Fact("Consolidation", "absent", "right lower lobe"),
            "There is no consolidation in the right lower lobe.",
        ),
        (Fact("Pleural Effusion", "absent", "right"), "There is no right pleural effusion."),
        (Fact("Pleural Effusion", "absent", None, "large"), "There is no large pleural effusion."),
        (
            Fact("Consolidation", "present", "right lower lobe", denies="location"),
            "Consolidation is not in the right lower lobe.",
        ),
        (
            Fact("Pleural Effusion", "present", None, "large", denies="severity"),
            "The pleural effusion is not large.",
        ),
    ],
)
def test_known_sentences_are_among_them(fact: Fact, text: str) -> None:
    assert text in {s.text for s in GRAMMAR.list_sentences(fact)}


def test_a_side_is_not_read_into_the_name() -> None:
    """ "right" + "lung opacity" would name the right lung."""
    texts = [s.text for s in GRAMMAR.list_sentences(Fact("Lung Opacity", "present", "right"))]
    assert not any("right lung" in t.lower() for t in texts)


@settings(max_examples=200, deadline=None)
@given(facts)
def test_the_attributes_stand_in_the_text(fact: Fact) -> None:
    condition = CHEST.condition_by_name[fact.condition]
    place = CHEST.place_by_name[fact.location] if fact.location else None
    for s in GRAMMAR.list_sentences(fact):
        text = s.text.lower()
        named = any(n.lower() in text for n in (condition.text, *condition.synonyms))
        assert named or set(condition.text.split()) <= set(re.findall(r"\w+", text))
        if fact.severity:
            assert re.search(rf"\b{CHEST.word_grade(fact.condition, fact.severity)}(ly)?\b", text)
        else:
            assert not re.search(r"\b(small|large|mild|moderate|severe|extensive|subtle|marked)(ly)?\b", text)
        if place:
            assert place.phrase.lower() in text or (place.adjective and place.adjective.lower() in text)
        else:
            assert not re.search(r"\b(left|right|lobe|bilateral\w*)\b", text)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([c.name for c in CHEST.conditions]))
def test_saying_and_denying_share_their_frames(condition: str) -> None:
    said = {s.plan_id: s.text for s in GRAMMAR.list_sentences(Fact(condition, "present"))}
    denied = {s.plan_id: s.text for s in GRAMMAR.list_sentences(Fact(condition, "absent"))}
    assert len(said.keys() ^ denied.keys()) <= 7  # bare mass nouns fold two frames into one
    for plan_id in said.keys() & denied.keys():
        assert abs(len(said[plan_id].split()) - len(denied[plan_id].split())) <= 1


@settings(max_examples=100, deadline=None)
@given(facts, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_wording_depends_on_fact_index_and_seed_only(fact: Fact, index: int, seed: int) -> None:
    one = TemplateWriter(CHEST, seed).write_facts([(fact, index)])
    other = TemplateWriter(CHEST, seed).write_facts([(Fact("Edema", "absent"), 0), (fact, index)])
    assert one[0] == other[1]
    assert isinstance(one[0], FactWording)
    assert one[0].fact == fact


@settings(max_examples=50, deadline=None)
@given(facts)
def test_wordings_do_not_repeat_before_all_are_used(fact: Fact) -> None:
    n = len(GRAMMAR.list_sentences(fact))
    worded = TemplateWriter(CHEST, 0).write_facts([(fact, i) for i in range(n)])
    assert len({w.text for w in worded}) == n


def test_an_uncertain_fact_is_refused() -> None:
    (result,) = TemplateWriter(CHEST, 0).write_facts([(Fact("Edema", "uncertain"), 0)])
    assert isinstance(result, Failure)
    assert "uncertain" in result.reason
