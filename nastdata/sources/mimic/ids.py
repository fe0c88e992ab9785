"""How MIMIC-CXR's derived corpora name patients and studies, and where their images are listed."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from nastdata.sources.annotations.collector import StudyKeys
from nastdata.sources.base import InputFile
from nastdata.sources.locate import list_places
from nastdata.sources.mimic.labels import Files, find_tables, load_images

FAMILY = "mimic-cxr"
NUMBER = re.compile(r"\d+(\.0)?$")
NO_TABLES = (
    "no MIMIC-CXR-JPG tables found: images are as this corpus names them, and the own split is not known"
)


def tidy_number(value: object, letter: str) -> str | None:
    """Return an id as ``p10000032`` or ``s50414267``, however it is written; None if it is none."""
    text = "" if value is None else str(value).strip().lower().removeprefix(letter)
    return letter + text.removesuffix(".0") if NUMBER.match(text) else None


def find_mimic(place: Path | None) -> Files | None:
    """Find MIMIC-CXR-JPG's tables near a corpus, in the same download, or where ``mimic-cxr`` is."""
    folders: list[Path] = []
    if place is not None:
        folder = place.parent if place.is_file() else place
        folders.append(folder)
        folders += [p for p in folder.absolute().parents if p.name == "physionet.org"][:1]
    for where in (*folders, *list_places("mimic-cxr", None)):
        if where.is_dir():
            tables = find_tables(where, need_labels=False)
            if tables and (tables.split or tables.metadata):
                return tables
    return None


class ImageList:
    """The preferred image and own split of each study, if MIMIC-CXR-JPG's tables are there."""

    def __init__(self, place: Path | None) -> None:
        tables = find_mimic(place)
        self.files: tuple[InputFile, ...] = ()
        self._known: dict[str, tuple[str, str | None, str | None, str | None]] = {}
        self._patients: dict[str, str] = {}
        self.there = tables is not None
        if tables is None:
            return
        frame, self.files = load_images(tables)
        for patient, study, image_id, image, own, view in frame.select(
            "patient_id", "study_id", "image_id", "image", "own_split", "view"
        ).iter_rows():
            self._known[study] = (image_id, image, own, view)
            self._patients[study] = patient

    def find_patient(self, study: str) -> str | None:
        """Return the patient of a study."""
        return self._patients.get(study)

    def name(self, patient: str, study: str, dicom: str | None = None) -> StudyKeys:
        """Return the keys of a study; ``dicom`` is the image that the corpus names, if it names one."""
        image_id, image, own, view = self._known.get(study, (dicom or study, None, None, None))
        if image is None and dicom:
            image = f"files/{patient[:3]}/{patient}/{study}/{dicom}.jpg"
        return StudyKeys(patient, study, image_id, image, own, view)

    def frame(self) -> pl.DataFrame:
        """Return study_id, patient_id, image_id, image, own_split, view of all known studies."""
        rows = [(s, self._patients[s], *known) for s, known in self._known.items()]
        names = ("study_id", "patient_id", "image_id", "image", "own_split", "view")
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")
