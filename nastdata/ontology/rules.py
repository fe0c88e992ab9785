"""Mistakes that only the whole of an ontology shows: names that are there twice, lost references, denials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from nastdata.errors import name_nearest
from nastdata.ontology.problems import find_denial


class Parts(Protocol):
    """The parts of an ontology, as ``model.Ontology`` holds them."""

    @property
    def subject(self) -> Any:
        """What is looked at."""

    @property
    def scales(self) -> Sequence[Any]:
        """Of grades."""

    @property
    def regions(self) -> Sequence[Any]:
        """Without sides."""

    @property
    def places(self) -> Sequence[Any]:
        """With sides."""

    @property
    def conditions(self) -> Sequence[Any]:
        """In order."""

    @property
    def clashes(self) -> Sequence[Any]:
        """Misleading pairs."""


def find_mistakes(o: Parts) -> list[str]:
    """Return one sentence for each mistake."""
    return [
        *(
            x
            for rule in (_repeated, _dangling, _ambiguous, _impossible, _denying, _unwritable)
            for x in rule(o)
        )
    ]


def _repeated(o: Parts) -> list[str]:
    out = []
    for kind, names in (
        ("conditions", [c.name for c in o.conditions]),
        ("places", [p.name for p in o.places]),
        ("regions", [r.name for r in o.regions]),
        ("scales", [s.name for s in o.scales]),
    ):
        out += [f"{kind}: '{n}' is listed twice" for n in sorted({n for n in names if names.count(n) > 1})]
    return out


def _dangling(o: Parts) -> list[str]:
    conditions = {c.name for c in o.conditions}
    places = {p.name for p in o.places}
    regions = {r.name for r in o.regions}
    scales = {s.name for s in o.scales}
    refs: list[tuple[str, str, set[str], str]] = []
    for c in o.conditions:
        refs += [(f"conditions.{c.name}.parents", p, conditions, "condition") for p in c.parents]
        refs += [(f"conditions.{c.name}.places", p, places, "place") for p in c.places]
        own = set(c.places)
        refs += [(f"conditions.{c.name}.unsaid_places", p, own, "place of its own") for p in c.unsaid_places]
        refs += [(f"conditions.{c.name}.after_noun", p, own, "place of its own") for p in c.after_noun]
        refs += [(f"conditions.{c.name}.excludes", x, conditions, "condition") for x in c.excludes]
        for a in c.affirmative:
            key = f"conditions.{c.name}.affirmative.{a.text}.excludes"
            refs += [(key, x, conditions, "condition") for x in a.excludes]
        if c.scale:
            refs.append((f"conditions.{c.name}.scale", c.scale, scales, "scale"))
        of_scale = next((set(s.grades) for s in o.scales if s.name == c.scale), set[str]())
        refs += [(f"conditions.{c.name}.grade_words", g, of_scale, "grade") for g in c.grade_words]
    for k in o.clashes:
        refs += [("clashes.absent", k.absent, conditions, "condition")]
        refs += [("clashes.present", k.present, conditions, "condition")]
    for p in o.places:
        refs += [(f"places.{p.name}.neighbours", n, places, "place") for n in p.neighbours]
        if p.mirror:
            refs.append((f"places.{p.name}.mirror", p.mirror, places, "place"))
        if p.region:
            refs.append((f"places.{p.name}.region", p.region, regions, "region"))
    for r in o.regions:
        refs += [(f"regions.{r.name}.within", w, regions, "region") for w in r.within]
        refs += [(f"regions.{r.name}.overlaps", w, regions, "region") for w in r.overlaps]
        refs += [(f"regions.{r.name}.superimposed", w, regions, "region") for w in r.superimposed]
    for s in o.scales:
        refs += [(f"scales.{s.name}.synonyms", g, set(s.grades), "grade") for g in s.synonyms]
        refs += [(f"scales.{s.name}.also_read", g, set(s.grades), "grade") for g in s.also_read]
    return [
        f"{where}: there is no {kind} '{name}' ({name_nearest(name, sorted(known)) if known else 'none yet'})"
        for where, name, known, kind in refs
        if name not in known
    ]


def _ambiguous(o: Parts) -> list[str]:
    """A phrase may mean one condition, or one affirmative alternative, only."""
    meaning: dict[str, str] = {}
    out = []
    for c in o.conditions:
        said = [(t, c.name) for t in (c.text, *c.synonyms, *c.also_read)]
        said += [(t, f"no {c.name}") for a in c.affirmative for t in (a.text, *a.synonyms, *a.also_read)]
        for text, what in dict.fromkeys((t.lower(), what) for t, what in said):
            if meaning.setdefault(text, what) != what:
                out.append(
                    f"conditions.{c.name}: '{text}' means both {meaning[text]} and {what}; give it to one"
                )
    return out


def _impossible(o: Parts) -> list[str]:
    out = []
    by_name = {c.name: c for c in o.conditions}
    for c in o.conditions:
        seen, queue = set[str](), list(c.parents)
        while queue:
            p = queue.pop()
            if p == c.name:
                out.append(f"conditions.{c.name}.parents: it is its own ancestor")
                break
            if p not in seen and p in by_name:
                seen.add(p)
                queue += by_name[p].parents
    places = {p.name: p for p in o.places}
    for place in o.places:
        m = places.get(place.mirror or "")
        if m and (
            m.mirror != place.name or {m.side, place.side} != {"left", "right"} or m.region != place.region
        ):
            out.append(f"places.{place.name}.mirror: '{m.name}' is not the same region on the other side")
    return out


def _denying(o: Parts) -> list[str]:
    """An affirmative phrase says without a denial that a finding is absent: that is what it is for."""
    said = [(f"scales.{s.name}.grades", g) for s in o.scales for g in s.grades]
    said += [(f"places.{p.name}.phrase", p.phrase) for p in o.places]
    said += [(f"conditions.{c.name}.grade_words", w) for c in o.conditions for w in c.grade_words.values()]
    out = [
        f"{key}: '{text}' holds a denial ('{word}'); a grade or a place is where or how grave a finding is"
        for key, text in said
        if (word := find_denial(text))
    ]
    return out + [
        f"conditions.{c.name}.affirmative: '{text}' holds a denial ('{word}'); say what is seen instead, "
        "such as 'intact bony structures' where there is no fracture"
        for c in o.conditions
        for a in c.affirmative
        for text in (a.text, *a.synonyms)
        if (word := find_denial(text))
    ]


MARKS = frozenset('.,;:!?|[](){}<>"\u201c\u201d\u00ab\u00bb*#~^\\`$')
"""Marks that end or part sentences, or that are markup: a phrase that is written can't hold them."""


def _unwritable(o: Parts) -> list[str]:
    """A phrase that goes into sentences needs a letter, and none of the marks that sentences are made of."""
    written = [("subject.text", o.subject.text)]
    for c in o.conditions:
        written += [(f"conditions.{c.name}.text", c.text)]
        written += [(f"conditions.{c.name}.affirmative.text", a.text) for a in c.affirmative]
    for p in o.places:
        written += [(f"places.{p.name}.phrase", p.phrase), (f"places.{p.name}.adjective", p.adjective or "x")]
    written += [(f"scales.{s.name}.grades", g) for s in o.scales for g in s.grades]
    written += [(f"scales.{s.name}.measure", s.measure or "x") for s in o.scales]
    written += [(f"conditions.{c.name}.grade_words", w) for c in o.conditions for w in c.grade_words.values()]
    out = []
    for key, text in written:
        mark = next((ch for ch in text if ch in MARKS or ch in "\n\r\t"), None)
        if mark:
            out.append(f"{key}: '{text}' holds {mark!r}, which would cut sentences; write it in words")
        elif not any(ch.isalnum() for ch in text):
            out.append(f"{key}: '{text}' has no letter; write it in words")
    return out
