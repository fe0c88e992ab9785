"""How places relate: which one holds which, and which ones share nothing.

A place is a region with a side. "The finding is in P" follows from "the finding is in R" where P holds R, and
cannot be true where P shares nothing with the places that are on record. All that lies between (a lobe and
a zone that overlap, a region without a side) is unknown, and unknown is never used as false.
"""

from __future__ import annotations

from nastdata.ontology import Ontology

Spot = tuple[str | None, str | None]
"""(side, region): side "left", "right" or None for unsided; region None for a bare side."""


class Atlas:
    """Relations between the places of an ontology."""

    def __init__(self, ontology: Ontology) -> None:
        self._places = ontology.place_by_name
        self._above = {r.name: frozenset(_climb(r.name, ontology)) for r in ontology.regions}
        sides: dict[str, set[str]] = {}
        for place in ontology.places:
            if place.region is not None and place.side is not None:
                sides.setdefault(place.region, set()).update(
                    ("left", "right") if place.side == "both" else (place.side,)
                )
        self._touching = {
            frozenset((r.name, other)) for r in ontology.regions for other in (*r.overlaps, *r.within)
        }
        self._superimposed = {
            frozenset((r.name, other)) for r in ontology.regions for other in r.superimposed
        }
        self._parts: dict[tuple[str, str | None], frozenset[str]] = {}
        for side in ("left", "right", None):
            for region in self._above:
                self._parts[region, side] = frozenset(
                    part
                    for part, above in self._above.items()
                    if part == region
                    or (region in above and (side is None or side in sides.get(part, {side})))
                )

    def halves(self, place: str) -> tuple[Spot, ...]:
        """Return the spots that a place asks for: two for a bilateral one, both of which must be hit."""
        p = self._places[place]
        return (("left", p.region), ("right", p.region)) if p.side == "both" else ((p.side, p.region),)

    def is_bilateral(self, place: str) -> bool:
        """Whether a place names both sides at once."""
        return self._places[place].side == "both"

    def holds(self, outer: Spot, inner: Spot) -> bool:
        """Whether all of ``inner`` lies in ``outer``."""
        if outer[0] is not None and outer[0] != inner[0]:
            return False
        if outer[1] is None or outer[1] == inner[1]:
            return True
        return inner[1] is not None and outer[1] in self._above[inner[1]]

    def apart(self, a: Spot, b: Spot) -> bool:
        """Whether two spots share nothing: opposite sides, or regions that do not touch."""
        if a[0] is not None and b[0] is not None and a[0] != b[0]:
            return True
        if a[1] is None or b[1] is None:
            return False
        side = a[0] or b[0]
        mine, theirs = self._parts[a[1], side], self._parts[b[1], side]
        if mine & theirs:
            return False
        return not any(frozenset((x, y)) in self._touching for x in mine for y in theirs)

    def superimposed(self, a: Spot, b: Spot) -> bool:
        """Whether two spots are regions of one side that lie over one another on a frontal image."""
        if a[0] is not None and b[0] is not None and a[0] != b[0]:
            return False
        return a[1] is not None and b[1] is not None and frozenset((a[1], b[1])) in self._superimposed

    def has_side(self, place: str) -> bool:
        """Whether a place names a side, or both."""
        return self._places[place].side is not None

    def is_superimposed(self, place: str) -> bool:
        """Whether another region may lie over a place on a frontal image."""
        region = self._places[place].region
        return any(region in pair for pair in self._superimposed)

    def is_exclusive(self, a: str, b: str) -> bool:
        """Whether a finding that is in one place only cannot be in the other, and vice versa."""
        one, other = self.halves(a), self.halves(b)
        return _misses(self, one, other) and _misses(self, other, one)


def _misses(atlas: Atlas, record: tuple[Spot, ...], wanted: tuple[Spot, ...]) -> bool:
    return any(all(atlas.apart(r, w) for r in record) for w in wanted)


def _climb(region: str, ontology: Ontology) -> set[str]:
    out: set[str] = set()
    queue = list(ontology.region_by_name[region].within)
    while queue:
        name = queue.pop()
        if name not in out:
            out.add(name)
            queue += ontology.region_by_name[name].within
    return out


__all__ = ["Atlas", "Spot"]
