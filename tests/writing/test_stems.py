from __future__ import annotations

import re

from english import NEGATIONS

from nastdata.ontology import Ontology
from nastdata.writing.grammar.stems import STEMS, write_question


def test_stems_are_many_neutral_and_well_formed(any_ontology: Ontology) -> None:
    questions = {write_question(any_ontology, 0, str(i)) for i in range(2000)}
    assert len(questions) == len(STEMS) >= 20
    words = [p.text.lower() for c in any_ontology.conditions for p in (c, *c.affirmative)]
    for question in questions:
        assert any_ontology.subject.text in question
        assert not NEGATIONS.search(question)
        assert not any(w in question.lower() for w in words)
        assert re.fullmatch(r"[A-Z][^{}]*[?.]", question)


def test_a_stem_hangs_on_seed_and_key_only(ontology: Ontology) -> None:
    assert write_question(ontology, 1, "a") == write_question(ontology, 1, "a")
    assert len({write_question(ontology, seed, "a") for seed in range(50)}) > 5
