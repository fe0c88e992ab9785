"""Sentences and captions that people labelled before the reader saw them, in five kinds of text."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from labelled import DATA, Labelled, Score, find_openi_texts, read_sentences, score_reading

import nastdata

EXACT = {"openi": 0.98, "mimic": 0.92, "llm": 0.95, "trap": 0.95, "report": 0.90}
"""Least share of each kind that is read exactly."""
PLACES = 0.9
"""Of those, the least share whose places are right too."""


def check(scores: dict[str, Score], kinds: set[str]) -> None:
    assert set(scores) == kinds
    for kind, score in scores.items():
        assert not score.flips, "\n".join(score.flips)
        shown = "\n".join(score.misread)
        assert score.exact >= EXACT[kind] * score.count, f"{kind}: {score.exact} of {score.count}\n{shown}"
        assert score.places >= PLACES * score.exact, f"{kind}: places of {score.places} of {score.exact}"


def test_own_texts() -> None:
    rows = [r for r in read_sentences() if not r.where]
    assert len(rows) > 150
    check(score_reading(rows, nastdata.parse), {"mimic", "llm", "trap", "report"})


@pytest.mark.real
def test_openi_texts(real_labels: Path) -> None:
    stored = find_openi_texts(real_labels / "NLMCXR_reports.tgz")
    rows = [replace(r, text=stored[r.where.split()[-1]]) for r in read_sentences() if r.where]
    assert len(rows) > 60
    check(score_reading(rows, nastdata.parse), {"openi", "report"})


@pytest.mark.parametrize(
    "name", ["reader_unseen.tsv", "reader_examined.tsv", "reader_kinds.tsv", "reader_batches.tsv"]
)
def test_texts_by_other_authors(name: str) -> None:
    """Texts that were labelled first, and read without change; what they showed has been worked on since."""
    scores = score_reading([r for r in read_sentences(name) if not r.where], nastdata.parse)
    for kind, score in scores.items():
        assert len(score.flips) <= (name == "reader_kinds.tsv"), "\n".join(score.flips)
        assert score.exact >= 0.93 * score.count, f"{kind}: {score.exact} of {score.count}\n{score.misread}"


@pytest.mark.parametrize("name", ["gate_unseen.tsv", "gate_examined.tsv", "gate_batches.tsv"])
def test_captions_by_other_authors(name: str) -> None:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    right = [nastdata.check_caption(r["text"], json.loads(r["fact"])) for r in rows if r["says_it"] == "1"]
    wrong = [r["text"] for r in rows if r["says_it"] == "0"]
    facts = [json.loads(r["fact"]) for r in rows if r["says_it"] == "0"]
    admitted = [t for t, f in zip(wrong, facts, strict=True) if nastdata.check_caption(t, f) is None]
    assert not admitted
    assert sum(why is None for why in right) >= 0.9 * len(right), [why for why in right if why]


def test_a_flip_and_a_wrong_place_are_counted() -> None:
    row = Labelled("x", "openi", "", "No effusion.", {"Pleural Effusion": 1}, {}, frozenset(), ())
    score = score_reading([row], nastdata.parse)["openi"]
    assert (score.exact, len(score.flips)) == (0, 1)
    there = replace(row, text="Left effusion.", places={"Pleural Effusion": ["right"]})
    assert score_reading([there], nastdata.parse)["openi"] == Score(1, 1, 0)
    with pytest.raises(AssertionError, match="read as 0"):
        check({"openi": score}, {"openi"})


def test_captions_are_admitted_if_they_say_the_fact_and_only_then() -> None:
    with (DATA / "gate_captions.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    answers = [(r, nastdata.check_caption(r["text"], json.loads(r["fact"]))) for r in rows]
    admitted = [r["text"] for r, why in answers if r["says_it"] == "0" and why is None]
    refused = [f"{r['text']} ({why})" for r, why in answers if r["says_it"] == "1" and why is not None]
    honest = sum(r["says_it"] == "1" for r in rows)
    assert len(rows) - honest > 60 and honest > 60
    assert not admitted, "\n".join(admitted)
    assert len(refused) <= 0.1 * honest, "\n".join(refused)
