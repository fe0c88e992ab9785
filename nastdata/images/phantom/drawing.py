"""Drawn chest radiographs of the ``phantom`` source: every fact can be seen at its place and grade.

The patient's right is on the image's left. Proportions belong to the patient, noise to the study. They are
drawings for testing software and methods, marked SYNTHETIC, and teach nothing about real radiographs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nastdata.images.phantom.anatomy import Radiograph, draw_anatomy, draw_normal
from nastdata.images.phantom.findings import PAINTERS, Brush, make_texture, paint_unknown
from nastdata.images.phantom.mark import stamp
from nastdata.images.phantom.places import Site, resolve_place
from nastdata.records import Fact
from nastdata.seeded import draw_int

Pixels = npt.NDArray[np.uint8]
RANKS = {"small": 0, "mild": 0, "moderate": 1, "large": 2, "severe": 2}
PROPORTIONS = ("Enlarged Cardiomediastinum", "Cardiomegaly")
"""Findings that are widths of the anatomy and not painted on it."""
HEART = (1.0, 1.2, 1.4, 1.62)
MEDIASTINUM = (1.0, 1.45, 1.9, 2.4)
"""Widths by grade, normal first."""


def render(facts: Sequence[Fact], seed: int, size: int = 128, patient_seed: int | None = None) -> Pixels:
    """Draw one study.

    Args:
        facts: What the study shows; absent facts leave no trace, a missing place or grade is drawn at random.
        seed: Of this study: noise, position, whatever the facts leave open.
        size: Height and width in pixels, at least 16.
        patient_seed: Of the anatomy, the same for all studies of a patient; ``seed`` if None.

    Returns:
        (size, size) uint8, 0 black (air) to 255 white (metal).

    Raises:
        ValueError: if ``size`` is less than 16.
    """
    if size < 16:
        raise ValueError(f"size is {size}; an image needs at least 16 pixels")
    present = sorted({f for f in facts if f.existence == "present" and f.denies is None}, key=_order)
    grades = {name: 0 for name in PROPORTIONS}
    for fact in present:
        if fact.condition in grades:
            grades[fact.condition] = max(grades[fact.condition], 1 + _rank(fact, seed))
    image = draw_normal(
        draw_anatomy(seed if patient_seed is None else patient_seed),
        size,
        HEART[grades["Cardiomegaly"]],
        MEDIASTINUM[grades["Enlarged Cardiomediastinum"]],
    )
    for fact in present:
        if fact.condition not in grades:
            brush = Brush(fact.condition, _find_site(fact, seed), _rank(fact, seed), seed)
            PAINTERS.get(fact.condition, paint_unknown)(image, brush)
    return _develop(image, seed)


def _order(fact: Fact) -> tuple[int, str, str, str]:
    names = list(PAINTERS)
    rank = names.index(fact.condition) if fact.condition in PAINTERS else len(names)
    return rank, fact.condition, fact.location or "", fact.severity or ""


def _rank(fact: Fact, seed: int) -> int:
    if fact.severity in RANKS:
        return RANKS[fact.severity]
    return draw_int(seed, "grade", fact.condition, fact.severity or "") % 3


def _find_site(fact: Fact, seed: int) -> Site:
    """Resolve the place; what the fact leaves open is drawn (devices and fluid have their usual ones)."""
    if fact.location is not None:
        return resolve_place(fact.location, seed)
    if fact.condition == "Support Devices":
        return Site("any side", ("left",))
    sides = ("right", "left", "bilateral")[draw_int(seed, "place", fact.condition) % 3]
    if fact.condition in ("Pleural Effusion", "Pneumothorax", "Pleural Other", "Fracture", "Edema"):
        return resolve_place("bilateral" if fact.condition == "Edema" else sides, seed)
    regions = ("upper lobe", "lower lobe", "mid lung zone")
    side = "right" if sides == "bilateral" else sides
    return resolve_place(f"{side} {regions[draw_int(seed, 'region', fact.condition) % 3]}", seed)


def _develop(image: Radiograph, seed: int) -> Pixels:
    """Turn densities into grey values: exposure, uneven background, quantum noise, the mark."""
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "noise")))
    gain, gamma = rng.uniform(0.93, 1.05), rng.uniform(0.9, 1.08)
    uneven = make_texture(image, Brush("film", Site(None, ()), 0, seed), 5)
    light = np.clip(image.density, 0, 1) ** np.float32(gamma) * np.float32(gain) + 0.018 * uneven
    light += 0.016 * rng.standard_normal(light.shape, dtype=np.float32)
    pixels = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    stamp(pixels)
    return pixels
