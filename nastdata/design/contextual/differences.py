"""In which attributes two facts about one condition differ."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from nastdata.records import Fact

Attribute = Literal["existence", "location", "severity"]


@lru_cache(maxsize=65536)
def differs_in(a: Fact, b: Fact) -> frozenset[Attribute]:
    """Return the attributes that two facts about one condition state differently.

    An attribute that only one of them states is not a difference. A plain absence states existence only,
    and everything else states (or, like "no large effusion", speaks of) a finding that could be there; so an
    absence differs from them in existence, and "no large effusion" differs from "large effusion" in severity.
    """
    if a.condition != b.condition:
        raise ValueError(f"facts about {a.condition} and {b.condition} can't be compared")
    if _is_plain_absence(a) or _is_plain_absence(b):
        return frozenset() if a == b else frozenset({"existence"})
    out: set[Attribute] = set()
    if (
        a.location
        and b.location
        and (a.location, _denied(a, "location"))
        != (
            b.location,
            _denied(b, "location"),
        )
    ):
        out.add("location")
    if (
        a.severity
        and b.severity
        and (a.severity, _denied(a, "severity"))
        != (
            b.severity,
            _denied(b, "severity"),
        )
    ):
        out.add("severity")
    return frozenset(out)


def _is_plain_absence(f: Fact) -> bool:
    return f.existence == "absent" and f.location is None and f.severity is None


def _denied(f: Fact, attribute: str) -> bool:
    return f.negation_type == attribute
