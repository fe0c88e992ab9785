from __future__ import annotations

import re
from itertools import combinations, pairwise, product

import pytest
from english import NEGATIONS, find_faults
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.ontology import Ontology, load_ontology
from nastdata.records import OptionStatement, OptionWording
from nastdata.writing.grammar.grammar import FRAMES, SegmentFrame
from nastdata.writing.grammar.options import OptionGrammar
from nastdata.writing.grammar.patterns import count_patterns, list_patterns
from nastdata.writing.grammar.plans import ORDERS, Plan, count_cues, draw_plan
from nastdata.writing.template import TemplateWriter

POLARITIES = [(a, b, c) for a, b, c in product((0, 1), repeat=3)]
CHEST = load_ontology("chest_xray")
WRITER = TemplateWriter(CHEST, seed=3)


def triples(ontology: Ontology) -> list[tuple[str, str, str]]:
    return list(combinations([c.name for c in ontology.conditions], 3))


def word(writer: TemplateWriter, *wanted: tuple[OptionStatement, int]) -> list[OptionWording]:
    out = []
    for wording in writer.write_options(wanted):
        assert isinstance(wording, OptionWording)
        out.append(wording)
    return out


statements = st.builds(OptionStatement, st.sampled_from(triples(CHEST)), st.tuples(*[st.integers(0, 1)] * 3))


@pytest.mark.parametrize("frame", range(len(FRAMES)))
def test_every_frame_is_good_english_for_every_condition_and_cue(frame: int, any_ontology: Ontology) -> None:
    grammar = OptionGrammar(any_ontology)
    names = [c.name for c in any_ontology.conditions]
    present, absent = count_cues(frame)
    faults: list[tuple[str, str]] = []
    for i, first in enumerate(names):
        triple = (first, names[(i + 1) % len(names)], names[(i + 4) % len(names)])
        for cue in range(max(present, absent)):
            plan = Plan(frame, (i + cue) % 6, ((cue % present),) * 3, ((cue % absent),) * 3)
            phrases = [cue % len(any_ontology.condition_by_name[n].affirmative) for n in triple]
            for labels in POLARITIES:
                for text in grammar.word(plan, triple, labels, phrases)[:2]:
                    faults += [(text, fault) for fault in find_faults(text, any_ontology)]
    assert not faults[:3]


@pytest.mark.parametrize("frame", range(len(FRAMES)))
def test_texts_name_what_they_should_and_nothing_else(frame: int, ontology: Ontology) -> None:
    grammar = OptionGrammar(ontology)
    present, absent = count_cues(frame)
    names = ("Cardiomegaly", "Pneumothorax", "Support Devices")
    for cue, labels in product(range(max(present, absent)), POLARITIES):
        plan = Plan(frame, cue % 6, ((cue % present),) * 3, ((cue % absent),) * 3)
        phrases = (cue % 4, cue % 3, cue % 3)
        negated, affirmative, _ = grammar.word(plan, names, labels, phrases)
        for name, label, phrase in zip(names, labels, phrases, strict=True):
            c = ontology.condition_by_name[name]
            assert negated.lower().count(c.text) == 1
            assert affirmative.lower().count(c.text) == label
            assert affirmative.lower().count(c.affirmative[phrase].text) == 1 - label
            assert not any(a.text in negated.lower() for a in c.affirmative)
        assert not NEGATIONS.search(affirmative), affirmative
        assert len(NEGATIONS.findall(negated)) >= (0 in labels)
        assert (0 in labels) == bool(NEGATIONS.search(negated)), negated


@settings(max_examples=300, deadline=None)
@given(statements, st.integers(0, 10_000))
def test_spans_tell_the_whole_difference(statement: OptionStatement, index: int) -> None:
    (wording,) = word(WRITER, (statement, index))
    assert len(wording.spans) >= (0 in statement.labels)
    assert not (all(statement.labels) and wording.spans)
    at, rebuilt = 0, ""
    for negated, affirmative in wording.spans:
        start = wording.negated.index(negated, at)
        rebuilt += wording.negated[at:start] + affirmative
        at = start + len(negated)
    assert rebuilt + wording.negated[at:] == wording.affirmative


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(triples(CHEST)), st.integers(0, 10_000), st.integers(0, 2**31))
def test_the_plan_never_depends_on_the_labels(triple: tuple[str, str, str], index: int, seed: int) -> None:
    wanted = [(OptionStatement(triple, labels), index) for labels in POLARITIES]
    worded = word(TemplateWriter(CHEST, seed), *wanted)
    assert {w.plan_id for w in worded} == {draw_plan(seed, triple, index).plan_id}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(triples(CHEST)), st.integers(0, 10_000))
