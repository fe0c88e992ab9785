"""Chest-film-like pictures of the ``phantom`` source: every fact can be seen at its place and grade.

The patient's right is on the image's left. Proportions belong to the patient, noise to the study. They are
drawings for testing software and methods, marked SYNTHETIC, and teach nothing about real films.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from nastdata.errors import UserError
from nastdata.images.rendering.anatomy import Film, draw_anatomy, draw_normal
from nastdata.images.rendering.findings import PAINTERS, Brush, make_texture, paint_unknown
from nastdata.images.rendering.mark import stamp
from nastdata.images.rendering.places import Site, resolve_place
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
        raise ValueError(f"size is {size}; a film needs at least 16 pixels")
    present = sorted({f for f in facts if f.existence == "present" and f.denies is None}, key=_order)
    grades = {name: 0 for name in PROPORTIONS}
    for fact in present:
        if fact.condition in grades:
            grades[fact.condition] = max(grades[fact.condition], 1 + _rank(fact, seed))
    film = draw_normal(
        draw_anatomy(seed if patient_seed is None else patient_seed),
        size,
        HEART[grades["Cardiomegaly"]],
        MEDIASTINUM[grades["Enlarged Cardiomediastinum"]],
    )
    for fact in present:
        if fact.condition not in grades:
            brush = Brush(fact.condition, _find_site(fact, seed), _rank(fact, seed), seed)
            PAINTERS.get(fact.condition, paint_unknown)(film, brush)
    return _develop(film, seed)


def write_phantom_images(facts: pl.DataFrame, root: Path, seed: int = 0, size: int = 128) -> int:
    """Draw every study of a fact frame as PNG under ``root``; films that are there already are kept.

    Args:
        facts: ``frames.FACTS_SCHEMA``; rows whose ``image`` is null are passed over.
        root: The image root: a row's ``image`` ("phantom/PATIENT/STUDY.png") is below it.
        seed: Seed of the phantom source.
        size: Height and width in pixels.

    Returns:
        How many films were drawn.
    """
    drawn = 0
    for image, patient, study, shown in group_studies(facts):
        path = root / image
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_bytes(draw_study(shown, patient, study, seed, size))
            partial.replace(path)
            drawn += 1
    return drawn


class PhantomImages:
    """Draws films when they are asked for (an ``ImageLoader``): nothing need lie on the disk."""

    def __init__(
        self, facts: pl.DataFrame, seed: int = 0, size: int = 128, studies: pl.DataFrame | None = None
    ) -> None:
        """Take facts, and the studies (``image``, ``patient_id``, ``study_id``) that may show none."""
        self.seed, self.size = seed, size
        self._studies: dict[str, tuple[str, str, list[Fact]]] = {}
        if studies is not None:
            known = studies.select("image", "patient_id", "study_id")
            self._studies = {image: (p, s, []) for image, p, s in known.iter_rows()}
        self._studies.update((image, (p, s, shown)) for image, p, s, shown in group_studies(facts))

    def load(self, source: str, image: str) -> bytes | None:
        """Return the PNG of a study's film, or None if the frame has no such study."""
        found = self._studies.get(image) if source == "phantom" else None
        return None if found is None else draw_study(found[2], found[0], found[1], self.seed, self.size)


def find_phantom_images(ontology: str, seed: int, patients: int, size: int = 128) -> PhantomImages:
    """Return the films of the phantom source as a build with these settings has them."""
    from nastdata.ontology import load_ontology
    from nastdata.sources.phantom.source import draw_phantoms

    drawn = draw_phantoms(load_ontology(ontology), seed, patients)
    return PhantomImages(drawn.facts.filter(drawn.drawn), seed, size, drawn.labels)


def draw_study(facts: Sequence[Fact], patient: str, study: str, seed: int, size: int = 128) -> bytes:
    """Return the PNG of one study; anatomy follows from (seed, patient), the rest from (seed, study)."""
    pixels = render(facts, draw_int(seed, "film", patient, study), size, draw_int(seed, "patient", patient))
    return encode_png(pixels)


def group_studies(facts: pl.DataFrame) -> Iterator[tuple[str, str, str, list[Fact]]]:
    """Yield (image, patient, study, present facts) for each study of a fact frame, in its order."""
    columns = ["image", "patient_id", "study_id", "condition", "existence", "location", "severity"]
    keys = columns[:3]
    usable = facts.filter(pl.col("image").is_not_null())
    for key, rows in usable.select(columns).group_by(keys, maintain_order=True):
        shown = [Fact(c, e, loc, sev) for *_, c, e, loc, sev in rows.iter_rows() if e == "present"]
        yield str(key[0]), str(key[1]), str(key[2]), shown


def encode_png(pixels: Pixels) -> bytes:
    """Return a PNG whose text says what it is."""
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Description", "SYNTHETIC phantom drawn by nastdata; not a patient")
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", pnginfo=info, compress_level=3)
    return out.getvalue()


def load_image(path: Path) -> Pixels:
    """Read any greyscale or colour picture as (height, width) uint8.

    Raises:
        UserError: if it is missing or no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError) as e:
        what = "no such image" if isinstance(e, FileNotFoundError) else "not a readable image"
        raise UserError(what, where=str(path)) from e


def tile(films: Iterable[Pixels], columns: int) -> Pixels:
    """Return films of one size side by side, row by row."""
    cells = list(films)
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows, axis=0)


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


def _develop(film: Film, seed: int) -> Pixels:
    """Turn densities into grey values: exposure, uneven background, quantum noise, the mark."""
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "noise")))
    gain, gamma = rng.uniform(0.93, 1.05), rng.uniform(0.9, 1.08)
    uneven = make_texture(film, Brush("film", Site(None, ()), 0, seed), 5)
    light = np.clip(film.density, 0, 1) ** np.float32(gamma) * np.float32(gain) + 0.018 * uneven
    light += 0.016 * rng.standard_normal(light.shape, dtype=np.float32)
    pixels = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    stamp(pixels)
    return pixels
