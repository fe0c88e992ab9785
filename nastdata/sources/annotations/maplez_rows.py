"""MAPLEZ's tables: four rows a study (labels, probability, location, severity), one column a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.annotations.collector import Collector, StudyKeys
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.base import InputFile
from nastdata.sources.cad_chest.mentions import find_places
from nastdata.sources.locate import Wanted
from nastdata.sources.places import PlaceIndex, find_grade
from nastdata.sources.tables import ROW, Table, read_table, reject_cell

STUDY, TYPE = "subjectid_studyid", "type_annotation"
TYPES = ("labels", "probability", "location", "severity")
PRESENT, ABSENT, UNSURE = ("1", "0", ("-1", "-3"))
"""Values of ``labels``; -2 is not mentioned, -3 doubtful since only stability is said."""
STABLE = 101.0
"""Probability that stands for "stability was mentioned"."""
SURE, SURELY_NOT = 80.0, 20.0
"""Percent from which on a present finding is definite, and up to which an absent one is. Ours."""
WORDS = {"1": "mild", "2": "moderate", "3": "severe"}
NOTHING = ("", "-1", "nan", "none")
Keys = Callable[[str], StudyKeys | None]


def want(name: str) -> dict[str, Wanted]:
    """Return what the files of one of the two corpora look like."""
    return {"annotations": Wanted(name, columns=(STUDY, TYPE))}


@dataclass
class _Study:
    rows: dict[str, dict[str, str | None]] = field(default_factory=dict)


def collect_annotations(
    source: str,
    ontology: Ontology,
    strength: tuple[str, ...],
    paths: Sequence[Path],
    name_study: Keys,
    files: tuple[InputFile, ...] = (),
) -> Collector:
    """Read tables into facts with place and grade.

    Args:
        source: Name of the corpus.
        ontology: Whose names are wanted.
        strength: How close a label must be to a condition.
        paths: Of the tables.
        name_study: Turns ``subjectid_studyid`` into keys, or None if it is no id of this corpus.
        files: What was read besides.

    Raises:
        UserError: if a column is missing, or a type or an id is none.
    """
    labels = LabelMap("maplez_labels", ontology, strength)
    places = PlaceIndex(ontology)
    tables = [read_table(p) for p in paths]
    collector = Collector(source, ontology, (*(t.file for t in tables), *files))
    for table in tables:
        findings = [c for c in table.frame.columns if labels.find_touched(c)]
        for keys, study in _group(table, name_study, collector):
            present: list[Fact] = []
            absent: list[Fact] = []
            doubtful: list[str] = []
            for finding in findings:
                for condition in labels.find_stated(finding):
                    said = {t: (cells.get(finding) or "").strip() for t, cells in study.rows.items()}
                    _judge(condition, said, ontology, places, present, absent, doubtful, collector)
            collector.add(keys, present, absent, doubtful, units=len(study.rows))
    return collector


def _group(table: Table, name_study: Keys, collector: Collector) -> Iterator[tuple[StudyKeys, _Study]]:
    studies: dict[StudyKeys, _Study] = {}
    for cells in table.frame.iter_rows(named=True):
        kind = (cells[TYPE] or "").lower()
        if kind not in TYPES:
            reject_cell(table, cells[ROW], TYPE, cells[TYPE], f"one of {', '.join(TYPES)}")
        keys = name_study((cells[STUDY] or "").strip())
        if keys is None:
            collector.rejects.append(("not a study of this corpus", f"row {cells[ROW]}", cells[STUDY]))
            continue
        rows = studies.setdefault(keys, _Study()).rows
        if kind in rows:
            collector.rejects.append(
                ("a second row of the same kind for a study", f"row {cells[ROW]}", cells[STUDY])
            )
            continue
        rows[kind] = cells
    for keys, study in sorted(studies.items(), key=lambda item: (item[0].patient, item[0].study)):
        yield keys, study


def _judge(
    condition: str,
    said: dict[str, str],
    ontology: Ontology,
    places: PlaceIndex,
    present: list[Fact],
    absent: list[Fact],
    doubtful: list[str],
    collector: Collector,
) -> None:
    label = said.get("labels", "").removesuffix(".0")
    probability = _read_number(said.get("probability", ""))
    if label in UNSURE or (probability == STABLE and label in (PRESENT, ABSENT)):
        doubtful.append(condition)
        return
    if label not in (PRESENT, ABSENT):
        return
    if probability is not None and (probability < SURE if label == PRESENT else probability > SURELY_NOT):
        collector.counts["label and probability do not go together: doubtful"] += 1
        doubtful.append(condition)
        return
    where = said.get("location", "")
    items = [] if where.lower() in NOTHING else [x.strip().lower() for x in where.split(";") if x.strip()]
    notes: list[str] = []
    found = [places.find(condition, *w) for w in _find_places(items, notes)]
    collector.counts.update(notes)
    named: list[str | None] = [p for p in dict.fromkeys(found) if p is not None]
    named = named or [None]
    word = WORDS.get(said.get("severity", "").removesuffix(".0"))
    grade = find_grade(ontology, condition, word) if word and label == PRESENT else None
    if grade and len(named) > 1:
        collector.counts["one grade for several places: the grade is unknown"] += 1
        grade = None
    if label == PRESENT:
        present += [Fact(condition, "present", place, grade) for place in named]
    else:
        absent += [Fact(condition, "absent", place) for place in named]


def _find_places(items: list[str], notes: list[str]) -> list[tuple[str | None, str | None]]:
    """Items with a side each are places of their own; the rest is read together."""
    each = [find_places((item,), [])[0] for item in items]
    if len(each) > 1 and all(side for _, side in each):
        return list(dict.fromkeys(each))
    return find_places(tuple(items), notes)


def _read_number(text: str) -> float | None:
    try:
        return float(text) if text.lower() not in NOTHING else None
    except ValueError:
        return None
