from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations

import pytest

from nastdata.engines.local import LocalEngine
from nastdata.ontology import Ontology
from nastdata.records import Fact, FactWording, OptionStatement
from nastdata.writing import wording_store as bank
from nastdata.writing.base import Failure
from nastdata.writing.template import TemplateWriter

SCRIPT = """
from nastdata.ontology import load_ontology
from nastdata.writing.grammar.stems import write_question
from nastdata.writing.template import TemplateWriter
from nastdata.records import Fact, OptionStatement
ontology = load_ontology("chest_xray")
writer = TemplateWriter(ontology, 5)
names = [c.name for c in ontology.conditions]
for i in range(40):
    triple = tuple(sorted({names[i % 13], names[(i + 3) % 13], names[(i + 7) % 13]}, key=names.index))
    print(writer.write_options([(OptionStatement(triple, (1, 0, 0)), i)]))
    print(writer.write_facts([(Fact("Consolidation", "absent", "lingula"), i)]))
    print(write_question(ontology, 5, str(i)))
"""


def test_repeats_are_worded_once_and_order_is_kept(ontology: Ontology) -> None:
    class Counting(TemplateWriter):
        asked = 0

        def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
            self.asked += len(wanted)
            return super().write_facts(wanted)

    writer = Counting(ontology, 0)
    a, b = (Fact("Edema", "absent"), 0), (Fact("Fracture", "present"), 2)
    got = bank.word_facts(writer, [a, b, a, a])
    assert writer.asked == 2
    assert got == [*writer.write_facts([a, b]), *writer.write_facts([a, a])]


def test_the_number_of_processes_changes_nothing(ontology: Ontology, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = TemplateWriter(ontology, 0)
    triples = list(combinations([c.name for c in ontology.conditions], 3))[:40]
    options = [(OptionStatement(t, (0, 1, 0)), i) for i, t in enumerate(triples)]
    facts = [(Fact("Edema", "absent", "lingula"), i) for i in range(20)]
    alone = bank.word_options(writer, options), bank.word_facts(writer, facts)
    monkeypatch.setattr(bank, "_WORTH_A_PROCESS", 10)
    with LocalEngine(2) as engine:
        assert (bank.word_options(writer, options, engine), bank.word_facts(writer, facts, engine)) == alone


def test_nothing_to_word(ontology: Ontology) -> None:
    assert bank.word_options(TemplateWriter(ontology, 0), []) == []


def test_hash_randomisation_changes_nothing() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
