"""The parser against hand-labelled sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.parse import Parser, get_parser
from nastdata.records import Fact

DATA = Path(__file__).parents[1] / "data"


def read_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def parser(ontology: Ontology) -> Parser:
    return get_parser(ontology)


HEAD = """
name: head
version: 1
subject: {text: head scan, article: a}
review: {status: made up for this test}
scales:
  - {name: extent, grades: [small, large], synonyms: {small: [tiny], large: [extensive]}}
regions:
  - {name: frontal lobe}
  - {name: ventricle}
places:
  - {name: right, side: right, phrase: on the right, adjective: right, mirror: left}
  - {name: left, side: left, phrase: on the left, adjective: left, mirror: right}
  - name: left frontal lobe
    side: left
    region: frontal lobe
    phrase: in the left frontal lobe
    adjective: left frontal
  - {name: frontal lobe, region: frontal lobe, phrase: in a frontal lobe, adjective: frontal}
conditions:
  - name: Haemorrhage
    text: haemorrhage
    synonyms: [haematoma]
    scale: extent
    affirmative: {text: homogeneous parenchyma}
    places: [right, left, left frontal lobe, frontal lobe]
  - name: Infarct
    text: infarct
    article: an
    affirmative: {text: preserved differentiation}
    places: [right, left]
  - name: Hydrocephalus
    text: hydrocephalus
    affirmative: {text: slender ventricles, number: plural}
    predicates:
      - {subjects: [ventricle, ventricles], adjectives: [dilated, large]}
