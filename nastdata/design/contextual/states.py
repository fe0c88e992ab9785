"""What is known of a study, and what is therefore true, false or unknown (``docs/contextual.md``).

A study's state holds, per condition, the facts on record. Three rules turn records into knowledge:

- *Open world for findings*: a condition without a record is unknown.
- *Closed world for places and grades of a recorded finding*: if every record of a present finding has a
  place, it is nowhere else; if all its records have one grade, it has no other. A record without a place
  (or grade) leaves places (or grades) open.
- *Hierarchy*: a present child makes its parents present where it is; it says nothing of where else they are.
  A parent that is recorded as absent beside a present child contradicts itself and is unknown. A present
  parent may be the child: where it is, the child is not said to be elsewhere than there.

Three more keep statements within what the source and the image can show:

- *Doubt*: what a doubtful record could be is never false.
- *Kin*: a finding that may show as this one keeps its place from being free of it, unless the source denies
  it there in so many words.
- *View*: a lateral image shows no side, and one frontal image hardly tells lobes of one lung apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from nastdata.design.contextual.differences import Attribute, differs_in
from nastdata.design.contextual.places import Atlas, Spot
from nastdata.ontology import Ontology
from nastdata.records import KIN, LATERAL, PAIR, TOLD_APART, Fact

Record = tuple[str | None, str | None]
"""(place, grade) of one fact."""


@dataclass(frozen=True, slots=True, order=True)
class ConditionState:
    """What is known of one condition in one study. Hashable, so that equal states are judged once."""

    condition: str
    existence: Literal["present", "absent", "unknown", "doubtful", "contradictory"]
    records: tuple[Record, ...] = ()
    """Places and grades of its present facts, sorted."""
    implied: tuple[str | None, ...] = ()
    """Places of present findings that imply it."""
    denied: tuple[Record, ...] = ()
    """Places and grades that are recorded as not the case ("no large effusion", "none on the left")."""
    doubts: tuple[Record, ...] = ()
    """Places and grades at which it may be."""
    kin: tuple[str | None, ...] = ()
    """Places of findings that may show as it: parents, and what the source calls of its kind."""
    sides: bool = True
    """Whether the image shows sides; a lateral one does not."""
    lobes: bool = True
    """Whether regions that lie over one another on a frontal image are told apart."""


StudyState = Mapping[str, ConditionState]
"""Condition name -> state; a condition that is not in it is unknown."""


class Logic:
    """Judges facts against states. Make it through ``logic_of``, which keeps one per ontology."""

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.atlas = Atlas(ontology)
        self.below = {
            c: tuple(d for d in ontology.order if c in ontology.ancestors[d]) for c in ontology.order
        }
        """Condition -> its descendants."""

    def read_condition(
        self,
        condition: str,
        facts: Iterable[tuple[str, str | None, str | None]],
        implied: Iterable[str | None] = (),
        kin: Iterable[str | None] = (),
        view: str | None = PAIR,
    ) -> ConditionState:
        """Make the state of one condition.

        Args:
            condition: its name.
            facts: (existence, location, severity) of its facts, the doubtful ones too; none with a qualifier.
            implied: places of its present descendants (those that it can't have count as None).
            kin: places of findings that may show as it.
            view: of the image (``frames.STUDY_COLUMNS``).
        """
        state = self._read_facts(condition, list(facts), implied)
        if state.existence == "contradictory" or state.existence == "doubtful":
            return state
        places = [p for p, _ in state.records]
        near = set(kin) if places and None not in places else set()
        behind = any(p and self.atlas.is_superimposed(p) for p in (*places, *state.implied, *near))
        return replace(
            state,
            kin=(None,) if None in near else tuple(sorted(p for p in near if p)),
            sides=view != LATERAL,
            lobes=view in TOLD_APART or not behind,
        )

    def _read_facts(
        self,
        condition: str,
        facts: list[tuple[str, str | None, str | None]],
        implied: Iterable[str | None],
    ) -> ConditionState:
        known = set(self.ontology.condition_by_name[condition].places)
        records = _sorted({(p, g) for e, p, g in facts if e == "present"})
        denied = _sorted({(p, g) for e, p, g in facts if e == "absent" and (p or g)})
        implied = {p if p in known else None for p in implied}
        inherited = tuple(sorted(implied, key=lambda p: p or ""))
        doubts = _sorted({(p, g) for e, p, g in facts if e == "uncertain"})
        absent = any(e == "absent" and p is None and g is None for e, p, g in facts)
        present = bool(records or inherited)
        if absent and present:
            return ConditionState(condition, "contradictory")
        if doubts and (absent or not (present or denied)):
            return ConditionState(condition, "doubtful")
        if absent:
            return ConditionState(condition, "absent")
        if not present:
            return ConditionState(condition, "unknown", denied=denied, doubts=doubts)
        state = ConditionState(condition, "present", records, inherited, denied, doubts)
        for place, grade in [*records, *((p, None) for p in inherited)]:
            if any(self._covers(d, place, grade) for d in denied):
                return ConditionState(condition, "contradictory")
        return state

    def read_study(self, facts: Iterable[Fact], view: str | None = PAIR) -> StudyState:
        """Make the state of a study from its facts (nothing denied by ``denies``).

        Args:
            facts: of the study; denials with a qualifier say less than any statement, and are passed over.
            view: of its image.
        """
        own: dict[str, list[tuple[str, str | None, str | None]]] = {}
        implied: dict[str, set[str | None]] = {}
        kin: dict[str, set[str | None]] = {}
        for f in facts:
            if f.qualifier == KIN:
                kin.setdefault(f.condition, set()).add(f.location)
            elif f.qualifier is None:
                own.setdefault(f.condition, []).append((f.existence, f.location, f.severity))
            if f.existence == "absent" or f.qualifier is not None:
                continue
            for above in self.ontology.ancestors[f.condition]:
                if f.existence == "present":
                    implied.setdefault(above, set()).add(f.location)
                else:
                    own.setdefault(above, []).append(("uncertain", f.location, None))
            for below in self.below[f.condition]:
                kin.setdefault(below, set()).add(f.location)
        return {
            c: self.read_condition(c, own.get(c, ()), implied.get(c, ()), kin.get(c, ()), view)
            for c in self.ontology.order
            if c in own or c in implied
        }

    def truth(self, state: StudyState, fact: Fact) -> bool | None:
        """Say whether a fact is true of a study: True, False, or None where the records don't tell."""
        known = state.get(fact.condition)
        return None if known is None else self.judge(known, fact)

    def judge(self, state: ConditionState, fact: Fact) -> bool | None:
        """Say whether a fact about the state's condition is true."""
        if fact.location is not None and not state.sides and self.atlas.has_side(fact.location):
            return None
        if fact.denies == "location":
            there = self._asserted(state, fact.location, fact.severity)
            return _both(self._asserted(state, None, fact.severity), _negate(there))
        if fact.denies == "severity":
            there = self._asserted(state, fact.location, fact.severity)
            return _both(self._asserted(state, fact.location, None), _negate(there))
        there = self._asserted(state, fact.location, fact.severity)
        return _negate(there) if fact.existence == "absent" else there

    def violated(self, state: ConditionState, fact: Fact) -> frozenset[Attribute]:
        """Return the attributes in which a false fact departs from the state; empty unless it is false.

        Existence departs alone: a finding that isn't there has neither place nor grade.
        """
        if self.judge(state, fact) is not False:
            return frozenset()
        if state.existence == "absent" or (fact.location is None and fact.severity is None):
            return frozenset({"existence"})
        if state.existence == "unknown":
            said: dict[Attribute, str | None] = {"location": fact.location, "severity": fact.severity}
            return frozenset(a for a, value in said.items() if value)
        if fact.negation_type != "none":
            return frozenset({fact.negation_type})
        out: set[Attribute] = set()
        if fact.location and self._asserted(state, fact.location, None) is False:
            out.add("location")
        if fact.severity and self._asserted(state, None, fact.severity) is False:
            out.add("severity")
        return frozenset(out)

    def state_of(self, fact: Fact) -> ConditionState:
        """Return the state of a study of which this fact is the whole record."""
        if fact.denies is not None:
            denial = (fact.location, None) if fact.denies == "location" else (None, fact.severity)
            rest = (None, fact.severity) if fact.denies == "location" else (fact.location, None)
            return ConditionState(fact.condition, "present", (rest,), denied=(denial,))
        return self.read_condition(fact.condition, [(fact.existence, fact.location, fact.severity)])

    def exclusive(self, a: Fact, b: Fact) -> bool:
        """Whether neither fact can be true where the other one is the whole record of its condition."""
        return (
            a.condition == b.condition
            and self.judge(self.state_of(a), b) is False
            and self.judge(self.state_of(b), a) is False
        )

    def entails(self, a: Fact, b: Fact) -> bool:
        """Whether ``b`` is true wherever ``a`` is the whole record of its condition."""
        return a.condition == b.condition and self.judge(self.state_of(a), b) is True

    def _asserted(self, state: ConditionState, place: str | None, grade: str | None) -> bool | None:
        """Truth of "the finding is there (in this place) (of this grade)"."""
        if state.existence in ("contradictory", "doubtful"):
            return None
        if place is not None and not state.sides and self.atlas.has_side(place):
            return None
        if state.existence == "absent":
            return False
        denied = any(self._covers(d, place, grade) for d in state.denied)
        if any(self.may_be(d, place, grade) for d in state.doubts):
            there = state.existence == "present" and not denied
            return True if there and self._is_recorded(state, place, grade) else None
        if denied:
            return False
        if state.existence == "unknown":
            return None
        if self._is_recorded(state, place, grade):
            return True
        grades = {g for _, g in state.records}
        closed = len(grades) == 1 and not state.implied
        if grade is not None and closed and None not in grades and grade not in grades:
            return False
        return False if place is not None and self._is_elsewhere(state, place) else None

    def _is_recorded(self, state: ConditionState, place: str | None, grade: str | None) -> bool:
        records = [*state.records, *((p, None) for p in state.implied)]
        fit = [p for p, g in records if grade is None or g == grade]
        if place is None:
            return bool(fit)
        return all(any(self._hits(p, spot) for p in fit) for spot in self.atlas.halves(place))

    def _is_elsewhere(self, state: ConditionState, place: str) -> bool:
        places = [*(p for p, _ in state.records), *state.implied, *state.kin]
        if not state.records or None in places or self.ontology.condition_by_name[state.condition].extends:
            return False
        taken = [spot for p in places if p for spot in self.atlas.halves(p)]
        return any(all(self._told_apart(state, t, spot) for t in taken) for spot in self.atlas.halves(place))

    def _told_apart(self, state: ConditionState, taken: Spot, spot: Spot) -> bool:
        """Whether a finding in ``taken`` is seen not to be in ``spot``."""
        return self.atlas.apart(taken, spot) and (state.lobes or not self.atlas.superimposed(taken, spot))

    def may_be(self, doubt: Record, place: str | None, grade: str | None) -> bool:
        """Whether a doubtful record may be a finding of this place and grade."""
        if doubt[1] is not None and grade is not None and doubt[1] != grade:
            return False
        if doubt[0] is None or place is None:
            return True
        taken = self.atlas.halves(doubt[0])
        return any(not self.atlas.apart(t, w) for t in taken for w in self.atlas.halves(place))

    def _hits(self, recorded: str | None, spot: Spot) -> bool:
        """Whether a finding that is in ``recorded`` is surely in ``spot``."""
        return recorded is not None and any(self.atlas.holds(spot, h) for h in self.atlas.halves(recorded))

    def _covers(self, denied: Record, place: str | None, grade: str | None) -> bool:
        """Whether what is denied rules out a finding of this place and grade."""
        if denied[1] is not None and denied[1] != grade:
            return False
        if denied[0] is None:
            return True
        if place is None:
            return False
        wanted = self.atlas.halves(place)
        return all(any(self.atlas.holds(d, w) for w in wanted) for d in self.atlas.halves(denied[0]))


def logic_of(ontology: Ontology) -> Logic:
    """Return the logic of an ontology; one is kept per content."""
    if ontology.fingerprint not in _KEPT:
        _KEPT[ontology.fingerprint] = Logic(ontology)
    return _KEPT[ontology.fingerprint]


_KEPT: dict[str, Logic] = {}


def truth(state: StudyState, fact: Fact, ontology: Ontology) -> bool | None:
    """Say whether a fact is true of a study: True, False, or None where the records don't tell."""
    return logic_of(ontology).truth(state, fact)


def _negate(value: bool | None) -> bool | None:
    return None if value is None else not value


def _both(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return True if a and b else None


def _sorted(records: set[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda r: (r[0] or "", r[1] or "")))


__all__ = ["ConditionState", "Logic", "StudyState", "differs_in", "logic_of", "truth"]
