"""What a source may say of a study when all that it knows of it is held together.

Three things keep a denial as wide as its source and no wider:

- *how* it was denied: "no focal consolidation" is an absence of focal consolidation only (``narrow``);
- *by which name*: "no infiltrate" is less than "no lung opacity" (``maps/narrow_names.tsv``);
- *what else* is known: a denial is kept only where nothing contradicts it (``settle``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache

from nastdata.ontology import Ontology
from nastdata.records import KIN, Fact, ParsedFact
from nastdata.sources.places import find_grade, read_map

KIND_OF = "absent, but a kind of it is present or doubtful"
SAME = "absent, but present or doubtful as well"
BOTH = "findings both said and denied in one study"
QUALIFIED = "denied with a qualifier or by a narrower name"
COVERED = "denied with a qualifier, and said plainly as well"
SPREADING = frozenset(
    "definite definitely convincing convincingly clear clearly obvious obviously visible detectable "
    "discernible identifiable unequivocal evident apparent conspicuous demonstrable acute acutely active new "
    "newly recent suspicious significant large gross sizable".split()
)
"""Qualifiers of the first finding of a list that hold for the rest too: "no definite effusion or edema"."""
_NEW_DENIAL = re.compile(r"\b(no|not|without|nor|neither|negative|free)\b|[.;:]", re.IGNORECASE)


def find_conflict(absent: Fact, others: Collection[Fact], ontology: Ontology) -> str | None:
    """Return why a denial contradicts one of the other facts (present or uncertain), or None.

    A denied place or grade stands beside a finding that surely has another: "no large effusion" beside a
    small one, "no right effusion" beside one on the left. Whatever may contradict is taken to do so.
    """
    for other in others:
        if other.qualifier == KIN:
            continue
        if absent.condition in ontology.ancestors[other.condition]:
            return KIND_OF
        if absent.condition == other.condition and not _surely_differ(absent, other, ontology):
            return SAME
    return None


def settle(facts: Iterable[Fact], ontology: Ontology, counts: Counter[str]) -> list[Fact]:
    """Return what can be kept of a study's facts, each once.

    A finding that is both stated and plainly denied becomes uncertain. A denial that another finding speaks
    against is dropped, and so is a qualified denial where more is known. Uncertain facts stay.

    Args:
        facts: present, absent (with their qualifiers) and uncertain ones.
        ontology: hierarchy and places.
        counts: told of what was dropped.
    """
    given = list(dict.fromkeys(facts))
    present = [f for f in given if f.existence == "present"]
    others = [f for f in given if f.existence != "absent"]
    plain = {f.condition for f in given if f.existence == "absent" and is_plain(f)}
    known = {f.condition for f in others if f.qualifier != KIN}
    denied, torn = [], set()
    for fact in given:
        if fact.existence != "absent":
            continue
        conflict = find_conflict(fact, others, ontology)
        if fact.qualifier is not None:
            if fact.condition in known or fact.condition in plain:
                counts[COVERED] += 1
            elif conflict is not None:
                counts[conflict] += 1
            else:
                counts[QUALIFIED] += 1
                denied.append(fact)
        elif conflict is None:
            denied.append(fact)
        elif is_plain(fact) and any(f.condition == fact.condition for f in present):
            counts[BOTH] += 1
            torn.add(fact.condition)
        else:
            counts[conflict] += 1
    uncertain = [f for f in given if f.existence == "uncertain"]
    uncertain += [Fact(c, "uncertain") for c in sorted(torn)]
    stated = [f for f in present if f.condition not in torn]
    # what is only near to a finding matters where the finding has a place
    placed = {f.condition for f in stated if f.location}
    uncertain = [f for f in uncertain if f.qualifier != KIN or f.condition in placed]
    return [*stated, *denied, *dict.fromkeys(uncertain)]


def is_plain(fact: Fact) -> bool:
    """Whether a denial denies all of a finding: no place, no grade, no qualifier."""
    return fact.location is None and fact.severity is None and fact.qualifier is None


def says_something(facts: Iterable[Fact]) -> bool:
    """Whether any fact is definite: present or absent."""
    return any(f.existence != "uncertain" for f in facts)


def narrow(parsed: Iterable[ParsedFact], text: str, ontology: Ontology) -> list[Fact]:
    """Return what a text's facts say, its denials no wider than its words.

    The qualifier is the reader's, or the name by which less than the finding is denied; a list's first
    qualifier may hold for the rest. "No nodule" and "no mass" in one text are no lung lesion together.

    Args:
        parsed: Facts of one text, in its order; ``denies`` is resolved here.
        text: The text.
        ontology: Its grades.
    """
    out: list[Fact] = []
    before: ParsedFact | None = None
    spread: str | None = None
    names: dict[str, set[str]] = {}
    for p in parsed:
        fact = p.fact
        if fact.denies:
            fact = replace(
                fact,
                denies=None,
                location=None if fact.denies == "location" else fact.location,
                severity=None if fact.denies == "severity" else fact.severity,
            )
        if p.certainty != "definite":
            fact = replace(fact, existence="uncertain")
        if fact.existence != "absent":
            out.append(fact)
            continue
        name = text[p.start : p.end].lower()
        goes_on = before is not None and p.sentence_span == before.sentence_span
        if goes_on and before is not None and _NEW_DENIAL.search(text[before.end : p.start]):
            goes_on = False
        own = p.qualifier or _find_looser(text, p, before if goes_on else None)
        own = _drop_grade(own, fact, ontology)
        if not goes_on:
            words = set((own or "").split()) & SPREADING
            spread = " ".join(w for w in (own or "").split() if w in words) or None
        qualifier = own or (spread if goes_on else None)
        narrower = find_narrower(fact.condition, name)
        if qualifier is None and narrower is not None:
            names.setdefault(fact.condition, set()).add(_stem(narrower))
            qualifier = narrower
        out.append(replace(fact, qualifier=qualifier))
        before = p
    if {"nodul", "mass"} <= names.get("Lung Lesion", set()):
        out.append(Fact("Lung Lesion", "absent"))
    return out


def _find_looser(text: str, parsed: ParsedFact, before: ParsedFact | None) -> str | None:
    """Return what restricts a denial from farther away: "no focus of X", "no Y to suggest X"."""
    start = before.end if before is not None else parsed.sentence_span[0]
    ahead = text[start : parsed.start].lower()
    if before is not None:
        return (before.qualifier or _SIGN) if _SUGGESTS.search(ahead) else None
    cues = [m.end() for m in _NEW_DENIAL.finditer(ahead)]
    between = ahead[cues[-1] :] if cues else ""
    if _FOCUS.search(between):
        return "focal"
    words = re.findall(r"[a-z]+", between)
    return next((w for w in words if w in _QUALIFYING), None)


_SIGN = "by another sign"
_SUGGESTS = re.compile(
    r"^\s*of\b|\b(to suggest|suggest\w*|suspicious for|concerning for|worrisome for|to indicate)\b"
)
_FOCUS = re.compile(r"\b(focus|foci|areas?|regions?|patch|patches) of\W*$")
_QUALIFYING = frozenset(
    "focal multifocal acute subacute new large small displaced suspicious definite definitive obvious "
    "convincing visible overt significant gross discrete lobar segmental active confluent dense dominant "
    "sizable".split()
)


def find_narrower(condition: str, name: str) -> str | None:
    """Return a name by which less than the condition is denied, or None where it denies all of it."""
    pattern = _narrow_names().get(condition)
    return " ".join(name.split()) if pattern is not None and pattern.search(name) else None


def widen(facts: Iterable[Fact], strength: Collection[str]) -> list[Fact]:
    """Drop the qualifiers of denials where the recipe allows it (``strength`` beyond exact)."""
    loose = "broad" in strength
    return [replace(f, qualifier=None) if loose and f.existence == "absent" else f for f in facts]


def _drop_grade(qualifier: str | None, fact: Fact, ontology: Ontology) -> str | None:
    """Leave out the words that the fact's grade says already."""
    if qualifier is None or fact.severity is None:
        return qualifier
    left = [w for w in qualifier.split() if find_grade(ontology, fact.condition, w) != fact.severity]
    return " ".join(left) or None


def _stem(name: str) -> str:
    return "nodul" if "nodul" in name else "mass" if re.search(r"mass|masa", name) else name


@lru_cache(maxsize=1)
def _narrow_names() -> dict[str, re.Pattern[str]]:
    return {r["condition"]: re.compile(r["pattern"]) for r in read_map("narrow_names")}


def _surely_differ(absent: Fact, other: Fact, ontology: Ontology) -> bool:
    if absent.severity and other.severity and absent.severity != other.severity:
        return True
    if not (absent.location and other.location):
        return False
    sides = {ontology.place_by_name[p].side for p in (absent.location, other.location)}
    return sides == {"left", "right"}


__all__ = ["find_conflict", "find_narrower", "is_plain", "narrow", "says_something", "settle", "widen"]
