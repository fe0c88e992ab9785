"""The verdict on each finding of a text, given what is on record (``docs/validate.md`` states the rules)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from nastdata.checks.generated.facts import Recorded
from nastdata.checks.generated.known import Condition, Known, Reference, say
from nastdata.checks.generated.readings import Said, Text
from nastdata.design.contextual.states import ConditionState
from nastdata.records import Denial, Fact

Verdict = Literal["supported", "contradicted", "not_supported", "missed", "unread"]
VERDICTS: tuple[Verdict, ...] = ("supported", "contradicted", "not_supported", "missed", "unread")


class Finding(NamedTuple):
    """One finding of a text, or of its record, with its verdict."""

    condition: str | None
    polarity: str | None
    """What the text says (present, absent, uncertain); of a missed one what is on record."""
    kind: str
    """How it is said: ``readings.KINDS``; "recorded" if the text does not, "unread" if not understood."""
    verdict: Verdict
    attribute: str | None
    """In what it is contradicted or says more: existence, location, severity (joined by +), certainty."""
    unchecked: str | None
    """Attributes that the text names and the record does not hold."""
    omitted: str | None
    """Attributes that the record holds for a supported finding and the text does not name."""
    said: str | None
    recorded: str | None
    start: int | None
    end: int | None
    reason: str | None


class Judge:
    """Judges texts; equal statements against equal records once.

    Args:
        reference: what records let one know.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.logic = reference.logic
        self._kept: dict[
            tuple[Said, Condition | None], tuple[Verdict, str | None, str | None, str | None]
        ] = {}
        self._above = reference.ontology.ancestors

    def judge(self, text: Text, known: Known) -> list[Finding]:
        """Return the verdict on every finding that a text states, leaves out, or that could not be read.

        Args:
            text: what was read.
            known: what is on record of its study.
        """
        out: list[Finding] = []
        verdicts: list[tuple[Said, Verdict]] = []
        for said in text.said:
            about = known.get(said.condition)
            key = (said.without_span(), about)
            if key not in self._kept:
                self._kept[key] = self._judge(said, about)
            verdict, attribute, unchecked, omitted = self._kept[key]
            verdicts.append((said, verdict))
            on_record = _say_recorded(about)
            out.append(
                Finding(
                    *(said.condition, said.polarity, said.kind, verdict, attribute, unchecked, omitted),
                    *(str(said), on_record, said.start, said.end, None),
                )
            )
        out += self._find_missed(text, known, verdicts)
        out += [
            Finding(c, None, "unread", "unread", None, None, None, u.text, None, u.start, u.end, u.reason)
            for u in text.unread
            for c in (u.conditions or (None,))
        ]
        return out

    def _judge(
        self, said: Said, known: Condition | None
    ) -> tuple[Verdict, str | None, str | None, str | None]:
        """Return (verdict, attribute, unchecked, omitted)."""
        if known is None:
            return "not_supported", None, None, None
        own = known.own
        if said.polarity == "uncertain":
            if known.uncertain:
                return "supported", None, None, None
            return (
                "not_supported",
                "certainty" if own.existence in ("present", "absent") else None,
                None,
                None,
            )
        if known.uncertain and own.existence == "unknown":
            return "not_supported", "certainty", None, None
        if own.existence == "contradictory":
            return "not_supported", None, None, None
        if said.polarity == "absent":
            return (*self._judge_absence(said, known), None, None)
        return self._judge_presence(said, known)

    def _judge_absence(self, said: Said, known: Condition) -> tuple[Verdict, str | None]:
        fact = said.fact
        truth = self.logic.judge(known.own, fact)
        if truth is True:
            return "supported", None
        if truth is False:
            return "contradicted", _join(self.logic.violated(known.own, fact))
        if known.own.existence != "present":
            return "not_supported", None
        return "not_supported", "location" if fact.location else "severity"

    def _judge_presence(
        self, said: Said, known: Condition
    ) -> tuple[Verdict, str | None, str | None, str | None]:
        own, fact = known.own, said.fact
        state = own if own.existence == "present" else known.full
        if state.existence != "present":
            if self.logic.judge(own, fact) is False:
                return "contradicted", _join(self.logic.violated(own, fact)), None, None
            return "not_supported", None, None, None
        place = self._judge_place(state, fact)
        grade = self._judge_grade(state, fact)
        both = {"location": place, "severity": grade}
        wrong = [a for a, truth in both.items() if truth is False]
        more = [a for a, truth in both.items() if truth == "more"]
        unchecked = _join(a for a, truth in both.items() if truth == "unchecked")
        if wrong:
            return "contradicted", _join(wrong), unchecked, None
        if more:
            return "not_supported", _join(more), unchecked, None
        return "supported", None, unchecked, _join(_find_omitted(state, fact))

    def _judge_place(self, state: ConditionState, fact: Fact) -> bool | str | None:
        """Return True, False, "more" (the record does not say), "unchecked", or None: no place is said."""
        if fact.location is None:
            return None
        denies: Denial | None = "location" if fact.denies == "location" else None
        here = Fact(fact.condition, "present", fact.location, None, denies)
        truth = self.logic.judge(state, here)
        if truth is not None:
            return truth
        places = [*(p for p, _ in state.records), *state.implied]
        return "unchecked" if all(p is None for p in places) else "more"

    def _judge_grade(self, state: ConditionState, fact: Fact) -> bool | str | None:
        """As ``_judge_place``; of several records those count that are in the place that is said."""
        if fact.severity is None:
            return None
        near = state.records
        if fact.location and fact.denies is None:
            mine = self.logic.atlas.halves(fact.location)
            near = (
                tuple(
                    (p, g)
                    for p, g in state.records
                    if p is None
                    or any(not self.logic.atlas.apart(a, b) for a in mine for b in self.logic.atlas.halves(p))
                )
                or state.records
            )
        grades = {g for _, g in near}
        if fact.severity in {g for p, g in state.denied if p is None}:
            return fact.denies == "severity"
        if None in grades and (len(grades) == 1 or fact.severity not in grades):
            return "unchecked"
        if fact.denies == "severity":
            return True if fact.severity not in grades else False if len(grades) == 1 else "more"
        return fact.severity in grades

    def _find_missed(
        self, text: Text, known: Known, verdicts: Sequence[tuple[Said, Verdict]]
    ) -> list[Finding]:
        """What is on record and not in the text; unread, if a part that was not understood names it."""
        named = {s.condition for s, _ in verdicts}
        there = {a for s, _ in verdicts if s.polarity == "present" for a in self._above[s.condition]}
        gone = {
            s.condition for s, _ in verdicts if s.polarity == "absent" and s.fact.negation_type == "existence"
        }
        unread = {c for u in text.unread for c in u.conditions}
        dark = text.is_all_unread
        out = []
        for condition, about in known.items():
            if condition in unread and condition not in named:
                continue  # its unread part has a verdict of its own
            for fact in about.recorded:
                if condition in named:
                    if not self._is_other_place(fact, verdicts):
                        continue
                    attribute: str | None = "location"
                elif (fact.existence == "present" and condition in there) or (
                    fact.existence == "absent" and gone & self._above[condition]
                ):
                    continue
                else:
                    attribute = None
                verdict: Verdict = "unread" if dark else "missed"
                out.append(
                    Finding(
                        *(condition, fact.existence, "recorded", verdict, attribute, None, None),
                        *(None, say([fact]), None, None, "no part of the text was read" if dark else None),
                    )
                )
        return out

    def _is_other_place(self, fact: Recorded, verdicts: Sequence[tuple[Said, Verdict]]) -> bool:
        """Whether a present finding is on record in a place left out by a text that is right about others."""
        if fact.existence != "present" or fact.location is None or fact.denies:
            return False
        about = [(s, v) for s, v in verdicts if s.condition == fact.condition]
        if not all(v == "supported" and s.polarity == "present" and s.fact.location for s, v in about):
            return False
        atlas = self.logic.atlas
        mine = atlas.halves(fact.location)
        places = [h for s, _ in about for h in atlas.halves(s.fact.location or "") if s.fact.denies is None]
        return bool(places) and any(all(atlas.apart(m, p) for p in places) for m in mine)


def _say_recorded(about: Condition | None) -> str | None:
    if about is None:
        return None
    if not about.recorded and about.own.existence == "absent":
        return "absent (No Finding)"
    return say(about.recorded) or "present (a finding below it is)"


def _find_omitted(state: ConditionState, fact: Fact) -> list[str]:
    out = []
    if fact.location is None and state.records and all(p for p, _ in state.records):
        out.append("location")
    if fact.severity is None and state.records and all(g for _, g in state.records):
        out.append("severity")
    return out


def _join(attributes: object) -> str | None:
    """Return attributes in their order, joined by "+"."""
    found = set(attributes)  # type: ignore[call-overload]
    return "+".join(a for a in ("existence", "location", "severity") if a in found) or None
