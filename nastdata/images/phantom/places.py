"""Where a named place lies on the image: a mask for each place of the chest ontology.

Lobes have sharp borders (fissures), zones soft ones. A place that the image doesn't know is drawn as the
whole lung, so that other ontologies still get pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nastdata.images.phantom.anatomy import Field, Lung, Radiograph, step
from nastdata.seeded import choose


@dataclass(frozen=True)
class Site:
    """A place resolved: the region's name, and the sides that it is on."""

    region: str | None
    """None for a whole side."""
    sides: tuple[str, ...]


REGIONS = (
    *("upper lobe", "middle lobe", "lower lobe", "lingula", "lung apex", "lung base", "upper lung zone"),
    *("mid lung zone", "lower lung zone", "perihilar region", "retrocardiac region", "hilum"),
    *("costophrenic angle", "ribs", "clavicle", "humerus", "thoracic spine", "sternum", "lung"),
)
PLURALS = {
    **{"upper lobes": "upper lobe", "lower lobes": "lower lobe", "lung apices": "lung apex"},
    **{"lung bases": "lung base", "upper lung zones": "upper lung zone", "mid lung zones": "mid lung zone"},
    **{"lower lung zones": "lower lung zone", "perihilar regions": "perihilar region", "hila": "hilum"},
    **{"costophrenic angles": "costophrenic angle", "clavicles": "clavicle", "humeri": "humerus"},
    **{"lungs": "lung"},
}


def resolve_place(place: str, seed: int) -> Site:
    """Split a place's name into region and sides; a place without a side gets one by the draw.

    "both lung bases" is ``Site("lung base", ("right", "left"))``, "left" is ``Site(None, ("left",))``.
    """
    head, _, rest = place.partition(" ")
    sides = {
        "right": ("right",),
        "left": ("left",),
        "both": ("right", "left"),
        "bilateral": ("right", "left"),
    }
    if head in sides:
        region = PLURALS.get(rest, rest) or None
        return Site(None if region == "lung" else region, sides[head])
    if place == "lingula":
        return Site("lingula", ("left",))
    if place in ("retrocardiac region", "thoracic spine", "sternum", "mediastinum"):
        return Site(place, ("left",))
    return Site(PLURALS.get(place, place), (choose(("right", "left"), seed, "side", place),))


def make_mask(image: Radiograph, lung: Lung, region: str | None) -> Field:
    """Return where a region lies in a lung, 0 to 1, (size, size)."""
    across, down = lung.across, lung.down
    if region == "retrocardiac region":
        spot = step(1.1 - 8 * np.hypot(image.x - image.anatomy.middle - 0.06, 0.8 * (image.y - 0.68)), 0.25)
        return spot
    if region in ("perihilar region", "hilum"):
        hx, hy = lung.hilum
        wide = 0.13 if region == "perihilar region" else 0.075
        near = np.hypot(image.x - np.float32(hx), 0.85 * (image.y - np.float32(hy)))
        return lung.mask * step(wide - near, 0.5 * wide)
    bands: dict[str, Callable[[], Field]] = {
        "upper lobe": lambda: step(0.44 - down, 0.03),
        "middle lobe": lambda: step(down - 0.46, 0.03) * step(0.93 - 0.5 * across - down, 0.03),
        "lingula": lambda: step(down - 0.48, 0.03) * step(0.98 - 0.55 * across - down, 0.03),
        "lower lobe": lambda: step(down - 0.97 + 0.5 * across, 0.03),
        "lung apex": lambda: step(0.2 - down, 0.06),
        "lung base": lambda: step(down - 0.8, 0.06),
        "upper lung zone": lambda: step(0.33 - down, 0.16),
        "mid lung zone": lambda: step(0.17 - np.abs(down - 0.5), 0.12),
        "lower lung zone": lambda: step(down - 0.67, 0.16),
        "costophrenic angle": lambda: step(0.55 * across + down - 1.32, 0.08),
    }
    band = bands.get(region or "")
    if band is None:
        return lung.mask
    out: Field = (lung.mask * band()).astype(np.float32)
    return out


def pick_point(image: Radiograph, mask: Field, unit: float) -> tuple[float, float]:
    """Return a point well inside a mask, chosen by a number in [0, 1)."""
    inside = np.flatnonzero(mask > 0.75)
    if not len(inside):
        inside = np.array([int(np.argmax(mask))])
    at = int(inside[int(unit * len(inside))])
    return float(image.x.flat[at]), float(image.y.flat[at])