"""


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Parser:
    path = tmp_path_factory.mktemp("ontology") / "head.yaml"
    path.write_text(HEAD, encoding="utf-8")
    return Parser(load_ontology(str(path)))


def describe(fact: Fact) -> str:
    """Write a fact as the table does: "Edema present left lung/mild !severity"."""
    out = f"{fact.condition} {fact.existence}"
    if fact.location or fact.severity:
        out += f" {fact.location or '-'}" + (f"/{fact.severity}" if fact.severity else "")
    return out + (f" !{fact.denies}" if fact.denies else "")


@pytest.mark.parametrize("name", ["polarity_examples.tsv", "polarity_more.tsv"])
def test_hand_labelled_sentences(parser: Parser, name: str) -> None:
    rows = read_rows(name)
    wrong = [
        (r["text"], gold, said)
        for r in rows
        if (said := parser.parse(r["text"]).labels) != (gold := json.loads(r["gold_json"]))
    ]
    assert not wrong
    assert len(rows) == {"polarity_examples.tsv": 81, "polarity_more.tsv": 254}[name]


@pytest.mark.parametrize("row", read_rows("fact_examples.tsv"), ids=lambda r: r["text"])
def test_places_and_grades(parser: Parser, row: dict[str, str]) -> None:
    said = [describe(p.fact) for p in parser.parse(row["text"]).facts]
    assert sorted(said) == sorted(row["facts"].split(";"))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("No left effusion. There is a right effusion.", {"Pleural Effusion": 1}),
        ("No pneumonia. Pneumonia cannot be excluded.", {"Pneumonia": -1}),
        ("Possible edema. Edema is present.", {"Edema": 1}),
        ("", {}),
        ("   \n", {}),
        ("The film is of good quality.", {}),
        ("There is a pericardial effusion.", {}),
        ("The lungs are clear.", {}),
        ("Prior fracture.", {}),
        ("Old fracture.", {"Fracture": 1}),
        ("The effusion has resolved.", {"Pleural Effusion": 0}),
        ("No new effusion.", {"Pleural Effusion": 0}),
        ("Evaluate for pneumonia.", {}),
        ("Rule out pneumonia.", {"Pneumonia": -1}),
        ("Atelectasis or pneumonia.", {"Atelectasis": -1, "Pneumonia": -1}),
        ("Findings consistent with pneumonia.", {"Pneumonia": 1}),
    ],
)
def test_what_was_decided(parser: Parser, text: str, labels: dict[str, int]) -> None:
    assert parser.parse(text).labels == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Pneumonia: No findings are consistent with pneumonia.", {"Pneumonia": 0}),
        ("**Pneumothorax:** There is no pneumothorax. Edema.", {"Pneumothorax": 0, "Edema": 1}),
        ("Effusion: small on the right, no effusion on the left.", {"Pleural Effusion": 1}),
        ("Effusion: no edema.", {"Pleural Effusion": 1, "Edema": 0}),
        ("Cardiomegaly, lungs clear.", {"Cardiomegaly": 1}),
        ("No fracture, right clavicle unchanged.", {"Fracture": 0}),
    ],
)
def test_a_name_said_again(parser: Parser, text: str, labels: dict[str, int]) -> None:
    for report in (False, True):
        assert parser.parse(text, report=report).labels == labels


@pytest.mark.parametrize(
    "text", ["Pleural effusion [ ] Pneumothorax [x]", "\u2611 Pneumothorax", "Edema ( ) Pneumothorax (x)"]
)
def test_boxes_of_a_form_are_unread(parser: Parser, text: str) -> None:
    reading = parser.parse("Cardiomegaly. " + text)
    assert reading.labels == {"Cardiomegaly": 1}
    assert [u.text for u in reading.unread] == [text]


@pytest.mark.parametrize("denial", ["Kein", "Pas de", "Geen", "Ingen", "Senza", "Sem", "Absence de", "Brak"])
def test_a_sentence_in_another_language_is_unread(parser: Parser, denial: str) -> None:
    reading = parser.parse(f"There is a small left pleural effusion. {denial} pneumothorax.")
    assert reading.labels == {"Pleural Effusion": 1}
    assert [u.text for u in reading.unread] == [f"{denial} pneumothorax"]


def test_alternatives_and_cues(parser: Parser) -> None:
    reading = parser.parse("Pneumothorax present, with normal heart size and clear lung parenchyma.")
    assert reading.alternatives == ("Cardiomegaly", "Consolidation")
    assert reading.cues == ()
    reading = parser.parse("No edema; sharp costophrenic angles are not seen.")
    assert reading.alternatives == ()
    assert reading.cues == ("No", "not")


def test_words_outside_the_vocabulary_are_named(parser: Parser) -> None:
    assert parser.parse("There is a small left apical pneumothorax.").unlicensed == ()
    text = "There is a pneumothorax with Mediastinal shift and cholelithiasis."
    assert parser.parse(text).unlicensed == ("shift", "cholelithiasis", "mediastinum")


def test_spans_point_at_the_names(parser: Parser) -> None:
    text = "No EDEMA, but a lung nodule at the left base."
    assert [text[p.start : p.end] for p in parser.parse(text).facts] == ["EDEMA", "lung nodule"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("No hemorrhage, with infarct.", {"Haemorrhage": 0, "Infarct": 1}),
        ("Infarcts are absent while haematomas are noted.", {"Infarct": 0, "Haemorrhage": 1}),
        ("Hydrocephalus cannot be excluded.", {"Hydrocephalus": -1}),
        ("The ventricles are dilated.", {"Hydrocephalus": 1}),
        ("The ventricles are not large.", {"Hydrocephalus": 0}),
        ("Dilated ventricles, no bleed.", {"Hydrocephalus": 1}),
        ("No pneumothorax; slender ventricles.", {}),
    ],
)
def test_another_organ(head: Parser, text: str, labels: dict[str, int]) -> None:
    assert head.parse(text).labels == labels


def test_places_of_another_organ(head: Parser) -> None:
    (only,) = head.parse("A tiny left-sided frontal haematoma.").facts
    assert only.fact == Fact("Haemorrhage", "present", "left frontal lobe", "small")


def test_one_parser_per_ontology(ontology: Ontology) -> None:
    assert get_parser(ontology) is get_parser(ontology)
