"""Draws sentences: an operator over a random finding, often joined to another one, now and then wrapped."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from adversary.clauses import Sentence, make_clause
from adversary.operators import Operator, load_operators
from nastdata.ontology import load_ontology
from nastdata.records import Fact

# What a second and a third clause may be.
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
ALONE = ("broken grammar", "bullets", "shorthand", "other subject")


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
    sentence = make_clause(rng, op, condition, conditions)
    if sentence is None:
        return None
    if rng.random() < JOINED and "\n" not in sentence.text and op.name not in ALONE:
        sentence = _append(rng, sentence, condition, SECOND, conditions)
        if rng.random() < AGAIN:
            sentence = _append(rng, sentence, condition, PLAIN, conditions)
    if op.name in ("bullets", "shorthand"):  # a dash at the start of a line is another bullet
        return sentence
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
    more = make_clause(rng, op, rng.choice(free), free) if len(free) > 1 else None
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
        sentence = make_clause(rng, rng.choice(operators), fact.condition, _list_conditions(), fact)
        if sentence is not None and sentence.says == fact:
            return sentence
    return None


def write_lie(rng: random.Random, fact: Fact) -> Sentence | None:
    """A fluent sentence close to a fact that says something else; None if none was found."""
    conditions = _list_conditions()
    for _ in range(200):
        sentence = make_clause(
            rng, rng.choice(list(load_operators().values())), fact.condition, conditions, fact
        )
        if sentence is not None and rng.random() < 0.2 and sentence.operators[0] not in ALONE:
            sentence = _append(rng, sentence, fact.condition, SECOND, conditions)
        if sentence is not None and fact in sentence.other:
            return sentence
    return None
