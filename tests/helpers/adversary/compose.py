"""Draws sentences: an operator over a random finding, often joined to another one, now and then wrapped."""

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
from adversary.operators import Operator, load_operators
from nastdata.ontology import load_ontology
from nastdata.records import Fact

# What a second and a third clause may be, beside what they cannot be told apart from.
SECOND = (
    *("assert", "deny", "assert", "deny", "doubt", "double denial", "change", "then, not now"),
    *("property denied", "deny by idiom", "place denied", "neither", "one, not the other"),
)
PLAIN = ("assert", "deny")
CONNECTORS = (
    ", and ",
    ", but ",
    "; ",
    ". ",
    ", while ",
    ", whereas ",
    "; however, ",
    ", although ",
    ", yet ",
)
FINITE = re.compile(r"\{(is|isnt|has|was|PSis|PSdoes|ORGis|ORGdoes|s|PSs|are!)\}| (is|shows?|see|has) ")
JOINED, AGAIN, WRAPPED, HEADED = 0.3, 0.2, 0.08, 0.04
HEADINGS = ("FINDINGS: ", "IMPRESSION: ", "Impression: 1. ", "Findings:\n", "FINDINGS:\n1. ")
PLACED = {"P", "P!", "PF", "PS", "PO"}
ALONE = ("broken grammar", "bullets", "shorthand", "other subject")


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


def _choose_condition(rng: random.Random, op: Operator, conditions: list[str]) -> str:
    return rng.choice(op.only or [c for c in conditions if c not in op.not_for])


def _list_conditions() -> list[str]:
    return [c.name for c in load_ontology("chest_xray").conditions]


def generate(seed: int, count: int) -> list[Sentence]:
    """Draw distinct sentences, every operator as often as the file says.

    Raises:
        RuntimeError: If the operators have fewer distinct sentences than asked for.
    """
    rng = random.Random(f"adversary {seed}")
    out: dict[str, Sentence] = {}
    operators = [o for o in load_operators().values() for _ in range(o.often)]
    conditions = _list_conditions()
    for turn in range(count * 20):
        if len(out) == count:
            return list(out.values())
        sentence = _draw(rng, operators[turn % len(operators)], conditions)
        if sentence is not None:
            out.setdefault(sentence.text, sentence)
    raise RuntimeError(f"only {len(out)} distinct sentences")


def _draw(rng: random.Random, op: Operator, conditions: list[str]) -> Sentence | None:
    condition = _choose_condition(rng, op, conditions)
    sentence = _apply(rng, op, condition, conditions)
    if sentence is None:
        return None
    if rng.random() < JOINED and "\n" not in sentence.text and op.name not in ALONE:
        sentence = _append(rng, sentence, condition, SECOND, conditions)
        if rng.random() < AGAIN:
            sentence = _append(rng, sentence, condition, PLAIN, conditions)
    if rng.random() < WRAPPED and "\n" not in sentence.text and " " in sentence.text:
        at = rng.choice([m.start() for m in re.finditer(" ", sentence.text)])
        text = f"{sentence.text[:at]}\n{sentence.text[at + 1 :]}"
        return replace(sentence, text=text, operators=(*sentence.operators, "wrapped"), says=None)
    if rng.random() < HEADED and "\n" not in sentence.text and op.name not in ALONE:
        text = rng.choice(HEADINGS) + sentence.text
        return replace(sentence, text=text, operators=(*sentence.operators, "headed"), says=None)
    return sentence


def _append(
    rng: random.Random, sentence: Sentence, first: str, choices: tuple[str, ...], conditions: list[str]
) -> Sentence:
    """Join one clause more, about a condition that has not been spoken of."""
    taken = {first, *sentence.labels, *sentence.unasked}
    op = load_operators()[rng.choice(choices)]
    free = [c for c in conditions if c not in taken and c not in op.not_for]
    more = _apply(rng, op, rng.choice(free), free) if len(free) > 1 else None
    return sentence if more is None else _join(rng, sentence, more)


def _join(rng: random.Random, a: Sentence, b: Sentence) -> Sentence:
    """Two clauses in one text: each fact of either is now only a part of what is said."""
    whole = FINITE.search(a.template) and FINITE.search(b.template)
    plain = a.operators in (("assert",), ("deny",))
    connector = rng.choice(CONNECTORS) if whole and plain else rng.choice(["; ", ". ", ".\n"])
    first, then = a.text.rstrip("."), b.text
    if connector[0] not in ".\n":
        then = then if re.match(r"I |[A-Z]{2}", then) else then[0].lower() + then[1:]
    said = [s.says for s in (a, b) if s.says is not None]
    names = (*a.operators, f"+ {b.operators[0]}")
    others = tuple(dict.fromkeys([*said, *a.other, *b.other]))
    labels = {**a.labels, **b.labels}
    return Sentence(
        f"{first}{connector}{then}", names, labels, a.unasked | b.unasked, None, others, a.template
    )


def write_honest(rng: random.Random, fact: Fact) -> Sentence | None:
    """A sentence that says exactly the fact; None if no operator can."""
    operators = [o for o in load_operators().values() if o.says]
    for _ in range(200):
        sentence = _apply(rng, rng.choice(operators), fact.condition, _list_conditions(), fact)
        if sentence is not None and sentence.says == fact:
            return sentence
    return None


def write_lie(rng: random.Random, fact: Fact) -> Sentence | None:
    """A fluent sentence close to a fact that says something else; None if none was found."""
    conditions = _list_conditions()
    for _ in range(200):
        sentence = _apply(rng, rng.choice(list(load_operators().values())), fact.condition, conditions, fact)
        if sentence is not None and rng.random() < 0.2 and sentence.operators[0] not in ALONE:
            sentence = _append(rng, sentence, fact.condition, SECOND, conditions)
        if sentence is not None and fact in sentence.other:
            return sentence
    return None


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


def _apply(
    rng: random.Random, op: Operator, condition: str, conditions: list[str], fact: Fact | None = None
) -> Sentence | None:
    """One sentence of an operator about a condition; None where the draw does not fit."""
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
        place = rng.choice([p for p in places_of(condition) if mirror(p) and p != subject.place])
        forms |= {"P2": f" {after_noun(rng, place)}", "PO2": name_place(place)}
    if not slots <= forms.keys():
        return None
    text = re.sub(r"\[([^\]]*\|[^\]]*)\]", lambda m: rng.choice(m[1].split("|")), template)
    text = re.sub(r"\{([^}]+)\}", lambda m: forms[m[1]], text)
    text = re.sub(r"(^|: |\n|\. )([a-z])", lambda m: m[1] + (m[2].upper() if m[1] != ": " else m[2]), text)
    return replace(_judge_draw(op, subject, other, text), template=template)


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
    several = name_place(place).startswith("both")
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
