"""Terms of use: what a corpus's owners allow, and what a dataset inherits, the strictest of its sources'."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

STRICTNESS = {"yes": 0, "private": 1, "no": 2}
"""May it be published: to anyone, to a private repository only, not at all."""
HUB_LICENCES = {
    *("apache-2.0", "mit", "cc0-1.0", "odc-by", "odbl", "pddl", "cdla-permissive-2.0"),
    *(f"cc-by{kind}-{v}" for kind in ("", "-sa", "-nc", "-nd", "-nc-sa", "-nc-nd") for v in ("4.0", "3.0")),
}
"""Licence identifiers that the Hub knows; anything else is ``other`` with a name and a link."""


@dataclass(frozen=True)
class Terms:
    """What the corpus's owners allow (``docs/terms.md``); a build inherits the strictest of its inputs."""

    licence: str
    """As stated in cards: an SPDX id or a plain name."""
    may_leave_machine: bool
    """May patient rows go to an LLM service."""
    may_publish: Literal["yes", "private", "no"]
    """To a hub: yes; only to a private repository; not at all."""
    citation: str
    url: str
    note: str = ""


@dataclass(frozen=True)
class Inherited:
    """What may be done with a dataset, given what it was made from."""

    licence_id: str
    """Of the Hub: a known identifier, or ``other``."""
    licence_name: str
    licence_links: tuple[str, ...]
    may_publish: str
    may_leave_machine: bool
    strictest: tuple[str, ...]
    """The sources whose terms decide."""
    statement: str


def inherit_terms(sources: Sequence[Mapping[str, Any]]) -> Inherited:
    """Return the strictest terms of a manifest's ``sources``; without sources nothing is allowed."""
    if not sources:
        return Inherited(
            "unknown",
            "unknown",
            (),
            "no",
            False,
            (),
            "Nothing is known of its sources, so take it that it may not be passed on.",
        )
    terms = {s["name"]: _complete(s) for s in sources}
    worst = max(terms.values(), key=lambda t: _rank(t))["may_publish"]
    strictest = tuple(n for n, t in terms.items() if t["may_publish"] == worst)
    names = list(dict.fromkeys(str(t["licence"]) for t in terms.values()))
    known = {_to_hub_id(n) for n in names}
    licence_id = known.pop() if len(known) == 1 else "other"
    return Inherited(
        licence_id,
        " and ".join(names),
        tuple(dict.fromkeys(str(t["url"]) for t in terms.values() if t.get("url"))),
        worst,
        all(t["may_leave_machine"] for t in terms.values()),
        strictest,
        _state(worst, strictest, names),
    )


def _complete(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a source's terms; what a manifest of others leaves open is allowed to nobody."""
    terms = source.get("terms")
    given = dict(terms) if isinstance(terms, Mapping) else {}
    closed = {"licence": "unknown", "may_publish": "no", "may_leave_machine": False}
    return {**closed, **{k: v for k, v in given.items() if v is not None}}


def slugify(licence: str) -> str:
    """Write a licence's name as the Hub wants it: small letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")


def _rank(terms: Mapping[str, Any]) -> int:
    return STRICTNESS.get(terms["may_publish"], 2)


def _to_hub_id(licence: str) -> str:
    slug = slugify(licence)
    return slug if slug in HUB_LICENCES else "other"


def _state(worst: str, strictest: tuple[str, ...], names: list[str]) -> str:
    under = f"The terms of the sources are inherited ({'; '.join(names)})."
    by = ", ".join(strictest)
    if worst == "yes":
        return f"{under} It may be published."
    if worst == "private":
        return f"{under} {by}: not to be published openly; a private repository only, where the terms allow."
    return f"{under} {by}: not to be published on a public hub or passed on to third parties."
