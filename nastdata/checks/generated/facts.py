"""Facts on record about a study, as one hashable value, and how JSON and table rows become them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nastdata.checks.generated import columns as names
from nastdata.checks.generated.columns import pick
from nastdata.checks.generated.label_values import Names, State, read_state, reject_state


class Recorded(NamedTuple):
    """One fact on record. With ``denies`` the finding is there and the named attribute is denied."""

    condition: str
    existence: State
    location: str | None = None
    severity: str | None = None
    denies: str | None = None


Record = tuple[tuple[Recorded, ...], bool]
"""The facts on record of one text or study, and whether "No Finding" is recorded."""


@dataclass
class Notes:
    """What was seen while reading a reference, for the report."""

    unknown_conditions: Counter[str] = field(default_factory=Counter)
    unknown_places: Counter[str] = field(default_factory=Counter)
    unknown_grades: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)
    """Key -> how many of its conditions have two different labels in rows of the same key."""


@dataclass
class OnRecord:
    """A reference: what is on record, row by row."""

    path: Path
    columns: dict[str, list[str | None]]
    records: list[Record]
    patients: list[str | None]
    layout: dict[str, Any]
    """What its columns are, for the report."""
    notes: Notes = field(default_factory=Notes)


def read_fact(
    item: Mapping[str, Any], meaning: Names, notes: Notes, where: str
) -> tuple[Recorded | None, bool]:
    """Read one fact given as an object: ``condition``, ``existence``, ``location``, ``severity``, ``denies``.

    ``not_location`` and ``not_severity`` (as ``nastdata parse`` writes them) are denials. Without
    ``existence`` a listed finding is present.

    Returns:
        The fact, None if its condition is not in the ontology or nothing is said; and whether it is
        "No Finding".

    Raises:
        UserError: if its existence is no label.
    """
    keys = list(item)
    c = pick(keys, names.CONDITION)
    word = item.get(c) if c else None
    if not isinstance(word, str) or not word.strip():
        notes.unknown_conditions["(none)"] += 1
        return None, False
    e = pick(keys, names.EXISTENCE, without=[c or ""])
    state = read_state(item[e]) if e is not None else "present"
    if state == "?":
        raise reject_state(item[e or ""], where, e or "")
    if meaning.is_no_finding(word):
        return None, state == "present"
    condition = meaning.condition(word)
    if condition is None:
        notes.unknown_conditions[word.strip()[:60]] += 1
        return None, False
    if state is None:
        return None, False
    place = _find_place(item, keys, meaning, notes)
    grade = _find_grade(item, keys, condition, meaning, notes)
    denies = None
    d = pick(keys, names.DENIES)
    if d and item[d] in ("location", "severity") and state == "present":
        denies = item[d]
    for attribute in ("location", "severity"):
        denied = item.get(f"not_{attribute}")
        if denied:
            denies = attribute
            found = meaning.place(denied) if attribute == "location" else meaning.grade(condition, denied)
            place, grade = (found, grade) if attribute == "location" else (place, found)
    if (denies == "location" and place is None) or (denies == "severity" and grade is None):
        denies = None
    return Recorded(condition, state, place, grade, denies), False


def _find_place(item: Mapping[str, Any], keys: list[str], meaning: Names, notes: Notes) -> str | None:
    column = pick(keys, names.LOCATION)
    value = item.get(column) if column else None
    if isinstance(value, (list, tuple)):
        value = " ".join(map(str, value)) if value else None
    if not isinstance(value, str) or read_state(value) is None:
        return None
    found = meaning.place(value)
    if found is None:
        notes.unknown_places[value.strip()[:60]] += 1
    return found


def _find_grade(
    item: Mapping[str, Any], keys: list[str], condition: str, meaning: Names, notes: Notes
) -> str | None:
    column = pick(keys, names.SEVERITY)
    value = item.get(column) if column else None
    if not isinstance(value, str) or read_state(value) is None:
        return None
    found = meaning.grade(condition, value)
    if found is None:
        notes.unknown_grades[f"{condition}: {value.strip()[:60]}"] += 1
    return found


def read_facts(value: Any, meaning: Names, notes: Notes, where: str) -> Record:
    """Read a cell of facts: a list of objects or names, an object condition -> label, or JSON text of these.

    Raises:
        UserError: if it is something else.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError):
            raise reject_facts(value, where) from None
    if value is None:
        return (), False
    if isinstance(value, Mapping) and pick(list(value), names.CONDITION[:3]):
        value = [value]
    if isinstance(value, Mapping):
        value = [{"condition": k, "existence": v} for k, v in value.items()]
    if not isinstance(value, (list, tuple)):
        raise reject_facts(value, where)
    facts: list[Recorded] = []
    normal = False
    for item in value:
        if isinstance(item, str):
            item = {"condition": item}
        if not isinstance(item, Mapping):
            raise reject_facts(item, where)
        fact, nothing = read_fact(item, meaning, notes, where)
        normal = normal or nothing
        if fact is not None:
            facts.append(fact)
    return tuple(dict.fromkeys(facts)), normal


def reject_facts(value: Any, where: str) -> Exception:
    """Return the error of a cell that holds no facts."""
    from nastdata.errors import UserError

    return UserError(
        f"no list of facts ({str(value)[:60]!r})",
        where=where,
        how='such as [{"condition": "Edema", "existence": "absent", "location": null, "severity": null}]',
    )


def merge(records: Iterable[Record], notes: Notes | None = None, key: str = "") -> Record:
    """Put the facts of several rows of one key together; contradictory labels of a condition are noted."""
    facts: dict[Recorded, None] = {}
    normal = False
    for found, nothing in records:
        facts |= dict.fromkeys(found)
        normal = normal or nothing
    if notes is not None and len(facts) > 1:
        plain: dict[str, set[str]] = {}
        for f in facts:
            if f.location is None and f.severity is None:
                plain.setdefault(f.condition, set()).add(f.existence)
        clashes = sum({"present", "absent"} <= said for said in plain.values())
        if clashes:
            notes.conflicts[key] += clashes
    return tuple(facts), normal
