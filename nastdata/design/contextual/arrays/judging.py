"""All states of a condition against all statements about it at once, in arrays.

The same verdicts as ``Logic.judge`` and ``Logic.violated`` give one by one (``states.py`` says why they are
what they are; a test compares every cell). A corpus has thousands of states and a condition some hundred
statements, but few distinct records: what a record says of a place is looked up once, and a state is the sum
of its records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nastdata.design.contextual.places import Atlas, Spot
from nastdata.design.contextual.states import ConditionState, Logic, Record
from nastdata.records import Fact

TRUE, UNUSABLE = 0, -1
ATTRIBUTES = (None, "existence", "location", "severity")
"""Verdict of a usable cell -> the attribute that a false statement alters; None for the true one."""
EXISTENCE, LOCATION, SEVERITY = 1, 2, 3
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Verdicts = np.ndarray[Any, np.dtype[np.int8]]
Asked = tuple[str | None, str | None]
"""A place and a grade: "is the finding there (in this place) (of this grade)?"."""
Answer = tuple[Bools, Bools]
"""Of each state: surely so, surely not so."""


def judge_states(logic: Logic, states: Sequence[ConditionState], said: Sequence[Fact]) -> Verdicts:
    """Judge every statement in every state of one condition.

    Args:
        logic: of the ontology.
        states: of one condition.
        said: statements about the same condition.

    Returns:
        States x statements: ``TRUE``, the number in ``ATTRIBUTES`` of the one attribute in which a false
        statement departs from the state, or ``UNUSABLE``.
    """
    records = _Records(logic, states)
    gone = np.array([s.existence == "absent" for s in states], bool)
    unknown = np.array([s.existence == "unknown" for s in states], bool)
    verdicts = np.full((len(states), len(said)), UNUSABLE, np.int8)
    for column, fact in enumerate(said):
        so, not_so = _judge(records, fact)
        verdicts[so, column] = TRUE
        altered = _depart(records, fact, gone, unknown)
        verdicts[not_so, column] = altered[not_so]
    return verdicts


def _judge(records: _Records, fact: Fact) -> Answer:
    """Where a fact is surely true, and where it is surely false."""
    so, not_so = records.ask(fact.location, fact.severity)
    if fact.denies is None:
        return (not_so, so) if fact.existence == "absent" else (so, not_so)
    rest = (None, fact.severity) if fact.denies == "location" else (fact.location, None)
    rest_so, rest_not = records.ask(*rest)
    seen = records.show(fact.location)
    return rest_so & not_so & seen, (rest_not | so) & seen


def _depart(records: _Records, fact: Fact, gone: Bools, unknown: Bools) -> Verdicts:
    """In which one attribute a fact departs from each state, given that it is false there."""
    out = np.full(len(gone), UNUSABLE, np.int8)
    if fact.location is None and fact.severity is None:
        out[:] = EXISTENCE
        return out
    if fact.negation_type != "none":
        out[:] = ATTRIBUTES.index(fact.negation_type)
    else:
        place = records.ask(fact.location, None)[1] if fact.location else np.zeros_like(gone)
        grade = records.ask(None, fact.severity)[1] if fact.severity else np.zeros_like(gone)
        out[place & ~grade] = LOCATION
        out[grade & ~place] = SEVERITY
    if fact.location is None or fact.severity is None:
        out[unknown] = LOCATION if fact.location else SEVERITY
    else:
        out[unknown] = UNUSABLE
    out[gone] = EXISTENCE
    return out


class _Records:
    """The records of some states as incidence matrices, and what follows from them."""

    def __init__(self, logic: Logic, states: Sequence[ConditionState]) -> None:
        self._logic, self._states = logic, states
        self._condition = states[0].condition if states else ""
        self._answers: dict[Asked, Answer] = {}
        self._absent = self._flag(lambda s: s.existence == "absent")
        self._contradictory = self._flag(lambda s: s.existence in ("contradictory", "doubtful"))
        self._sides, self._lobes = self._flag(lambda s: s.sides), self._flag(lambda s: s.lobes)
        self._unknown = self._flag(lambda s: s.existence == "unknown")
        self._implied = self._flag(lambda s: bool(s.implied))
        self._recorded = self._flag(lambda s: bool(s.records))
        self._denials, self._denied = _incidence([s.denied for s in states])
        self._found, self._present = _incidence(
            [(*s.records, *((p, None) for p in s.implied)) for s in states]
        )
        self._doubts, self._doubted = _incidence([s.doubts for s in states])
        self._kin, self._near = _incidence([[(p, None) for p in s.kin] for s in states])
        condition = logic.ontology.condition_by_name.get(self._condition)
        self._extends = condition is not None and condition.extends
        grades = [{g for _, g in s.records} for s in states]
        self._grade = [next(iter(g)) if len(g) == 1 else None for g in grades]
        self._unplaced = self._any(self._present, [place is None for place, _ in self._found])

    def ask(self, place: str | None, grade: str | None) -> Answer:
        """Say of each state whether the finding surely is, or surely is not, there (as ``Logic`` does)."""
        key = (place, grade)
        if key not in self._answers:
            self._answers[key] = self._find(place, grade)
        return self._answers[key]

    def _find(self, place: str | None, grade: str | None) -> Answer:
        ruled_out: Bools = self._any(self._denied, [self._covers(d, place, grade) for d in self._denials])
        atlas = self._logic.atlas
        spots = atlas.halves(place) if place is not None else ()
        fit = [grade is None or g == grade for _, g in self._found]
        so = self._any(self._present, fit)
        for spot in spots:
            hit = [f and _hits(atlas, p, spot) for f, (p, _) in zip(fit, self._found, strict=True)]
            so = so & self._any(self._present, hit)
        not_so = np.zeros(len(self._states), bool)
        if grade is not None:
            other = np.array([g is not None and g != grade for g in self._grade], bool)
            not_so |= other & ~self._implied
        closed = self._recorded & ~self._unplaced
        for spot in () if self._extends else spots:
            free = [self._is_free(spot, told_apart) for told_apart in (True, False)]
            not_so |= closed & np.where(self._lobes, *free)
        open_ = ~self._absent & ~self._contradictory & ~ruled_out & ~self._unknown
        so &= open_
        not_so = self._absent | (ruled_out & ~self._contradictory) | (open_ & ~so & not_so)
        may_be = [self._logic.may_be(d, place, grade) for d in self._doubts]
        not_so &= ~self._any(self._doubted, may_be)
        if place is not None and self._logic.atlas.has_side(place):
            so, not_so = so & self._sides, not_so & self._sides
        return so, not_so

    def show(self, place: str | None) -> Bools:
        """Of each state: whether its image shows the side of a place, if it has one."""
        if place is not None and self._logic.atlas.has_side(place):
            return self._sides
        return np.ones(len(self._states), bool)

    def _is_free(self, spot: Spot, lobes: bool) -> Bools:
        """Of each state: neither its records nor what may show as them touch a spot."""
        atlas = self._logic.atlas
        found = [not _is_apart(atlas, p, spot, lobes) for p, _ in self._found]
        kin = [not _is_apart(atlas, p, spot, lobes) for p, _ in self._kin]
        return ~self._any(self._present, found) & ~self._any(self._near, kin)

    def _covers(self, denied: Record, place: str | None, grade: str | None) -> bool:
        """Whether one denial alone makes a finding of this place and grade false."""
        alone = ConditionState(self._condition, "unknown", denied=(denied,))
        return self._logic.judge(alone, Fact(self._condition, "present", place, grade)) is False

    def _flag(self, holds: Callable[[ConditionState], bool]) -> Bools:
        return np.array([holds(s) for s in self._states], bool)

    @staticmethod
    def _any(incidence: Bools, wanted: list[bool]) -> Bools:
        """Of each state: does it have one of the wanted records."""
        return np.asarray(incidence[:, np.array(wanted, bool)].any(axis=1))


@lru_cache(maxsize=65536)
def _hits(atlas: Atlas, recorded: str | None, spot: Spot) -> bool:
    """Whether a finding that is in ``recorded`` is surely in ``spot``."""
    return recorded is not None and any(atlas.holds(spot, half) for half in atlas.halves(recorded))


@lru_cache(maxsize=65536)
def _is_apart(atlas: Atlas, recorded: str | None, spot: Spot, lobes: bool) -> bool:
    """Whether a finding that is in ``recorded`` is seen not to be in ``spot``."""
    return recorded is not None and all(
        atlas.apart(half, spot) and (lobes or not atlas.superimposed(half, spot))
        for half in atlas.halves(recorded)
    )


def _incidence(records: Sequence[Iterable[Record]]) -> tuple[list[Record], Bools]:
    """Return the distinct records, and states x records: which state has which."""
    number: dict[Record, int] = {}
    for own in records:
        for record in own:
            number.setdefault(record, len(number))
    out = np.zeros((len(records), len(number)), bool)
    for row, own in enumerate(records):
        out[row, [number[r] for r in own]] = True
    return list(number), out
