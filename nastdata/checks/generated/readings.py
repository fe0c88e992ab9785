"""Texts read into what the judge needs: what they say, what could not be understood, and faults of style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from nastdata.checks.generated.style import find_faults
from nastdata.engines.base import Engine
from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.parse import Reading
from nastdata.records import Fact

LARGE = 4_000
"""Distinct texts from which on one more process pays."""
KINDS = ("affirmed", "denied", "location denied", "severity denied", "uncertain", "alternative")
"""How a finding can be said: plainly, denied, its place or grade denied, in doubt, or as the affirmative
alternative of its absence ("normal heart size")."""


class Said(NamedTuple):
    """One statement of a text."""

    fact: Fact
    kind: str
    start: int | None = None
    end: int | None = None

    @property
    def condition(self) -> str:
        """The fact's."""
        return self.fact.condition

    @property
    def polarity(self) -> str:
        """The fact's existence."""
        return self.fact.existence

    def without_span(self) -> Said:
        """Return the statement wherever it is."""
        return Said(self.fact, self.kind)

    def __str__(self) -> str:
        """Return it in a few words."""
        f = self.fact
        named = (("severity", f.severity), ("location", f.location))
        details = [("not " if f.denies == a else "") + v for a, v in named if v]
        return f.existence + (f" ({', '.join(details)})" if details else "")


class Part(NamedTuple):
    """A part of a text that was not understood, with the conditions that it names."""

    conditions: tuple[str, ...]
    text: str
    start: int
    end: int
    reason: str


class Text(NamedTuple):
    """One distinct text, read."""

    said: tuple[Said, ...]
    unread: tuple[Part, ...]
    labels: tuple[tuple[str, int], ...]
    faults: tuple[str, ...]
    history: int
    """Statements about an earlier image, which are not judged."""
    is_all_unread: bool


def read_distinct(texts: Sequence[str], ontology: str, engine: Engine) -> list[Text]:
    """Read texts, in their order.

    Args:
        texts: distinct ones.
        ontology: name or path, loaded again by each process.
        engine: where the work runs.
    """
    return engine.map(partial(_read_all, ontology), texts, LARGE)


def _read_all(ontology: str, texts: Sequence[str]) -> list[Text]:
    from nastdata import parse

    loaded = load_ontology(ontology)
    finder = _find_names(loaded.fingerprint, ontology)
    return [_condense(parse(t, report=True, ontology=loaded), finder, loaded) for t in texts]


def _condense(reading: Reading, finder: _Finder, ontology: Ontology) -> Text:
    said: dict[tuple[Fact, str], Said] = {}
    history = 0
    for p in reading.facts:
        if p.time == "earlier":
            history += 1
            continue
        fact = p.fact
        if fact.existence == "uncertain":
            kind = "uncertain"
        elif fact.denies is not None:
            kind = f"{fact.denies} denied"
        else:
            kind = {"none": "affirmed", "existence": "denied"}.get(fact.negation_type, "denied")
            if fact.negation_type in ("location", "severity"):
                kind = f"{fact.negation_type} denied"
        said.setdefault((fact, kind), Said(fact, kind, p.start, p.end))
    named = {s.condition for s in said.values()}
    for condition in reading.alternatives:
        if condition not in named:
            fact = Fact(condition, "absent")
            said[fact, "alternative"] = Said(fact, "alternative")
    unread = tuple(Part(finder(u.text), u.text, u.start, u.end, u.reason) for u in reading.unread)
    covered = sum(u.end - u.start for u in reading.unread)
    dark = bool(unread) and not said and covered >= 0.9 * len(reading.text.strip())
    faults = find_faults(reading.text, ontology)
    return Text(tuple(said.values()), unread, tuple(reading.labels.items()), faults, history, dark)


class _Finder:
    """Finds the conditions that a stretch of text names, whatever it says about them."""

    def __init__(self, ontology: Ontology) -> None:
        self.names = {n.lower(): c.name for c in ontology.conditions for n in (c.name, c.text, *c.synonyms)}
        words = sorted(self.names, key=len, reverse=True)
        self.pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?:e?s)?(?!\w)", re.I)

    def __call__(self, text: str) -> tuple[str, ...]:
        found = []
        for m in self.pattern.finditer(" ".join(text.split())):
            word = m.group().lower()
            name = self.names.get(word) or self.names.get(word[:-1]) or self.names.get(word[:-2])
            if name:
                found.append(name)
        return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4)
def _find_names(fingerprint: str, ontology: str) -> _Finder:
    return _Finder(load_ontology(ontology))
