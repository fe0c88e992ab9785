"""One clause and its truth: an operator over a finding."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace

from adversary.facts import enumerate_forms, is_same
from adversary.forms import (
    LOBES,
    Subject,
    after_noun,
    before_noun,
    draw_subject,
    fill_forms,
    mirror,
    name_place,
    places_of,
)
from adversary.operators import Operator
from nastdata.ontology import load_ontology
from nastdata.records import Fact

PLACED = {"P", "P!", "PF", "PS", "PO"}
"""Slots that name the place."""


@dataclass(frozen=True)
class Sentence:
    """A text and its truth."""

    text: str
    operators: tuple[str, ...]
    labels: dict[str, int] = field(hash=False)
    """What is said of today's image: condition -> 1, 0, -1."""
    unasked: frozenset[str]
    """Conditions whose reading may be argued about."""
    says: Fact | None
    """The one fact that the text says exactly and says alone."""
    other: tuple[Fact, ...]
    """Facts that it does not say, close to what it says."""
    template: str = ""
    """Of the first clause."""


def make_clause(
    rng: random.Random, op: Operator, condition: str, conditions: list[str], fact: Fact | None = None
) -> Sentence | None:
    """One sentence of an operator about a condition, or about a fact; None where the draw does not fit."""
    attributes = _draw_attributes(rng, op, condition) if fact is None else _take_attributes(rng, op, fact)
    if attributes is None:
        return None
    template = op.choose_template(rng, condition, any(attributes))
    if template is None:
        return None
    slots = set(re.findall(r"\{([^}]+)\}", template))
    place, grade = attributes
    subject = draw_subject(rng, condition, place if slots & PLACED or op.place != "may" else None, grade)
    forms = _fill(rng, subject, slots)
    if forms is None:
        return None
    other = None
    if op.second in (0, 1):
        other = draw_subject(rng, rng.choice([c for c in conditions if c != condition]), None, None)
        forms |= fill_forms(other, None, "2")
    if op.second == "place":
        place = rng.choice([p for p in places_of(condition) if mirror(p) and _are_apart(p, subject.place)])
        forms |= {"P2": f" {after_noun(rng, place)}", "PO2": name_place(place)}
    if not slots <= forms.keys():
        return None
    text = re.sub(r"\[([^\]]*\|[^\]]*)\]", lambda m: rng.choice(m[1].split("|")), template)
    text = re.sub(r"\{([^}]+)\}", lambda m: forms[m[1]], text)
    text = re.sub(r"(^|: |\n|\. )([a-z])", lambda m: m[1] + (m[2].upper() if m[1] != ": " else m[2]), text)
    return replace(_judge_draw(op, subject, other, text), template=template)


def _take_attributes(rng: random.Random, op: Operator, fact: Fact) -> tuple[str | None, str | None] | None:
    """The fact's own place and grade where the operator takes them; drawn ones where it needs one."""
    drawn = _draw_attributes(rng, op, fact.condition)
    if drawn is None:
        return None
    place, grade = drawn
    if op.place != "no" and fact.location and (op.place in ("may", "must") or place is None):
        place = fact.location
    elif op.place == "may":
        place = None
    if op.grade != "no" and fact.severity:
        grade = fact.severity
    elif op.grade == "may":
        grade = None
    return place, grade


def _draw_attributes(
    rng: random.Random, op: Operator, condition: str
) -> tuple[str | None, str | None] | None:
    """A place and a grade where the operator takes them; None where the condition has none."""
    places, grades = places_of(condition), load_ontology("chest_xray").grades(condition)
    if op.place == "lobe":
        places = [p for p in places if p in LOBES]
    if op.place == "mirrored" or op.second == "place":
        places = [p for p in places if mirror(p)]
    if op.label == 0 or str(op.says).startswith("denies"):
        # "Not in both lungs" may mean "in one of them".
        places = [p for p in places if not p.startswith(("both", "bilateral"))]
    must = op.place in ("must", "lobe", "mirrored")
    if (must and not places) or (op.grade == "must" and not grades):
        return None
    place = rng.choice(places) if places and (must or (op.place == "may" and rng.random() < 0.5)) else None
    may = op.grade == "may" and rng.random() < 0.3
    return place, (rng.choice(grades) if grades and (op.grade == "must" or may) else None)


def _are_apart(place: str, other: str | None) -> bool:
    """Whether neither place holds the other: "on the left or in the left ribs" is just "on the left"."""
    whole = ("right", "left", "right lung", "left lung")
    same_side = other is not None and place.split()[0] == other.split()[0]
    return place != other and not (same_side and (place in whole or other in whole))


def _fill(rng: random.Random, subject: Subject, slots: set[str]) -> dict[str, str] | None:
    """Forms of the first finding, with its place before or after it."""
    place, adjective = subject.place, None
    forms: dict[str, str] = {"P": "", "P!": "", "M": ""}
    fixed = slots & (PLACED - {"P"})
    if place is None:
        return None if fixed else fill_forms(subject, None) | forms
    if not fixed and "P" not in slots:
        return None
    if not fixed:
        adjective = before_noun(rng, place) if rng.random() < 0.5 else None
        forms["P"] = "" if adjective else f" {after_noun(rng, place)}"
    elif "P!" in slots:
        forms["P!"] = f" {after_noun(rng, place)}"
    several = name_place(place).startswith("both") or place.endswith("ribs")
    forms |= {"PF": after_noun(rng, place), "PO": name_place(place), "PS": name_place(place)}
    forms |= {"PSis": "are" if several else "is", "PSs": "" if several else "s"}
    forms |= {"PSdoes": "do" if several else "does"}
    over = mirror(place)
    if over:
        forms |= {"M": f" {after_noun(rng, over)}", "MO": name_place(over)}
    return fill_forms(subject, adjective) | forms


def _judge_draw(op: Operator, subject: Subject, other: Subject | None, text: str) -> Sentence:
    """What the drawn sentence says, and facts near it that it does not say."""
    labels: dict[str, int] = {}
    unasked: set[str] = set()
    near = set(op.near)
    if op.label in (0, 1, -1):
        labels[subject.condition] = op.label
    elif op.label == "unasked":
        unasked.add(subject.condition)
    forms = enumerate_forms(subject.condition, subject.place, subject.grade)
    says = forms.get(op.says) if op.says else None
    if subject.narrow and op.says == "absent":
        says, near = None, near | {"absent"}
    argued = [forms[n] for n in near if n in forms]
    wrong = [
        f for f in forms.values() if not any(is_same(f, g) for g in [*argued, *([says] if says else [])])
    ]
    if other is not None:
        labels[other.condition] = op.second
        more = enumerate_forms(other.condition, None, None)
        wrong += more.values()
    return Sentence(text, (op.name,), labels, frozenset(unasked), says, tuple(dict.fromkeys(wrong)))
