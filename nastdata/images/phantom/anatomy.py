"""The normal chest of one phantom patient: its proportions, and the image before any finding is painted.

Coordinates run from 0 to 1, x from the image's left (the patient's right) and y from the top. Densities run
from 0 (air, black) to 1 (metal, white).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nastdata.seeded import draw_unit

Field = npt.NDArray[np.floating[Any]]
"""A value for every pixel, (size, size)."""
SIDES = {"right": -1, "left": 1}
"""The patient's side -> direction of x: the patient's right is on the image's left."""
INNER = 0.035


@dataclass(frozen=True)
class Anatomy:
    """Proportions of one patient, as shares of the image's width or height."""

    middle: float
    chest: float
    """Half width of the lungs at their widest."""
    top: float
    """Height of the lung apices."""
    floor: dict[str, float]
    """Height of each half of the diaphragm."""
    heart: float
    """Half width of the heart."""
    mediastinum: float
    """Half width of the upper mediastinum."""
    ribs: float
    """Ribs per image height."""
    slope: float
    """How steeply ribs fall to the side."""
    lung: float
    """Density of aerated lung."""
    flesh: float
    """Density of the body around it."""


def draw_anatomy(seed: int) -> Anatomy:
    """Return a patient's proportions; a pure function of ``seed``."""

    def between(low: float, high: float, what: str) -> float:
        return low + (high - low) * draw_unit(seed, "anatomy", what)

    right = between(0.755, 0.815, "floor")
    return Anatomy(
        middle=between(0.485, 0.515, "middle"),
        chest=between(0.345, 0.395, "chest"),
        top=between(0.095, 0.135, "top"),
        floor={"right": right, "left": right + between(0.015, 0.035, "floors")},
        heart=between(0.118, 0.138, "heart"),
        mediastinum=between(0.05, 0.06, "mediastinum"),
        ribs=between(10.0, 12.0, "ribs"),
        slope=between(0.55, 0.95, "slope"),
        lung=between(0.19, 0.26, "lung"),
        flesh=between(0.54, 0.62, "flesh"),
    )


@dataclass(frozen=True)
class Lung:
    """One lung as fields: where it is, and a pixel's place within it."""

    side: str
    mask: Field
    """1 inside, 0 outside, soft at the edge."""
    across: Field
    """0 at the mediastinum, 1 at the ribs."""
    down: Field
    """0 at the apex, 1 at the diaphragm."""
    hilum: tuple[float, float]


@dataclass
class Radiograph:
    """A image under the brush: densities, and the anatomy that findings are placed by."""

    anatomy: Anatomy
    x: Field
    y: Field
    density: Field
    lungs: dict[str, Lung]
    rib_phase: Field
    heart: Field


@lru_cache(maxsize=8)
def make_grid(size: int) -> tuple[Field, Field]:
    """Return x and y of every pixel's centre."""
    line = ((np.arange(size) + 0.5) / size).astype(np.float32)
    y, x = np.meshgrid(line, line, indexing="ij")
    return x, y


def step(distance: Field, width: float = 0.016) -> Field:
    """Return 0 well below zero, 1 well above, rising over ``width`` (the edge's softness)."""
    rise: Field = np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1)
    return rise


