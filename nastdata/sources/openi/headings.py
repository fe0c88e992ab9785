"""Open-i's MeSH headings: ``Head/qualifier/...`` in any order, to condition, place and grade."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nastdata.ontology import Ontology
from nastdata.records import KIN
from nastdata.sources.places import PlaceIndex, combine_sides, find_grade, read_map

LOBES = ("upper lobe", "middle lobe", "lower lobe", "lingula")
"""Regions that win over a region of another kind in the same heading (base, hilum ...)."""


@dataclass(frozen=True, slots=True)
class HeadingFact:
    """What one heading says of one condition."""

    condition: str
    strength: str
    certain: bool
    location: str | None
    severity: str | None
    qualifier: str | None = None
    """``records.KIN`` where the heading's finding may show as the condition, and a plain denial stands."""


@dataclass
class HeadingTally:
    """What was not used, in headings."""

    unmapped: Counter[str] = field(default_factory=Counter)
    contradictory_sides: int = 0
    several_places: int = 0


class HeadingReader:
    """Reads headings with the shipped map; the order of qualifiers doesn't matter.

    A heading that is not in the map is read by its head alone, if all headings with that head that are in
    the map mean the same condition.
    """

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._places = PlaceIndex(ontology)
        self._roles = {r["qualifier"]: (r["role"], r["meaning"]) for r in read_map("openi_qualifiers")}
        self._known: dict[tuple[str, frozenset[str]], list[tuple[str, str, bool]]] = {}
        heads: dict[str, set[tuple[tuple[str, str], ...]]] = {}
        for row in read_map("openi_headings"):
            # a heading that means no condition stays known: nothing is guessed from its head
            meanings = self._known.setdefault(_split(row["heading"]), [])
            meaning = (row["condition"], row["strength"], row["existence"] == "present")
            if row["condition"] and meaning not in meanings:
                meanings.append(meaning)
        for (head, _), meanings in self._known.items():
            heads.setdefault(head, set()).add(tuple(sorted((c, s) for c, s, _ in meanings)))
        self._kin: dict[str, list[tuple[str, str, str]]] = {}
        for row in read_map("openi_kin"):
            if row["condition"] in ontology.condition_by_name:
                kin = (row["qualifier"], row["condition"], row["strength"])
                self._kin.setdefault(row["head"].lower(), []).append(kin)
        self._by_head = {head: [(c, s, True) for c, s in min(m)] for head, m in heads.items() if len(m) == 1}

    def read(self, heading: str, tally: HeadingTally) -> list[HeadingFact]:
        """Return what a heading says of the ontology's conditions, of every strength; often nothing."""
        head, qualifiers = _split(heading)
        meanings = self._known.get((head, qualifiers))
        if meanings is None:
            meanings = self._by_head.get(head, [])
        words = [self._roles.get(q, ("", "")) for q in sorted(qualifiers)]
        doubtful = any(role == "grade" and word == "borderline" for role, word in words)
        out = []
        for condition, strength, certain in meanings:
            if condition not in self._ontology.condition_by_name:
                continue
            out.append(
                HeadingFact(
                    condition,
                    strength,
                    certain and not doubtful,
                    self._find_place(condition, words, tally),
                    self._find_grade(condition, words),
                )
            )
        if not out:
            tally.unmapped[heading] += 1
        said = {f.condition for f in out}
        for wanted, condition, strength in self._kin.get(head, ()):
            if condition not in said and (not wanted or wanted in qualifiers):
                place = self._find_place(condition, words, HeadingTally())
                kin = KIN if strength == "kin" else None
                out.append(HeadingFact(condition, strength, False, place, None, kin))
        return out

    def _find_place(self, condition: str, words: list[tuple[str, str]], tally: HeadingTally) -> str | None:
        side, contradict = combine_sides(word for role, word in words if role == "side")
        if contradict:
            tally.contradictory_sides += 1
            return None
        regions = {word for role, word in words if role == "region" and word}
        if len(regions) > 1:
            regions = {r for r in regions if r in LOBES} or regions
        if len(regions) > 1:
            tally.several_places += 1
            regions = set()
        region = next(iter(regions), None)
        if region is None and side and any(role == "organ" and word == "lung" for role, word in words):
            region = "lung"
        if region == "middle lobe":
            # only the right lung has one; "middle lobe" of the left or of both is said of the mid zone
            region, side = ("middle lobe", "right") if side in (None, "right") else ("mid lung zone", side)
        if region == "lingula":
            side = "left"
        return self._places.find(condition, region, side)

    def _find_grade(self, condition: str, words: list[tuple[str, str]]) -> str | None:
        said = {find_grade(self._ontology, condition, word) for role, word in words if role == "grade"}
        return next(iter(said)) if len(said) == 1 else None


def _split(heading: str) -> tuple[str, frozenset[str]]:
    head, *qualifiers = [part.strip().lower() for part in heading.split("/")]
    return head, frozenset(q for q in qualifiers if q)
