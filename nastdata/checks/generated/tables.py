"""Label tables and lists of facts of unknown writers, read row by row into records of facts.

Four forms are told apart by their columns: *facts* (a cell or key holds a list of facts), *wide* (a column a
condition, as CheXpert), *long* (a row a finding), *list* (names in one cell, as NIH's ``A|B``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from nastdata.checks.generated import columns as names
from nastdata.checks.generated.columns import need_column, pick, squash
from nastdata.checks.generated.facts import Notes, Record, Recorded, read_fact, read_facts
from nastdata.checks.generated.label_values import CHEXBERT, Names, read_state, reject_state
from nastdata.errors import UserError
from nastdata.text_input.records import Record as Row
from nastdata.text_input.records import read_records

Form = Literal["facts", "wide", "long", "list"]
PEEK = 500
"""Rows that are looked at to tell what a table's columns are."""
_SEPARATORS = re.compile(r"\s*[|;,]\s*")


@dataclass(frozen=True)
class Given:
    """Columns that the user named."""

    condition: str | None = None
    existence: str | None = None
    location: str | None = None
    severity: str | None = None
    facts: str | None = None


@dataclass
class Layout:
    """What the columns of a reference are."""

    form: Form
    columns: dict[str, str]
    """Column -> what it is: a condition (wide), or its role."""
    unused: list[str] = field(default_factory=list)
    """Columns that look like labels and are of no condition of the ontology."""


def open_rows(path: Path) -> tuple[list[Row], list[str], Iterator[Row]]:
    """Return the first rows of a table, the names of their columns, and all rows."""
    rows = read_records(path)
    first = list(islice(rows, PEEK))
    columns = list(dict.fromkeys(k for r in first for k in r.values))
    return first, columns, chain(first, rows)


def find_layout(
    first: Sequence[Row],
    columns: Sequence[str],
    given: Given,
    meaning: Names,
    where: str,
    text: str | None = None,
) -> Layout:
    """Tell which form a reference has, from its columns and first rows.

    Args:
        first: its first rows.
        columns: names of all columns.
        given: columns that the user named, which go first.
        meaning: names of conditions.
        where: the file, for messages.
        text: the column of captions, if these are in the same table.

    Raises:
        UserError: if it has none of the four forms.
    """
    rest = [c for c in columns if c != text]
    if given.facts:
        return Layout("facts", {need_column(given.facts, columns, where, "--facts-key"): "facts"})
    if given.condition:
        return _lay_out_long(rest, given, where)
    found = _find_facts(first, rest)
    if found:
        return Layout("facts", {found: "facts"})
    wide = {c: m for c in rest if (m := meaning.condition(c)) and _holds_states(first, c)}
    nothing = next((c for c in rest if meaning.is_no_finding(c) and _holds_states(first, c)), None)
    long = _find_long(first, rest, meaning)
    if wide and not (long and len(wide) == 1):
        if nothing:
            wide[nothing] = "No Finding"
        named = [c for c in rest if c not in wide and meaning.condition(c)]
        for c in named:
            row = next((r for r in first if str(r.values.get(c)).strip() in CHEXBERT), None)
            if row is not None:  # numbers of classes: 0 would be read as absent in the other columns
                raise reject_state(row.values[c], row.where, c)
        unused = [c for c in rest if c in named or (c not in wide and _looks_like_labels(first, c))]
        return Layout("wide", wide, unused)
    if long:
        return _lay_out_long(rest, long, where)
    listed = _find_list(first, rest, meaning)
    if listed:
        return Layout("list", {listed: "list"})
    strange = [c for c in rest if meaning.condition(c)]
    if strange:
        row, value = next((r, v) for r in first if read_state(v := r.values.get(strange[0])) == "?")
        raise reject_state(value, row.where, strange[0])
    raise UserError(
        "no labels and no facts found in its columns: " + names.list_some(columns),
        where=where,
        how="needed: a column a condition (Edema, ...), or --condition and --existence, or --facts-key",
    )