def test_no_two_options_read_the_same(triple: tuple[str, str, str], index: int) -> None:
    worded = word(WRITER, *((OptionStatement(triple, labels), index) for labels in POLARITIES))
    assert len({w.negated for w in worded}) == len({w.affirmative for w in worded}) == 8


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(triples(CHEST)), st.integers(0, 10_000))
def test_segments_keep_order_and_cue_whatever_the_labels(triple: tuple[str, str, str], index: int) -> None:
    """Where a contrast or a preposition asks for it, polarity changes once, in the same order otherwise."""
    plan = draw_plan(WRITER.seed, triple, index)
    frame = FRAMES[plan.frame]
    if not isinstance(frame, SegmentFrame):
        return
    texts = [c.text for c in (CHEST.condition_by_name[n] for n in triple)]
    worded = word(WRITER, *((OptionStatement(triple, labels), index) for labels in POLARITIES))
    orders = [tuple(sorted(texts, key=w.negated.lower().index)) for w in worded]
    if not frame.contrast and frame.kind not in ("with", "phrase"):
        assert len(set(orders)) == 1
        return
    drawn = [texts[i] for i in ORDERS[plan.order]]
    for w, order in zip(worded, orders, strict=True):
        label = dict(zip(texts, w.statement.labels, strict=True))
        assert sum(label[a] != label[b] for a, b in pairwise(order)) <= 1
        for value in (0, 1):
            assert [t for t in order if label[t] == value] == [t for t in drawn if label[t] == value]
        assert label[order[0]] == label[drawn[0]]


def test_what_is_written_depends_on_nothing_else_that_was_asked_for() -> None:
    wanted = [(OptionStatement(t, POLARITIES[i % 8]), i) for i, t in enumerate(triples(CHEST)[:50])]
    together = TemplateWriter(CHEST, 1).write_options(wanted)
    alone = [TemplateWriter(CHEST, 1).write_options([w])[0] for w in reversed(wanted)]
    assert together == alone[::-1]


def test_seeds_differ() -> None:
    wanted = [(OptionStatement(t, (1, 0, 1)), 0) for t in triples(CHEST)[:50]]
    one, other = (
        TemplateWriter(CHEST, 1).write_options(wanted),
        TemplateWriter(CHEST, 2).write_options(wanted),
    )
    assert sum(a == b for a, b in zip(one, other, strict=True)) <= 5


def test_successive_wordings_use_different_frames() -> None:
    for triple in triples(CHEST)[::40]:
        frames = [draw_plan(0, triple, i).frame for i in range(len(FRAMES))]
        assert sorted(frames) == list(range(len(FRAMES)))


def test_frames_are_spread_evenly_over_triples() -> None:
    used = [draw_plan(0, t, 0).frame for t in triples(CHEST)]
    assert len(set(used)) > 80
    assert max(used.count(f) for f in set(used)) <= 12


def test_there_are_many_ways_of_saying_it() -> None:
    counts = count_patterns()
    assert counts.frames >= 100
    assert counts.patterns >= 1000
    assert len(set(FRAMES)) == len(FRAMES)


def test_an_adversative_becomes_and_in_the_affirmative_text() -> None:
    for negated, affirmative in list_patterns():
        assert not re.search(r"\b(but|yet|however)\b", affirmative), (negated, affirmative)


def test_prepositions_are_not_said_twice_in_a_row(ontology: Ontology) -> None:
    grammar = OptionGrammar(ontology)
    frame = next(
        i for i, f in enumerate(FRAMES) if isinstance(f, SegmentFrame) and f.kind == "phrase" and f.contrast
    )
    negated, affirmative, _ = grammar.word(
        Plan(frame, 0, (0, 0, 0), (0, 0, 0)), ("Cardiomegaly", "Edema", "Fracture"), (1, 0, 1)
    )
    assert negated == "Chest radiograph with cardiomegaly and fracture, but without pulmonary edema."
    assert affirmative == "Chest radiograph with cardiomegaly, fracture and normal pulmonary vascularity."


def test_texts_fit_clip() -> None:
    open_clip = pytest.importorskip("open_clip")
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    grammar = OptionGrammar(CHEST)
    longest = {
        c.name: max(range(len(c.affirmative)), key=lambda i: len(c.affirmative[i].text))
        for c in CHEST.conditions
    }
    length = {c.name: max(len(c.text), len(c.affirmative[longest[c.name]].text)) for c in CHEST.conditions}
    names = sorted(length, key=lambda n: -length[n])[:3]
    phrases = [longest[n] for n in names]
    texts: list[str] = []
    for i in range(len(FRAMES)):
        present, absent = count_cues(i)
        for cue, labels in product(range(max(present, absent)), POLARITIES):
            plan = Plan(i, cue % 6, ((cue % present),) * 3, ((cue % absent),) * 3)
            texts += grammar.word(plan, names, labels, phrases)[:2]
    lengths = [len(tokenizer.encode(t)) + 2 for t in dict.fromkeys(texts)]
    assert max(lengths) <= 77
