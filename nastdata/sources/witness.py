"""Two witnesses of one study, labels and text: how they agree, and what neither contradicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.denials import is_plain

PARTLY = "denied in part"
READ_AS = ("present", "uncertain", "absent", "gone", PARTLY, "nothing")
"""What the text says of a condition that the labels name; ``PARTLY``: one place or grade of it is denied."""
AGREED = frozenset({"present", PARTLY, "nothing"})
"""What does not contradict a label."""
ONLY_TEXT = "stated in the text only"


@dataclass
class Said:
    """What a text says of one condition: facts with the number of their sentence."""

    present: list[tuple[int, Fact]] = field(default_factory=list)
    absent: list[tuple[int, Fact]] = field(default_factory=list)
    uncertain: list[tuple[int, Fact]] = field(default_factory=list)
    gone: bool = False

    def add(self, fact: Fact, sentence: int = 0) -> None:
        """Add a fact of a sentence."""
        kind = {"present": self.present, "absent": self.absent}.get(fact.existence, self.uncertain)
        kind.append((sentence, fact))

    def summarise(self) -> str:
        """Return one of ``READ_AS``: what is both stated and wholly denied, or only doubted, is uncertain."""
        if self.present:
            return "uncertain" if any(is_plain(f) for _, f in self.absent) else "present"
        if self.uncertain:
            return "uncertain"
        if self.gone:
            return "gone"
        if any(f.location is None and f.severity is None for _, f in self.absent):
            return "absent"
        return PARTLY if self.absent else "nothing"


def collect_said(facts: Iterable[Fact]) -> dict[str, Said]:
    """Return what facts of a text say by condition, sentences aside."""
    out: dict[str, Said] = {}
    for fact in facts:
        out.setdefault(fact.condition, Said()).add(fact)
    return out


@dataclass
class Agreement:
    """How labels and text agree, by condition, in studies."""

    named: dict[str, Counter[str]] = field(default_factory=dict)
    """Of conditions that labels state: what the text says."""
    unnamed: dict[str, Counter[str]] = field(default_factory=dict)
    """Of conditions that labels do not state: what the text says, and whether a label is near."""
    counts: Counter[str] = field(default_factory=Counter)
    """Facts that were not used or lost their place, and why."""

    def note(self, condition: str, reads: str, *, named: bool, near: bool = False, weight: int = 1) -> None:
        """Count what the text says of one condition in one study (or ``weight`` equal ones)."""
        if named:
            self.named.setdefault(condition, Counter())[reads] += weight
        elif reads != "nothing":
            kind = reads + (" (a label is near)" if near else "")
            self.unnamed.setdefault(condition, Counter())[kind] += weight

    def report(self, ontology: Ontology) -> dict[str, object]:
        """Return the tables for the source's report."""
        return {
            "labels name it, the text reads": {
                c: {k: self.named[c][k] for k in READ_AS if self.named[c][k]}
                for c in ontology.order
                if c in self.named
            },
            "labels do not name it, the text reads": {
                c: dict(sorted(self.unnamed[c].items())) for c in ontology.order if c in self.unnamed
            },
            "not_used": dict(sorted(self.counts.items())),
        }


def differ_in_side(a: str, b: str, ontology: Ontology) -> bool:
    """Whether two places are on different sides, one and both counting as different."""
    sides = {ontology.place_by_name[p].side for p in (a, b)} - {None}
    return len(sides) > 1
