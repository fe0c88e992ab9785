"""Plain tables of captions, of whatever origin: does each text say what its columns claim?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from nastdata.checks.verdicts import Bad, Ledger, Report
from nastdata.engines import open_engine
from nastdata.errors import UserError, name_nearest
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import check_fact, read_texts
from nastdata.reading.parse import Reading
from nastdata.records import Existence, Fact

FORMATS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")
EXISTENCE = {
    **dict.fromkeys(("present", "1", "1.0", "true", "yes", "y", "positive", "pos"), "present"),
    **dict.fromkeys(("absent", "0", "0.0", "false", "no", "n", "negative", "neg"), "absent"),
}
"""What an existence column may hold, in any case."""


@dataclass(frozen=True)
class Columns:
    """Which column of the table holds what; an attribute without a column is not compared."""

    text: str
    condition: str
    existence: str
    location: str | None = None
    severity: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Meaning -> column, for those that are given."""
        return {k: v for k in self.__dataclass_fields__ if (v := getattr(self, k)) is not None}


def validate_table(path: Path, columns: Columns, ontology: Ontology, engine: str = "local") -> Report:
    """Check a table of captions: values, possible facts, the round trip of every text, contradictions.

    Conditions and places may be named as in the ontology or by any of their synonyms. "X is not in P" and
    "no X in P" are both taken for an absence with the place P.

    Args:
        path: csv, tsv, parquet or JSON lines.
        columns: names of the table's columns.
        ontology: conditions, places and grades.
        engine: where texts are read back (``nastdata.engines``).

    Raises:
        UserError: if the file can't be read, lacks a column, or is empty.
    """
    frame = _read_table(path, columns)
    ledger = Ledger()
    names = _Names(ontology)
    required, unknown, impossible = list[Bad](), list[Bad](), list[Bad]()
    facts: list[tuple[str, str, Fact]] = []
    for row in frame.iter_rows(named=True):
        key, text = f"row {row['row']}", row["text"]
        blank = next((c for c in ("text", "condition", "existence") if not row[c]), None)
        if blank:
            required.append(Bad(f"{blank} is blank", key, None, text))
            continue
        fact = names.read(row, key, unknown)
        if fact is None:
            continue
        reason = names.judge(fact)
        if reason:
            impossible.append(Bad(reason, key, None, text))
        facts.append((key, text, fact))
    ledger.add("required", None, len(frame), required)
    ledger.add("vocabulary", None, len(frame), unknown)
    ledger.add("facts", None, len({f for *_, f in facts}), impossible)
    with open_engine(engine) as readers:
        readings = read_texts([t for _, t, _ in facts], ontology, readers)
    bad = [
        Bad(reason, key, None, text)
        for (key, text, fact), reading in zip(facts, readings, strict=True)
        if (reason := _compare(reading, fact, columns, ontology))
    ]
    ledger.add("round_trip", None, len({(t, f) for _, t, f in facts}), bad)
    ledger.add("consistency", None, len({t for _, t, _ in facts}), _find_contradictions(facts))
    return ledger.close()


def _read_table(path: Path, columns: Columns) -> pl.DataFrame:
    """Return ``row`` (counted from 1) and the given columns as text, stripped; blanks are null."""
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise UserError(
            "not a folder, nor a table that can be read", where=str(path), how="known: " + ", ".join(FORMATS)
        )
    try:
        if kind == ".parquet":
            frame = pl.read_parquet(path)
        elif kind in (".csv", ".tsv"):
            frame = pl.read_csv(path, separator="\t" if kind == ".tsv" else ",", infer_schema=False)
        elif kind == ".json":
            frame = pl.read_json(path, infer_schema_length=None)
        else:
            frame = pl.read_ndjson(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError, ValueError) as e:
        raise UserError(
            f"can't be read as {kind[1:]} ({str(e).splitlines()[0][:160]})", where=str(path)
        ) from e
    lacking = [c for c in columns.given.values() if c not in frame.columns]
    if lacking:
        hints = "; ".join(f"'{c}': {name_nearest(c, frame.columns)}" for c in lacking)
        raise UserError(f"no column {', '.join(lacking)}", where=str(path), how=hints)
    if not len(frame):
        raise UserError("no rows", where=str(path))
    for column in columns.given.values():
        if frame.schema[column].is_nested():
            raise UserError(
                f"column '{column}' holds lists or structs", where=str(path), how="give plain columns"
            )
    stripped = [pl.col(c).cast(pl.String).str.strip_chars().alias(k) for k, c in columns.given.items()]
    return (
        frame.select(stripped)
        .with_columns(
            pl.when(pl.all() != "").then(pl.all()).name.keep(),
        )
        .with_row_index("row", offset=1)
    )


