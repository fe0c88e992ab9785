"""Facts close to a finding: itself, its opposite, the other side, another grade, its denials."""

from __future__ import annotations

from adversary.forms import mirror
from nastdata.ontology import load_ontology
from nastdata.records import Fact

SAME = ({"bilateral", "both lungs"},)
"""Places that a sentence may mean alike."""


def enumerate_forms(condition: str, place: str | None, grade: str | None) -> dict[str, Fact]:
    """Facts by the name that ``operators.yaml`` uses for their form."""
    known = load_ontology("chest_xray").condition_by_name[condition]
    grades = [g for g in load_ontology("chest_xray").grades(condition) if g != grade]
    over = mirror(place)
    forms = {
        "present": Fact(condition, "present", place, grade),
        "absent": Fact(condition, "absent", place, grade),
        "present-bare": Fact(condition, "present"),
        "absent-bare": Fact(condition, "absent"),
    }
    if place:
        forms["denies-location"] = Fact(condition, "present", place, denies="location")
        forms["absent-place"] = Fact(condition, "absent", place)
    if over and over in known.places:
        forms["present-mirror"] = Fact(condition, "present", over, grade)
        forms["absent-mirror"] = Fact(condition, "absent", over)
        forms["denies-mirror"] = Fact(condition, "present", over, denies="location")
    if grade:
        forms["denies-severity"] = Fact(condition, "present", None, grade, denies="severity")
        forms["present-other-grade"] = Fact(condition, "present", place, grades[0])
    return forms


def is_same(a: Fact, b: Fact) -> bool:
    """Whether two facts are equal, or differ only in places that may mean the same."""
    if a == b:
        return True
    places = {a.location, b.location}
    alike = any(places <= s for s in SAME)
    return alike and (a.condition, a.existence, a.severity, a.denies) == (
        b.condition,
        b.existence,
        b.severity,
        b.denies,
    )
