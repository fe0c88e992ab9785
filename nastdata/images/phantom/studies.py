"""The phantom source's images, study by study: drawn from the seed when they are asked for."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from nastdata.images.phantom.drawing import Pixels, render
from nastdata.records import Fact
from nastdata.seeded import draw_int


def write_phantom_images(facts: pl.DataFrame, root: Path, seed: int = 0, size: int = 128) -> int:
    """Draw every study of a fact frame as PNG under ``root``; images that are there already are kept.

    Args:
        facts: ``frames.FACTS_SCHEMA``; rows whose ``image`` is null are passed over.
        root: The image root: a row's ``image`` ("phantom/PATIENT/STUDY.png") is below it.
        seed: Seed of the phantom source.
        size: Height and width in pixels.

    Returns:
        How many images were drawn.
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


class DrawingOrder(NamedTuple):
    """All that one study's image depends on; small, so that a worker process can draw it."""

    facts: tuple[Fact, ...]
    patient: str
    study: str
    seed: int
    size: int

    def draw(self) -> Pixels:
        """Return the pixels, (size, size) uint8."""
        noise = draw_int(self.seed, "film", self.patient, self.study)
        return render(self.facts, noise, self.size, draw_int(self.seed, "patient", self.patient))


class PhantomImages:
    """Draws images when they are asked for (an ``ImageLoader``): nothing need lie on the disk."""

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
        """Return the PNG of a study's image, or None if the frame has no such study."""
        order = self.order(image) if source == "phantom" else None
        return None if order is None else encode_png(order.draw())

    def order(self, image: str) -> DrawingOrder | None:
        """Return what it takes to draw a study's image elsewhere, or None if the frame has no such study."""
        found = self._studies.get(image)
        return None if found is None else DrawingOrder(tuple(found[2]), *found[:2], self.seed, self.size)


_drawn: dict[tuple[str, int, int, int], PhantomImages] = {}
KEPT = 2
"""Builds whose patients are kept in memory, as long as they are no more than ``KEPT_PATIENTS`` each."""
KEPT_PATIENTS = 20_000


def find_phantom_images(ontology: str, seed: int, patients: int, size: int = 128) -> PhantomImages:
    """Return the images of the phantom source as a build with these settings has them.

    Datasets of one build, opened one after another, share the patients of the last one.
    """
    from nastdata.ontology import load_ontology
    from nastdata.sources.phantom.source import draw_phantoms

    file = Path(ontology)
    named = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ontology
    key = (named, seed, patients, size)
    if key in _drawn:
        return _drawn[key]
    drawn = draw_phantoms(load_ontology(ontology), seed, patients)
    images = PhantomImages(drawn.facts.filter(drawn.drawn), seed, size, drawn.labels)
    if patients <= KEPT_PATIENTS:
        while len(_drawn) >= KEPT:
            del _drawn[next(iter(_drawn))]
        _drawn[key] = images
    return images


def draw_study(facts: Sequence[Fact], patient: str, study: str, seed: int, size: int = 128) -> bytes:
    """Return the PNG of one study; anatomy follows from (seed, patient), the rest from (seed, study)."""
    return encode_png(DrawingOrder(tuple(facts), patient, study, seed, size).draw())


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


def tile(images: Iterable[Pixels], columns: int) -> Pixels:
    """Return images of one size side by side, row by row."""
    cells = list(images)
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows, axis=0)
