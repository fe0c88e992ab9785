"""Perturbations: the same fact with exactly one attribute altered (``docs/contextual.md``)."""

from __future__ import annotations

from nastdata.design.contextual.states import Logic, differs_in, logic_of
from nastdata.ontology import Ontology
from nastdata.records import Fact

__all__ = ["differs_in", "perturb", "statements"]


def perturb(fact: Fact, ontology: Ontology) -> list[Fact]:
    """Return every clinically possible fact that contradicts ``fact`` in exactly one attribute.

    In this order: existence; place (the other side first, then neighbours, then the rest), asserted and
    then denied; grade (nearest first), asserted and then denied. Only places and grades that the condition
    can have are used, and a negated statement carries the attribute that it denies and no other.

    Args:
        fact: a definite fact.
        ontology: places, grades, mirrors.
    """
    logic = logic_of(ontology)
    c, place, grade = fact.condition, fact.location, fact.severity
    if fact.negation_type != "none":
        out = [Fact(c, "present", place, grade)]
        if fact.denies is not None:
            out.insert(0, Fact(c, "absent"))
        return out
    out = [Fact(c, "absent")]
    if place is not None:
        out += [Fact(c, "present", p, grade) for p in _other_places(fact, logic)]
        if not logic.atlas.is_bilateral(place):
            out += [Fact(c, "present", place, denies="location"), Fact(c, "absent", place)]
    if grade is not None:
        grades = ontology.grades(c)
        at = grades.index(grade)
        nearest = sorted((g for g in grades if g != grade), key=lambda g: abs(grades.index(g) - at))
        out += [Fact(c, "present", place, g) for g in nearest]
        out += [Fact(c, "present", None, grade, denies="severity"), Fact(c, "absent", None, grade)]
    return out


def statements(condition: str, ontology: Ontology) -> list[Fact]:
    """Return every statement about a condition that speaks of one attribute: existence, place or grade.

    Bilateral places are asserted only: "not in both lungs" may mean neither, or one.
    """
    atlas = logic_of(ontology).atlas
    out = [Fact(condition, "present"), Fact(condition, "absent")]
    unsaid = ontology.condition_by_name[condition].unsaid_places
    for place in ontology.condition_by_name[condition].places:
        if place in unsaid:
            continue
        out.append(Fact(condition, "present", place))
        if not atlas.is_bilateral(place):
            out += [Fact(condition, "present", place, denies="location"), Fact(condition, "absent", place)]
    for grade in ontology.grades(condition):
        out.append(Fact(condition, "present", None, grade))
        out += [Fact(condition, "present", None, grade, denies="severity")]
        out += [Fact(condition, "absent", None, grade)]
    return out


def _other_places(fact: Fact, logic: Logic) -> list[str]:
    """Places that the condition can have and that exclude its own: mirror, neighbours, rest in file order."""
    here = logic.ontology.place_by_name[str(fact.location)]
    condition = logic.ontology.condition_by_name[fact.condition]
    possible = [p for p in condition.places if p not in condition.unsaid_places]
    ranked = [p for p in (here.mirror, *here.neighbours, *possible) if p is not None]
    return [
        p
        for p in dict.fromkeys(ranked)
        if p in possible
        and p != fact.location
        and logic.judge(logic.state_of(fact), Fact(fact.condition, "present", p)) is False
    ]
