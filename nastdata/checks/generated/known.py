"""What a record lets one know of each condition: its own facts apart from what the hierarchy implies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from nastdata.checks.generated.facts import Record, Recorded
from nastdata.design.contextual.states import ConditionState, Logic
from nastdata.ontology import Ontology

DEVICES = "Support Devices"
"""The label that "No Finding" says nothing about (CheXpert's definition)."""


@dataclass(frozen=True)
class Condition:
    """What is known of one condition in one study."""

    own: ConditionState
    """From records of the condition itself, and "No Finding"."""
    full: ConditionState
    """Also from present findings below it in the label hierarchy."""
    uncertain: bool
    """Whether it is recorded as uncertain."""
    recorded: tuple[Recorded, ...]
    """Its facts on record; empty if it is known by inference only."""


Known = dict[str, Condition]


class Reference:
    """Turns records into knowledge, each distinct record once.

    Args:
        ontology: hierarchy and places.
        no_finding: whether "No Finding" makes every unrecorded condition absent (but for support devices).
    """

    def __init__(self, ontology: Ontology, *, no_finding: bool) -> None:
        self.logic = Logic(ontology)
        self.ontology = ontology
        self.no_finding = no_finding
        self.know = lru_cache(maxsize=200_000)(self._know)

    def _know(self, record: Record) -> Known:
        facts, normal = record
        by_name: dict[str, list[Recorded]] = {}
        for f in facts:
            by_name.setdefault(f.condition, []).append(f)
        implied: dict[str, set[str | None]] = {}
        for f in facts:
            if f.existence == "present":
                place = None if f.denies == "location" else f.location
                for above in self.ontology.ancestors[f.condition]:
                    implied.setdefault(above, set()).add(place)
        names = dict.fromkeys([*by_name, *implied])
        if normal and self.no_finding:
            names |= dict.fromkeys(c for c in self.ontology.order if c != DEVICES)
        return {c: self._know_one(c, by_name.get(c, []), implied.get(c, ()), normal) for c in names}

    def _know_one(
        self, name: str, recorded: list[Recorded], implied: Iterable[str | None], normal: bool
    ) -> Condition:
        plain: list[tuple[str, str | None, str | None]] = []
        for f in recorded:
            if f.denies == "location":  # there, and not in that place
                plain += [("present", None, f.severity), ("absent", f.location, None)]
            elif f.denies == "severity":
                plain += [("present", f.location, None), ("absent", None, f.severity)]
            elif f.existence != "uncertain":
                plain.append((f.existence, f.location, f.severity))
        if normal and self.no_finding and not recorded and not implied and name != DEVICES:
            plain.append(("absent", None, None))
        own = self.logic.read_condition(name, plain)
        full = self.logic.read_condition(name, plain, implied) if implied else own
        return Condition(own, full, any(f.existence == "uncertain" for f in recorded), tuple(recorded))


def say(recorded: Iterable[Recorded]) -> str:
    """Return the facts on record in a few words: "present (small, left); absent (right)"."""
    said = []
    for f in dict.fromkeys(recorded):
        named = (("severity", f.severity), ("location", f.location))
        details = [("not " if f.denies == a else "") + v for a, v in named if v]
        said.append(f.existence + (f" ({', '.join(details)})" if details else ""))
    return "; ".join(said)
