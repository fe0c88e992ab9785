"""Where in the chest a box is: its side and zone, from the size of a frontal image.

The patient's right is on the image's left. The lungs do not fill the image: among 433 frontal images with
lung masks (in the package ``torchxrayvision``, ``semantic_masks_v7labs_lungs.zip``) the median lung reaches
from 11 % to 83 % of the height, the gap between the lungs is at 45 % to 55 % of the width, and one lung
covers 18 % of the image. The three zones are equal parts of that height. This is an estimate for a centred
image, not a measurement: a box that does not lie clearly in one zone or on one side has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nastdata.sources.places import PlaceIndex

LUNG_TOP, LUNG_BOTTOM = 0.11, 0.83
MIDLINE = 0.50
LUNG_AREA = 0.18
"""Share of the image that one lung covers (median of left and right)."""
CLEAR = 0.8
"""Least share of a box or mask on one side for that side to be its own."""
MOSTLY = 0.6
"""Least share of a box's or mask's height in one zone for that zone to be its own."""
ZONES = ("upper lung zone", "mid lung zone", "lower lung zone")
NAMES = {
    "upper lung zone": ("upper lung zone", "lung apex"),
    "mid lung zone": ("mid lung zone",),
    "lower lung zone": ("lower lung zone", "lung base"),
}
"""Zone -> regions that it may be called, the first that the condition can have; a finding of the pleura
in the upper zone is apical, in the lower zone basal."""

Spot = tuple[str | None, str | None]
"""(zone, side), each None where unknown."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in shares of the image's width and height, within 0 and 1."""

    x0: float
    y0: float
    x1: float
    y1: float


def scale_box(x0: float, y0: float, x1: float, y1: float, width: float, height: float) -> Box | None:
    """Return a box of pixels as shares of the image, or None if it has no area inside the image.

    Args:
        x0: Left edge in pixels.
        y0: Upper edge.
        x1: Right edge.
        y1: Lower edge.
        width: Of the image in pixels.
        height: Of the image.
    """
    if not (width > 0 and height > 0):
        return None
    box = Box(*(min(max(v, 0.0), 1.0) for v in (x0 / width, y0 / height, x1 / width, y1 / height)))
    return box if box.x1 > box.x0 and box.y1 > box.y0 else None


def find_spot(box: Box) -> Spot:
    """Return the zone and the side of a box.

    Example:
        >>> find_spot(Box(0.1, 0.65, 0.35, 0.8))
        ('lower lung zone', 'right')
    """
    on_right = (min(box.x1, MIDLINE) - min(box.x0, MIDLINE)) / (box.x1 - box.x0)
    side = "right" if on_right >= CLEAR else "left" if on_right <= 1 - CLEAR else None
    return find_zone([_overlap(box.y0, box.y1, a, b) for a, b in list_zone_edges()]), side


def find_zone(amounts: Sequence[float]) -> str | None:
    """Return the zone in which most lies, given how much lies in each of the three."""
    total = sum(amounts)
    best = max(range(3), key=lambda i: amounts[i])
    return ZONES[best] if total > 0 and amounts[best] / total >= MOSTLY else None


def list_zone_edges() -> list[tuple[float, float]]:
    """Return each zone's upper and lower edge; the outer ones reach to the image's edges."""
    step = (LUNG_BOTTOM - LUNG_TOP) / 3
    return [(0.0, LUNG_TOP + step), (LUNG_TOP + step, LUNG_TOP + 2 * step), (LUNG_TOP + 2 * step, 1.0)]


def name_place(places: PlaceIndex, condition: str, spot: Spot) -> str | None:
    """Return the place of a condition for a spot; its side alone if it can't be in such a zone."""
    zone, side = spot
    bare = places.find(condition, None, side)
    for region in NAMES[zone] if zone else ():
        place = places.find(condition, region, side)
        if place is not None and place != bare:
            return place
    return bare


def name_places(places: PlaceIndex, condition: str, spots: Iterable[Spot]) -> list[str | None]:
    """Return the distinct places of several boxes; ``[None]`` if none of them is known.

    A bare side is left away beside a place on that side: it says less.
    """
    spots = list(dict.fromkeys(spots))
    named = {s: name_place(places, condition, s) for s in spots}
    exact = {s[1] for s in spots if named[s] is not None and named[s] != places.find(condition, None, s[1])}
    found = [
        place
        for s, place in named.items()
        if place is not None and not (place == places.find(condition, None, s[1]) and s[1] in exact)
    ]
    return list(dict.fromkeys(found)) or [None]


def agree_on_spots(by_reader: Iterable[Iterable[Spot]], needed: int) -> list[Spot]:
    """Return the spots that enough readers marked: zone and side, or the side alone where zones differ.

    Args:
        by_reader: For each reader, the spots of that reader's boxes of one finding.
        needed: How many readers must agree.
    """
    marks = [set(spots) for spots in by_reader]
    whole = Counter(s for m in marks for s in m if s[0] and s[1])
    sides = Counter(side for m in marks for side in {s[1] for s in m if s[1]})
    agreed: list[Spot] = sorted(s for s, n in whole.items() if n >= needed)
    covered = {side for _, side in agreed}
    return agreed + [(None, side) for side, n in sorted(sides.items()) if n >= needed and side not in covered]


def _overlap(a0: float, a1: float, b0: float, b1: float) -> float:
    return max(0.0, min(a1, b1) - max(a0, b0))