def read_rows(
    rows: Iterable[Row], layout: Layout, meaning: Names, notes: Notes, *, closed: bool
) -> Iterator[tuple[Row, Record]]:
    """Return every row with its facts.

    Args:
        rows: of the table.
        layout: what its columns are.
        meaning: names of conditions, places and grades.
        notes: where unknown names are counted.
        closed: whether a blank or unlisted condition is absent, rather than not known.

    Raises:
        UserError: at the first cell that is no label.
    """
    readers: dict[Form, Callable[[Row], Record]] = {
        "facts": lambda r: read_facts(r.values.get(next(iter(layout.columns))), meaning, notes, r.where),
        "wide": _Wide(layout, closed),
        "long": _Long(layout, meaning, notes),
        "list": _Listed(layout, meaning, notes, closed),
    }
    read = readers[layout.form]
    for row in rows:
        yield row, read(row)


def _find_facts(first: Sequence[Row], columns: Sequence[str]) -> str | None:
    for c in columns:
        if squash(c) not in names.FACTS:
            continue
        value = next((v for r in first if (v := r.values.get(c)) not in (None, "", [], "[]")), None)
        if isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict)):
            return c
        if isinstance(value, str) and re.match(r"\s*(\[\s*\{|\{)", value):
            return c
    return None


def _find_long(first: Sequence[Row], columns: Sequence[str], meaning: Names) -> Given | None:
    """A column of conditions, and beside it one of labels; without the latter what is listed is present."""
    candidates = [c for n in names.CONDITION for c in columns if squash(c) == n]
    condition = next((c for c in candidates if _share(first, c, meaning.condition) > 0.3), None)
    if condition is None:
        return None
    rest = [c for c in columns if c != condition]
    labels = [c for n in names.EXISTENCE for c in rest if squash(c) == n]
    existence = next((c for c in labels if _holds_states(first, c)), None)
    return Given(condition, existence, pick(rest, names.LOCATION), pick(rest, names.SEVERITY))


def _share(first: Sequence[Row], column: str, know: Callable[[str], Any]) -> float:
    values = [v for r in first if isinstance(v := r.values.get(column), str) and v.strip()]
    return sum(know(v) is not None for v in values) / len(values) if values else 0.0


def _lay_out_long(columns: Sequence[str], given: Given, where: str) -> Layout:
    roles: dict[str, str] = {}
    for role in ("condition", "existence", "location", "severity"):
        column = getattr(given, role)
        if column:
            roles[need_column(column, columns, where, f"--{role}")] = role
    denies = pick(columns, names.DENIES, without=roles)
    if denies:
        roles[denies] = "denies"
    return Layout("long", roles)


def _find_list(first: Sequence[Row], columns: Sequence[str], meaning: Names) -> str | None:
    for n in names.LISTS:
        for c in (c for c in columns if squash(c) == n):
            parts = [p for r in first for p in _split(r.values.get(c))]
            known = sum(bool(meaning.condition(p)) or meaning.is_no_finding(p) for p in parts)
            if known > 0.3 * len(parts) > 0:
                return c
    return None


