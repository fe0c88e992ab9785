"""Text -> facts gives back what was written, by a parser that knows nothing of the writer."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from test_facts import list_facts

from nastdata.ontology import Ontology, find_alternative
from nastdata.reading.parse import get_parser
from nastdata.records import OptionStatement, OptionWording
from nastdata.writing.grammar.facts import FactGrammar
from nastdata.writing.grammar.grammar import FRAMES
from nastdata.writing.grammar.stems import STEMS
from nastdata.writing.template import TemplateWriter


def misread_options(ontology: Ontology, indices: range) -> list[tuple[str, str]]:
    """Return the options, as (plan, text), that are read otherwise than they were meant."""
    parse = get_parser(ontology).parse
    triples = combinations([c.name for c in ontology.conditions], 3)
    sizes = {c.name: len(c.affirmative) for c in ontology.conditions}
    wanted = [
        (OptionStatement(t, (a, b, c), (i % sizes[t[0]], (i + n) % sizes[t[1]], (i + c) % sizes[t[2]])), i)
        for n, t in enumerate(triples)
        for i in indices
        for a, b, c in product((0, 1), repeat=3)
    ]
    out = []
    for w in TemplateWriter(ontology, 11).write_options(wanted):
        assert isinstance(w, OptionWording)
        labels = dict(zip(w.statement.conditions, w.statement.labels, strict=True))
        negated, affirmative = parse(w.negated), parse(w.affirmative)
        if negated.labels != labels or negated.alternatives or negated.unlicensed:
            out.append((w.plan_id, w.negated))
        absent = {c for c, v in labels.items() if not v}
        if (
            affirmative.labels != {c: 1 for c, v in labels.items() if v}
            or set(affirmative.alternatives) != absent
            or any(
                find_alternative(w.affirmative, ontology.condition_by_name[c]) != p
                for c, p in zip(w.statement.conditions, w.statement.phrases, strict=True)
                if c in absent
            )
            or affirmative.cues
            or affirmative.unlicensed
        ):
            out.append((w.plan_id, w.affirmative))
    return out


def test_options_are_read_as_they_were_meant(any_ontology: Ontology) -> None:
    assert not misread_options(any_ontology, range(1))[:5]


@pytest.mark.slow
def test_options_of_all_frames_and_triples_are_read_as_they_were_meant(ontology: Ontology) -> None:
    assert not misread_options(ontology, range(len(FRAMES)))[:5]


def test_facts_are_read_as_they_were_meant(any_ontology: Ontology) -> None:
    parse = get_parser(any_ontology).parse
    grammar = FactGrammar(any_ontology)
    wrong = []
    for fact in list_facts(any_ontology, every=6):
        bilateral = fact.location and any_ontology.place_by_name[fact.location].side == "both"
        if fact.denies and (bilateral or (fact.location and fact.severity)):
            continue  # no design makes these
        for s in grammar.list_sentences(fact):
            reading = parse(s.text)
            if [f.fact for f in reading.facts] != [fact] or reading.unlicensed:
                wrong.append((s.plan_id, s.text, reading.facts))
    assert not wrong[:5]


def test_stems_state_nothing(any_ontology: Ontology) -> None:
    parse = get_parser(any_ontology).parse
    for stem in STEMS:
        reading = parse(stem.format(subject=any_ontology.subject.text, a_subject="an image"))
        assert not (reading.labels or reading.alternatives or reading.cues)