class _Names:
    """Finds what a user's values mean."""

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.conditions = _index((c.name, (c.name, c.text, *c.synonyms)) for c in ontology.conditions)
        self.places = _index(
            (p.name, (p.name, p.phrase, p.adjective or p.name, *p.synonyms)) for p in ontology.places
        )
        self.grades = _index((g, (g, *s.synonyms.get(g, ()))) for s in ontology.scales for g in s.grades)

    def read(self, row: dict[str, str | None], key: str, unknown: list[Bad]) -> Fact | None:
        """Return the fact of a row, or None after telling what can't be understood."""
        found: dict[str, str | None] = {}
        for what, known in (
            ("condition", self.conditions),
            ("existence", EXISTENCE),
            ("location", self.places),
            ("severity", self.grades),
        ):
            value = row.get(what)
            found[what] = known.get(value.lower()) if value else None
            if value and found[what] is None:
                hint = (
                    name_nearest(value, sorted(known)[:400]) if what != "existence" else "present or absent"
                )
                hint = hint if len(hint) < 60 else "see the ontology"
                unknown.append(Bad(f"{what} '{value}' is not known ({hint})", key, None, row["text"]))
                return None
        condition, location, severity = str(found["condition"]), found["location"], found["severity"]
        if severity:
            # A word may be a grade of one scale and a synonym on another: "mild".
            severity = self._own_grade(condition, str(row["severity"]).lower()) or severity
        existence: Existence = "present" if found["existence"] == "present" else "absent"
        return Fact(condition, existence, location, severity)

    def judge(self, fact: Fact) -> str | None:
        """Return what is impossible about a fact, or None."""
        if fact.location and fact.location not in self.ontology.condition_by_name[fact.condition].places:
            return f"{fact.condition} can't be in '{fact.location}'"
        if fact.severity and fact.severity not in self.ontology.grades(fact.condition):
            return f"{fact.condition} can't be '{fact.severity}'"
        return None

    def _own_grade(self, condition: str, word: str) -> str | None:
        name = self.ontology.condition_by_name[condition].scale
        for scale in (s for s in self.ontology.scales if s.name == name):
            for grade in scale.grades:
                if word in (grade.lower(), *map(str.lower, scale.synonyms.get(grade, ()))):
                    return grade
        return None


def _index(names: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, words in names:
        for word in words:
            out.setdefault(word.lower(), name)
    return out


def _compare(reading: Reading, fact: Fact, columns: Columns, ontology: Ontology) -> str | None:
    """Compare a reading with a fact in the attributes that the table has columns for."""
    said = reading.facts[0].fact if len({f.fact for f in reading.facts}) == 1 else None
    if said is not None:
        if columns.location is None and said.denies != "location":
            fact = replace(fact, location=said.location)
        if columns.severity is None and said.denies != "severity":
            fact = replace(fact, severity=said.severity)
        if fact.existence == "absent" and said.denies is not None:
            denied = replace(fact, existence="present", denies=said.denies)
            if said == denied:
                fact = denied
    return check_fact(reading, fact, ontology)


def _find_contradictions(facts: list[tuple[str, str, Fact]]) -> list[Bad]:
    """The same text can't state two facts."""
    first: dict[str, Fact] = {}
    return [
        Bad("the same text with another fact elsewhere", key, None, text)
        for key, text, fact in facts
        if first.setdefault(text, fact) != fact
    ]
