"""The language of a text is found out; a text in a language without a register is left unread."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastdata import parse
from nastdata.ontology import Ontology
from nastdata.reading.language.detect import find_language

ROWS = [
    line.split("\t")
    for line in (Path(__file__).parents[1] / "data" / "languages.tsv")
    .read_text(encoding="utf-8")
    .splitlines()[1:]
]


@pytest.mark.parametrize(("language", "register", "text"), [r for r in ROWS if r[1]])
def test_registers(ontology: Ontology, language: str, register: str, text: str) -> None:
    found = find_language(text, ontology)
    assert (found.name, found.register) == (language, register)


@pytest.mark.parametrize(("language", "text"), [(r[0], r[2]) for r in ROWS if not r[1]])
def test_languages_without_a_register(ontology: Ontology, language: str, text: str) -> None:
    found = find_language(text, ontology)
    assert (found.name, found.register) == (language, None)
    reading = parse(text)
    assert (reading.labels, reading.facts, reading.language) == ({}, (), None)
    assert [(u.text, u.reason) for u in reading.unread] == [
        (text, f"language: {language}, which has no register")
    ]


@pytest.mark.parametrize(
    "text", ["Ingen pneumothorax.", "Ingen pneumothorax, ingen væske.", "Pnömotoraks yok."]
)
def test_which_of_two_alike_languages_does_not_matter(ontology: Ontology, text: str) -> None:
    assert find_language(text, ontology).register is None


def test_long_texts_are_decided_by_their_beginning(ontology: Ontology) -> None:
    assert (
        find_language("The lungs are clear. " * 5000 + "Kein Erguss. " * 50_000, ontology).name == "English"
    )
