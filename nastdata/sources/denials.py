"""Which denials can stand beside the present and the doubtful findings of the same study."""

from __future__ import annotations

from collections.abc import Collection

from nastdata.ontology import Ontology
from nastdata.records import Fact

KIND_OF = "absent, but a kind of it is present or doubtful"
SAME = "absent, but present or doubtful as well"


def find_conflict(absent: Fact, others: Collection[Fact], ontology: Ontology) -> str | None:
    """Return why a denial contradicts one of the other facts (present or uncertain), or None.

    A denied place or grade stands beside a finding that surely has another: "no large effusion" beside a
    small one, "no right effusion" beside one on the left. Whatever may contradict is taken to do so.
    """
    for other in others:
        if absent.condition in ontology.ancestors[other.condition]:
            return KIND_OF
        if absent.condition == other.condition and not _surely_differ(absent, other, ontology):
            return SAME
    return None


def _surely_differ(absent: Fact, other: Fact, ontology: Ontology) -> bool:
    if absent.severity and other.severity and absent.severity != other.severity:
        return True
    if not (absent.location and other.location):
        return False
    sides = {ontology.place_by_name[p].side for p in (absent.location, other.location)}
    return sides == {"left", "right"}