def _split(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [str(v).strip() for v in value if v is not None and str(v).strip()]
    if isinstance(value, str) and value.strip():
        text = value.strip()
        if text.startswith("[") and text.endswith("]"):
            text = re.sub(r"['\"]", "", text[1:-1])
        return [p for p in _SEPARATORS.split(text) if p]
    return []


def _holds_states(first: Sequence[Row], column: str) -> bool:
    """Whether most of what a column holds is a label."""
    said = [read_state(r.values.get(column)) for r in first]
    filled = [s for s in said if s is not None]
    return sum(s != "?" for s in filled) >= 0.5 * len(filled)


def _looks_like_labels(first: Sequence[Row], column: str) -> bool:
    """Whether a column of no known condition holds nothing but labels (no number, sex or patient)."""
    said = {str(v).strip() for r in first if (v := r.values.get(column)) is not None}
    skip = (*names.PATIENT, *chain(*names.KEYS.values()), "sex", "age", "split", "fold", "")
    return (
        bool(said)
        and not squash(column).startswith("unnamed")  # the index that pandas writes
        and squash(column) not in skip
        and said <= {"1", "0", "-1", "1.0", "0.0", "-1.0", "", "nan"}
    )


class _Wide:
    """Reads rows with one column a condition; equal rows give the same object."""

    def __init__(self, layout: Layout, closed: bool) -> None:
        self.normal = [c for c, m in layout.columns.items() if m == "No Finding"]
        self.columns = [(c, m) for c, m in layout.columns.items() if m != "No Finding"]
        self.closed = closed
        self.kept: dict[tuple[Any, ...], Record] = {}
        self.known: dict[Any, Any] = {}

    def __call__(self, row: Row) -> Record:
        values = row.values
        cells = tuple([self._read(values.get(c), row, c) for c, _ in self.columns])
        normal = any(self._read(values.get(c), row, c) == "present" for c in self.normal)
        key = (cells, normal)
        if key not in self.kept:
            self.kept[key] = self._combine(cells), normal
        return self.kept[key]

    def _read(self, value: Any, row: Row, column: str) -> Any:
        if type(value) is str and value in self.known:
            return self.known[value]
        state = read_state(value)
        if state == "?":
            raise reject_state(value, row.where, column)
        if type(value) is str:
            self.known[value] = state
        return state

    def _combine(self, cells: tuple[Any, ...]) -> tuple[Recorded, ...]:
        """Several columns may mean one condition (Nodule, Mass): it is there if one is, absent if all are."""
        said: dict[str, list[Any]] = {}
        for (_, condition), state in zip(self.columns, cells, strict=True):
            said.setdefault(condition, []).append(state)
        facts = []
        for condition, states in said.items():
            if self.closed:
                states = [s or "absent" for s in states]
            for state in ("present", "uncertain"):
                if state in states:
                    facts.append(Recorded(condition, state))  # type: ignore[arg-type]
                    break
            else:
                if all(s == "absent" for s in states):
                    facts.append(Recorded(condition, "absent"))
        return tuple(facts)


class _Long:
    """Reads rows of one finding each."""

    def __init__(self, layout: Layout, meaning: Names, notes: Notes) -> None:
        self.roles = layout.columns
        self.listed = "existence" not in layout.columns.values()
        self.meaning, self.notes = meaning, notes

    def __call__(self, row: Row) -> Record:
        item: Mapping[str, Any] = {role: row.values.get(c) for c, role in self.roles.items()}
        column = next((c for c, role in self.roles.items() if role == "existence"), None)
        if column is not None and read_state(item["existence"]) == "?":
            raise reject_state(item["existence"], row.where, column)
        negation = item.get("denies")
        if negation == "existence" and self.listed:
            item = {**item, "existence": "absent"}
        fact, nothing = read_fact(item, self.meaning, self.notes, row.where)
        return ((fact,) if fact else ()), nothing


class _Listed:
    """Reads rows whose findings are named in one cell: what is named is present."""

    def __init__(self, layout: Layout, meaning: Names, notes: Notes, closed: bool) -> None:
        self.column = next(iter(layout.columns))
        self.meaning, self.notes, self.closed = meaning, notes, closed

    def __call__(self, row: Row) -> Record:
        normal = False
        found: dict[str, None] = {}
        for part in _split(row.values.get(self.column)):
            if self.meaning.is_no_finding(part):
                normal = True
                continue
            condition = self.meaning.condition(part)
            if condition is None:
                self.notes.unknown_conditions[part[:60]] += 1
            else:
                found[condition] = None
        facts = [Recorded(c, "present") for c in found]
        if self.closed:
            facts += [
                Recorded(c.name, "absent") for c in self.meaning.ontology.conditions if c.name not in found
            ]
        return tuple(facts), normal