def draw_normal(anatomy: Anatomy, size: int, heart: float = 1.0, mediastinum: float = 1.0) -> Radiograph:
    """Draw a chest without findings but the two that are proportions: widths of heart and mediastinum."""
    a = anatomy
    x, y = make_grid(size)
    lungs = {side: make_lung(a, side, x, y) for side in SIDES}
    off = x - np.float32(a.middle)
    trunk = step(np.float32(a.chest + 0.085) - np.abs(off) + np.minimum(y - 0.16, 0) * 1.4, 0.03)
    neck = step(np.float32(0.11) - np.abs(off), 0.03)
    density = 0.03 + a.flesh * np.maximum(trunk, neck)
    air = lungs["right"].mask + lungs["left"].mask
    vessels = np.maximum(0, 1.25 - 5 * np.hypot(np.abs(off) - 0.13, 0.8 * (y - 0.47))) * 0.11
    density += air * (a.lung - density + vessels)
    ring = (y - a.slope * (np.abs(off) - 0.22) ** 2 * 2.2) * a.ribs
    phase = (ring - np.floor(ring)).astype(np.float32)
    density += 0.115 * step(0.15 - np.abs(phase - 0.5), 0.12) * (0.25 + 0.75 * air) * trunk
    silhouette = step(1 - _heart_radius(a, x, y, heart), 0.12)
    shadow = np.float32(a.mediastinum * mediastinum) * (1 + 0.35 * np.maximum(0, 1 - ((y - 0.33) / 0.1) ** 2))
    centre = step(shadow - np.abs(off - 0.008), 0.025) * step(y - 0.06, 0.05)
    soft = np.maximum(silhouette * step(0.86 - y, 0.05), centre)
    density += soft * (a.flesh + 0.12 - density)
    spine = step(0.032 - np.abs(off), 0.02)
    disc = np.abs((y * 13) % 1 - 0.5)
    density += spine * (0.05 + 0.05 * step(0.36 - disc, 0.1))
    density += 0.16 * _clavicles(a, off, y) + 0.2 * _humeri(a, off, y)
    return Radiograph(a, x, y, density.astype(np.float32), lungs, phase, silhouette)


def make_lung(anatomy: Anatomy, side: str, x: Field, y: Field) -> Lung:
    """Return one lung's fields, at any coordinates (a collapsed lung is the lung at stretched ones)."""
    a = anatomy
    floor = a.floor[side]
    u = SIDES[side] * (x - np.float32(a.middle))
    t = np.clip((y - np.float32(a.top)) / np.float32(0.42), 0, 1)
    outer = INNER + np.float32(a.chest - INNER) * np.sqrt(np.maximum(1 - (1 - t) ** 2, 0)) ** np.float32(1.25)
    reach = np.maximum(outer - INNER, np.float32(0.02))
    across = (u - INNER) / reach
    bottom = np.float32(floor) + np.float32(0.13) * (across - 0.45) ** 2 * np.where(across > 0.45, 1.9, 0.5)
    down = (y - np.float32(a.top)) / (bottom - np.float32(a.top))
    mask = step(outer - u) * step(u - INNER) * step(bottom - y) * step(y - np.float32(a.top))
    hilum = (a.middle + SIDES[side] * 0.085, 0.46)
    return Lung(
        side, mask.astype(np.float32), across.astype(np.float32), np.asarray(down, dtype=np.float32), hilum
    )


def _heart_radius(a: Anatomy, x: Field, y: Field, factor: float) -> Field:
    """Elliptic distance from the heart's centre: 1 on its border. It grows to the patient's left."""
    half = a.heart * factor
    dx = (x - np.float32(a.middle + 0.3 * half + 0.012)) / np.float32(half)
    dy = (y - np.float32(0.665)) / np.float32(0.15 + 0.05 * (factor - 1))
    tilted: Field = np.hypot(dx + 0.25 * dy * -1, dy).astype(np.float32)
    return tilted


Reach = TypeVar("Reach", float, Field)


def clavicle_height(a: Anatomy, reach: Reach) -> Reach:
    """Return the height of the clavicle at a distance from the midline."""
    return a.top + 0.083 - 0.16 * reach


def _clavicles(a: Anatomy, off: Field, y: Field) -> Field:
    reach = np.abs(off)
    bar = step(0.011 - np.abs(y - clavicle_height(a, reach)), 0.01)
    out: Field = bar * step(reach - 0.045, 0.02) * step(a.chest + 0.02 - reach, 0.02)
    return out


def _humeri(a: Anatomy, off: Field, y: Field) -> Field:
    reach = np.abs(off) - np.float32(a.chest + 0.075) - 0.12 * (y - 0.2)
    out: Field = step(0.024 - np.abs(reach), 0.015) * step(y - 0.14, 0.03) * step(0.5 - y, 0.06)
    return out
