"""Spanish: ordinary reports and PadChest's stemmed ones, by the same register."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import snowballstemmer
from spanish_sentences import POINTERS, find_corpus, judge, load_sentences, read_reports, summarise

from nastdata import parse
from nastdata.ontology import Ontology
from nastdata.reading.language.spelling import expand
from nastdata.reading.parse import Reading, get_parser
from nastdata.reading.register import Register, load_register

ORDINARY = [
    (text.replace("\\n", "\n"), json.loads(labels))
    for text, labels in (
        line.split("\t")
        for line in (Path(__file__).parents[1] / "data" / "spanish_ordinary.tsv")
        .read_text(encoding="utf-8")
        .splitlines()[1:]
    )
]
Read = Callable[[str], Reading]


@pytest.fixture(scope="module")
def register() -> Register:
    return load_register("spanish")


@pytest.fixture(scope="module")
def read(ontology: Ontology) -> Read:
    return get_parser(ontology, "spanish").parse


@pytest.mark.parametrize(("text", "labels"), ORDINARY)
def test_ordinary_spanish(read: Read, text: str, labels: dict[str, int]) -> None:
    assert read(text).labels == labels


@pytest.mark.parametrize(("text", "labels"), ORDINARY)
def test_stems_without_accents_read_the_same(
    read: Read, register: Register, text: str, labels: dict[str, int]
) -> None:
    """PadChest's form of a text: lower case, no accents, stems, without the smallest words."""
    stem = snowballstemmer.stemmer("spanish").stemWord
    words = []
    for word in text.lower().replace("\n", " \n ").replace(".", " . ").replace(",", " , ").split(" "):
        plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
        if plain not in register.skip:
            words.append(plain if plain.rstrip(":;") in register.unstemmed else stem(plain))
    assert read(" ".join(words)).labels == labels


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Derrame pleural derecho de pequeña cuantía.", [("Pleural Effusion", "right", "small")]),
        ("derram pleural izquierd import", [("Pleural Effusion", "left", "large")]),
        ("Moderado derrame pleural izquierdo y leve atelectasia derecha.",
         [("Pleural Effusion", "left", "moderate"), ("Atelectasis", "right", "mild")]),
        ("Infiltrado en campo medio e inferior derecho.",
         [("Lung Opacity", "right mid lung zone", None), ("Lung Opacity", "right lower lung zone", None)]),
        ("infiltr camp medi inferior derech",
         [("Lung Opacity", "right mid lung zone", None), ("Lung Opacity", "right lower lung zone", None)]),
        ("Condensación en base derecha e izquierda.", [("Consolidation", "both lung bases", None)]),
        ("atelectasi lamin lid", [("Atelectasis", "right lower lobe", None)]),
        ("Infiltrado bilateral de predominio derecho.", [("Lung Opacity", "bilateral", None)]),
        ("Infiltrado de predominio derecho.", [("Lung Opacity", "right", None)]),
        ("Elevación del hemidiafragma derecho, derrame izquierdo.", [("Pleural Effusion", "left", None)]),
        ("Cardiomegalia. Elevación del hemidiafragma derecho.", [("Cardiomegaly", None, None)]),
        ("Fractura de clavícula derecha.", [("Fracture", "right clavicle", None)]),
    ],
)  # fmt: skip
def test_places_and_grades(read: Read, text: str, facts: list[tuple[str, str | None, str | None]]) -> None:
    assert [(f.condition, f.location, f.severity) for f in read(text).facts] == facts


def test_what_is_not_understood_states_nothing(read: Read) -> None:
    """A "no" before an unknown verb denies neither what is before it nor what is after it."""
    assert read("Cardiomegalia no xxyzz otra cosa.").labels == {"Cardiomegaly": 1}
    assert read("no xxyzz infiltr").labels == {}
    assert read("Cardiomegalia, no se aprecian otros hallazgos.").labels == {"Cardiomegaly": 1}
    assert read("No se ve el hemidiafragma en relación con derrame pleural.").labels == {}


def test_hand_labels_hold_no_text() -> None:
    header, *rows = POINTERS.read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == [
        "id", "kind", "half", "study", "sentence", "sha256", "labels", "places", "note",
    ]  # fmt: skip
    assert len(rows) == 450
    assert all(len(r.split("\t")[5]) == 16 and len(r.split("\t")) == 9 for r in rows)


@pytest.mark.real
@pytest.mark.parametrize(("half", "lowest"), [("dev", 0.98), ("test", 0.97), ("test 2", 0.97)])
def test_padchest_sentences(read: Read, half: str, lowest: float) -> None:
    corpus = find_corpus()
    if corpus is None:
        pytest.skip("PadChest's table is not installed")
    sentences = [s for s in load_sentences(read_reports(corpus)) if s.half == half]
    result = summarise([(s, judge(s, read(s.text))) for s in sentences])
    assert result["flips"] == 0
    assert result["exact"] >= lowest * result["sentences"]
    assert result["places wrong"] <= 0.1 * result["sentences"]


def test_every_word_is_compared_by_itself(register: Register) -> None:
    """What words are compared by is compared by itself, so that stemmed text is read like any other."""
    key = register.spelling.key
    words = {w for cue in register.cues for text in cue.words for w in register.spelling.split(text)}
    assert len(words) > 200
    assert not [w for w in words if key(w) != w]


def test_alternatives_in_phrases() -> None:
    assert expand(["right (lung|) base", "(a|b) c (d|e)"]) == (
        *("right lung base", "right base"),
        *("a c d", "a c e", "b c d", "b c e"),
    )


def test_a_language_is_found_and_used() -> None:
    reading = parse("Sin derrame pleural.")
    assert (reading.language, reading.labels) == ("es", {"Pleural Effusion": 0})
    assert parse("no apreci infiltr ni condens pulmonar").language == "es"
    assert parse("No effusion.").language == "en"
    assert parse("Sin derrame pleural.", language="english").labels == {}
    assert parse("derram pleural", language="es").labels == {"Pleural Effusion": 1}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Resoluci\u00f3n del derrame pleural izquierdo.", "resolved"),
        ("El neumot\u00f3rax ha desaparecido.", "resolved"),
        ("Nuevo derrame pleural derecho.", "new"),
        ("No hay neumot\u00f3rax.", "now"),
    ],
)
def test_time(read: Read, text: str, time: str) -> None:
    assert [f.time for f in read(text).facts] == [time]


def test_a_word_without_an_end_takes_no_time(register: Register) -> None:
    started = time.process_time()
    assert register.spelling.key("amente" * 20_000) == "amente" * 20_000
    assert time.process_time() - started < 1
