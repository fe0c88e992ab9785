"""From many readers' answers to one outcome an item; which items a third reader has to decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nastdata.review.items import Item
from nastdata.review.questions import judge, load_questions
from nastdata.review.store import Answer, Role


@dataclass(frozen=True)
class Outcome:
    """What came of one item."""

    item: Item
    status: str
    """accepted, rejected, unsure, open (readers disagree), or unread."""
    values: dict[str, str]
    """Question -> the answer that counts; a question on which readers disagree is left out."""
    readers: int
    adjudicated: bool
    reasons: tuple[str, ...] = ()
    """Why it was rejected, a question each."""
    comments: tuple[str, ...] = ()
    corrections: dict[str, str] = field(default_factory=dict)
    """Slot -> text that all who proposed one agree on; the adjudicator's come first."""
    disputed: tuple[str, ...] = ()
    """Slots for which readers propose different texts."""


def settle_items(
    items: Mapping[int, Item], answers: Iterable[Answer], roles: Mapping[str, Role]
) -> list[Outcome]:
    """Return one outcome an item.

    The adjudicator's answers count where there are any; else what all readers say alike. Readers who say
    different things leave the question open.
    """
    by_item: dict[int, list[Answer]] = {n: [] for n in items}
    for answer in answers:
        by_item[answer.item].append(answer)
    return [_settle(items[n], given, roles) for n, given in by_item.items()]


def find_disagreements(
    items: Mapping[int, Item], answers: Iterable[Answer], roles: Mapping[str, Role]
) -> list[int]:
    """Return the numbers of items on which readers disagree, decided already or not, in order."""
    values: dict[int, dict[str, set[str]]] = {}
    for a in answers:
        if roles[a.reviewer] == "reviewer":
            for question, value in a.values.items():
                values.setdefault(a.item, {}).setdefault(question, set()).add(value)
    return [n for n in items if any(len(v) > 1 for v in values.get(n, {}).values())]


def _settle(item: Item, given: list[Answer], roles: Mapping[str, Role]) -> Outcome:
    readers = [a for a in given if roles[a.reviewer] == "reviewer"]
    deciders = [a for a in given if roles[a.reviewer] == "adjudicator"]
    counted = deciders or readers
    values = {}
    for q in item.questions:
        said = {a.values[q] for a in counted if q in a.values}
        if len(said) == 1:
            values[q] = said.pop()
    status = judge(item.questions, values) if counted else "unread"
    known = load_questions()
    reasons = tuple(f"{known[q].short}: {v}" for q, v in values.items() if v not in ("unsure", known[q].good))
    proposals: dict[str, set[str]] = {}
    for a in deciders if any(a.corrections for a in deciders) else readers:
        for slot, text in a.corrections.items():
            proposals.setdefault(slot, set()).add(text)
    return Outcome(
        item,
        status,
        values,
        len(readers),
        bool(deciders),
        reasons if status == "rejected" else (),
        tuple(f"{a.reviewer}: {a.comment}" for a in given if a.comment),
        {slot: next(iter(texts)) for slot, texts in proposals.items() if len(texts) == 1},
        tuple(slot for slot, texts in proposals.items() if len(texts) > 1),
    )
