"""The phrases of one ontology in one language: what the lexicon makes its entries of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nastdata.ontology import Ontology, Place
from nastdata.reading.register import Names, Register


@dataclass(frozen=True, slots=True)
class Predicates:
    """Subjects and adjectives that state a condition together."""

    condition: str
    subjects: tuple[str, ...]
    adjectives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Phrases with the canonical names that they stand for, in the ontology's order."""

    conditions: dict[str, tuple[str, ...]]
    """Condition -> its names, the first its main one."""
    with_place: dict[str, tuple[str, ...]]
    """Condition -> names that count only where one of its places is said too: "lesion"."""
    alternatives: dict[str, tuple[str, ...]]
    """Condition -> phrases that say without a negation that it is absent."""
    predicates: tuple[Predicates, ...]
    places: dict[str, tuple[str, ...]]
    sides: frozenset[str]
    """Places that are one side and nothing else: "left"."""
    sideless: frozenset[str]
    """Places without a side: their phrases may be in the plural."""
    gone: dict[str, tuple[str, ...]]
    """Condition -> words that say that it is gone without naming it."""
    grades: dict[str, dict[str, str]]
    """Scale -> phrase -> grade."""
    others: tuple[str, ...]
    """Phrases that hold a condition's name and mean something else."""
    own: tuple[str, ...]
    """Words of the field that state nothing."""


def build_vocabulary(ontology: Ontology, register: Register) -> Vocabulary:
    """Collect an ontology's phrases, in the register's language if it translates this ontology."""
    translated = register.names.get(ontology.name)
    return _translate(ontology, translated) if translated else _collect(ontology)


def _collect(o: Ontology) -> Vocabulary:
    grades: dict[str, dict[str, str]] = {}
    for s in o.scales:
        words = grades.setdefault(s.name, {})
        for grade in s.grades:
            for w in (grade, *s.synonyms.get(grade, ()), *s.also_read.get(grade, ())):
                words.setdefault(w, grade)
        words.update((grade, grade) for grade in s.grades)
    return Vocabulary(
        conditions={c.name: _distinct(c.text, *c.synonyms, *c.also_read) for c in o.conditions},
        with_place={c.name: c.only_with_place for c in o.conditions},
        alternatives={
            c.name: _distinct(*(t for a in c.affirmative for t in (a.text, *a.synonyms, *a.also_read)))
            for c in o.conditions
        },
        predicates=tuple(
            Predicates(c.name, p.subjects, p.adjectives) for c in o.conditions for p in c.predicates
        ),
        places={
            p.name: _distinct(p.name, p.phrase, p.adjective or p.name, *p.synonyms, *p.also_read)
            for p in o.places
        },
        sides=_find_sides(o),
        sideless=frozenset(p.name for p in o.places if p.side is None),
        gone={c.name: c.gone for c in o.conditions},
        grades=grades,
        others=o.others,
        own=_distinct(o.subject.text, *o.subject_synonyms, *o.vocabulary),
    )


def _translate(o: Ontology, names: Names) -> Vocabulary:
    grades = {s.name: {w: g for g in s.grades for w in names.grades.get(g, ())} for s in o.scales}
    return Vocabulary(
        conditions={c.name: names.conditions.get(c.name, ()) for c in o.conditions},
        with_place=names.only_with_place,
        alternatives={c.name: names.alternatives.get(c.name, ()) for c in o.conditions},
        predicates=tuple(
            Predicates(c.name, p.subjects, p.adjectives)
            for c in o.conditions
            for p in names.predicates.get(c.name, ())
        ),
        places={p.name: _distinct(*names.places.get(p.name, ()), *_place(p, names)) for p in o.places},
        sides=_find_sides(o),
        sideless=frozenset(p.name for p in o.places if p.side is None),
        gone=names.gone,
        grades=grades,
        others=names.others,
        own=names.vocabulary,
    )


def _find_sides(o: Ontology) -> frozenset[str]:
    return frozenset(p.name for p in o.places if p.region is None and p.side in ("left", "right"))


def _place(place: Place, names: Names) -> Iterator[str]:
    """Return a region's names with its side."""
    for pattern in names.sides.get(place.side, ()) if place.side else ():
        for region in names.regions.get(place.region, ()) if place.region else ():
            yield pattern.format(region=region)


def _distinct(*phrases: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phrases))
