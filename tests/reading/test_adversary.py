"""Sentences made to mislead: the reader never says the opposite, the gate admits no other sentence.

The sentences and their truth come from ``tests/helpers/adversary``, which shares nothing with the grammar or
with the reader. ``python benchmarks/gate_adversary.py`` prints the table by operator combination.
"""

from __future__ import annotations

import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from adversary import Sentence, Tally, drop_denials, generate, insert_word, judge, load_operators, total

import nastdata
from nastdata.ontology import Ontology
from nastdata.records import Fact

COUNT, LIES = 20_000, 3
HONEST = 0.90


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    return generate(0, COUNT)


@dataclass
class _Reading:
    labels: dict[str, int]
    unread: tuple[str, ...] = field(default=())


def test_sentences_are_distinct_and_the_same_for_a_seed(sentences: list[Sentence]) -> None:
    assert len({s.text for s in sentences}) == COUNT
    assert generate(7, 500) == generate(7, 500)
    assert {s.text for s in generate(7, 500)} != {s.text for s in generate(8, 500)}


def test_every_operator_and_template_is_drawn(sentences: list[Sentence]) -> None:
    drawn = {(s.operators[0], s.template) for s in sentences}
    for op in load_operators().values():
        own = [t for templates in op.for_.values() for t in templates]
        for template in (*op.templates, *op.bare, *own):
            assert (op.name, template) in drawn, f"{op.name}: {template!r} was never drawn"


def test_no_slot_is_left_and_no_choice(sentences: list[Sentence]) -> None:
    for s in sentences:
        assert not re.search(r"[{}|\[\]]|  ", s.text), s.text


def test_truth_names_places_and_grades_of_the_ontology(sentences: list[Sentence], ontology: Ontology) -> None:
    for s in sentences:
        assert s.says not in s.other
        for fact in (*s.other, *([s.says] if s.says else [])):
            condition = ontology.condition_by_name[fact.condition]
            assert fact.location is None or fact.location in condition.places
            assert fact.severity is None or fact.severity in ontology.grades(fact.condition)
        if s.says is not None:
            assert s.labels == {s.says.condition: int(s.says.existence == "present")}


def test_a_gate_that_admits_all_and_a_reader_that_flips_are_caught(sentences: list[Sentence]) -> None:
    by_text = {s.text: s for s in sentences[:500]}

    def flip(text: str) -> _Reading:
        return _Reading({c: {0: 1, 1: 0}.get(v, v) for c, v in by_text[text].labels.items()})

    whole = total(judge(by_text.values(), flip, lambda text, fact: None).values())
    assert whole.counts["lies accepted"] == whole.counts["lies"] > 1000
    assert whole.counts["flips"] == sum(v != -1 for s in by_text.values() for v in s.labels.values())

    def know(text: str, fact: dict[str, Any]) -> str | None:
        return None if by_text[text].says == Fact(**fact) else "not that"

    right = judge(by_text.values(), lambda text: _Reading(by_text[text].labels), know)
    counts = total(right.values()).counts
    assert counts["flips"] == counts["lies accepted"] == counts["honest refused"] == 0
    assert counts["read exactly"] == 500 and counts["honest"] > 50


@pytest.fixture(scope="module")
def judged(sentences: list[Sentence]) -> Tally:
    return total(judge(sentences, nastdata.parse, nastdata.check_caption, LIES).values())


def test_the_gate_admits_no_sentence_that_does_not_say_the_fact(judged: Tally) -> None:
    assert judged.counts["lies"] > 2 * COUNT
    assert not judged.faults["lies accepted"], "\n".join(judged.faults["lies accepted"][:20])


def test_the_reader_never_says_the_opposite(judged: Tally) -> None:
    assert not judged.faults["flips"], "\n".join(judged.faults["flips"][:20])


def test_the_gate_admits_nine_in_ten_of_those_that_say_it(judged: Tally) -> None:
    honest, refused = judged.counts["honest"], judged.counts["honest refused"]
    assert honest > COUNT / 10
    shown = "\n".join(judged.faults["honest refused"][:20])
    assert honest - refused >= HONEST * honest, f"{refused} of {honest} refused:\n{shown}"


def test_a_word_too_many_is_refused(sentences: list[Sentence]) -> None:
    """No word of denial, doubt, time or another finding can be slipped in anywhere."""
    rng = random.Random(3)
    admitted = []
    for s in [s for s in sentences if s.says is not None][:1500]:
        assert s.says is not None
        for _ in range(4):
            text, word = insert_word(rng, s)
            if nastdata.check_caption(text, asdict(s.says)) is None:
                admitted.append(f"{word!r} in {text!r}")
    assert not admitted, f"{len(admitted)}:\n" + "\n".join(admitted[:40])


def test_a_denial_left_out_is_refused(sentences: list[Sentence]) -> None:
    tried, admitted = 0, []
    for s in [s for s in sentences if s.says is not None]:
        assert s.says is not None
        for text in drop_denials(s):
            tried += 1
            if nastdata.check_caption(text, asdict(s.says)) is None:
                admitted.append(f"{text!r} of {s.text!r}")
    assert tried > 1000
    assert not admitted, f"{len(admitted)}:\n" + "\n".join(admitted[:40])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_other_seeds_and_every_fact(seed: int) -> None:
    counts = total(judge(generate(seed, COUNT), nastdata.parse, nastdata.check_caption).values())
    assert not counts.faults["lies accepted"], "\n".join(counts.faults["lies accepted"][:20])
    assert not counts.faults["flips"], "\n".join(counts.faults["flips"][:20])
