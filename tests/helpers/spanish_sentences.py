"""Sentences of PadChest's reports, read by hand before any reader saw them, and how a reading is judged.

``tests/data/reader_spanish.tsv`` holds pointers (study, number of the sentence, beginning of its sha256) and
labels; the text itself may not be redistributed and is taken from the user's own copy of the corpus.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.reading.parse import Reading
from nastdata.sources.locate import find_in_torchxrayvision

POINTERS = Path(__file__).resolve().parents[1] / "data" / "reader_spanish.tsv"
CORPUS = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
_STOP = re.compile(r"(?:^|(?<=\s))\.(?=\s|$)")


@dataclass(frozen=True)
class Sentence:
    """A sentence and its right reading."""

    name: str
    kind: str
    half: str
    text: str
    labels: dict[str, int]
    """Condition -> 1 present, 0 absent, -1 uncertain."""
    places: dict[str, list[str] | None]
    """Condition -> places; ``?x`` may be missing, of ``x/y`` either will do, None: none."""
    note: str
    """``opt:NAME`` is not asked, ``alt:NAME=v`` is right too."""


@dataclass(frozen=True)
class Verdict:
    """How a reading compares with the right one."""

    exact: bool
    flips: tuple[str, ...]
    """Conditions read as present that are absent, or the other way round."""
    missed: tuple[str, ...]
    """Conditions that got no label and have one."""
    misplaced: tuple[str, ...]


def find_corpus() -> Path | None:
    """Return PadChest's table where the package torchxrayvision has it, or None."""
    return find_in_torchxrayvision(CORPUS)


def read_reports(path: Path) -> pl.DataFrame:
    """Return PadChest's rows that have a report: StudyID, Report, and who labelled it how."""
    columns = ["StudyID", "Report", "MethodLabel", "LabelsLocalizationsBySentence"]
    return pl.read_csv(path, columns=columns, infer_schema_length=0).filter(pl.col("Report").is_not_null())


def split_sentences(report: str) -> list[str]:
    """Return the sentences of a report of the column: " . " is between them."""
    parts = (" ".join(part.split()) for part in _STOP.split(report))
    return [part for part in parts if part]


def load_sentences(reports: pl.DataFrame, pointers: Path = POINTERS) -> list[Sentence]:
    """Find the texts of the pointers.

    Raises:
        LookupError: if a sentence is not where its pointer says.
    """
    with pointers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wanted = {r["study"] for r in rows}
    by_study: dict[str, list[str]] = defaultdict(list)
    for study, report in (
        reports.filter(pl.col("StudyID").is_in(list(wanted))).select("StudyID", "Report").unique().iter_rows()
    ):
        by_study[study].append(report)
    return [_find(r, by_study[r["study"]]) for r in rows]


def _find(row: dict[str, str], reports: Sequence[str]) -> Sentence:
    for report in reports:
        parts = split_sentences(report)
        number = int(row["sentence"])
        if number < len(parts) and hashlib.sha256(parts[number].encode()).hexdigest().startswith(
            row["sha256"]
        ):
            labels, places = json.loads(row["labels"]), json.loads(row["places"])
            return Sentence(row["id"], row["kind"], row["half"], parts[number], labels, places, row["note"])
    raise LookupError(f"{row['id']}: no such sentence in study {row['study']}")


def judge(sentence: Sentence, reading: Reading) -> Verdict:
    """Compare a reading with the right one."""
    said, want = dict(reading.labels), dict(sentence.labels)
    for name in re.findall(r"opt:([A-Z][a-z]+(?: [A-Z][a-z]+)*)", sentence.note):
        said.pop(name, None)
        want.pop(name, None)
    for name, value in re.findall(r"alt:([A-Z][\w ]+?)=(none|-?\d)", sentence.note):
        if value == "none" and name not in said:
            want.pop(name, None)
        elif value != "none" and said.get(name) == int(value):
            want[name] = int(value)
    flips = tuple(c for c in said if {said[c], want.get(c)} == {0, 1})
    at: dict[str, set[str]] = defaultdict(set)
    for f in reading.facts:
        if f.fact.location and f.fact.denies != "location":
            at[f.fact.condition].add(f.fact.location)
    misplaced = tuple(c for c in want if said.get(c) == want[c] and not _fit(sentence.places.get(c), at[c]))
    return Verdict(said == want, flips, tuple(c for c in want if c not in said), misplaced)


def _fit(wanted: list[str] | None, said: set[str]) -> bool:
    left = set(said)
    for want in wanted or ():
        hit = next((w for w in want.lstrip("?").split("/") if w in left), None)
        if hit:
            left.discard(hit)
        elif not want.startswith("?"):
            return False
    return not left


def summarise(judged: Sequence[tuple[Sentence, Verdict]]) -> dict[str, Any]:
    """Return counts: sentences, exactly right, flips, places wrong."""
    return {
        "sentences": len(judged),
        "exact": sum(v.exact for _, v in judged),
        "flips": sum(len(v.flips) for _, v in judged),
        "places wrong": sum(bool(v.misplaced) for _, v in judged),
    }
