"""MAPLEZ's annotations of MIMIC-CXR: presence, place, grade and certainty, read by a language model."""

from __future__ import annotations

from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.sources.annotations.collector import Collector, StudyKeys
from nastdata.sources.annotations.maplez_rows import collect_annotations, want
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import find_wanted, tell_missing
from nastdata.sources.mimic.ids import FAMILY, NO_TABLES, ImageList, tidy_number
from nastdata.sources.terms import MAPLEZ

WANTED = want(r"mimic_llm_annotations.*\.csv(\.gz)?")
NEEDS = (
    "mimic_llm_annotations.csv of MAPLEZ (plain or .gz), or its folder",
    "for images: MIMIC-CXR-JPG's -split.csv.gz and -metadata.csv.gz, beside it or where mimic-cxr is found",
)


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (table found, places looked at)."""
    found, looked = find_wanted("maplez-mimic", data, WANTED, "annotations")
    return found.get("annotations", [])[:1], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load definite facts with place and grade.

    Raises:
        UserError: if the table is missing, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors; -1 where the report is unsure."""
    return _collect(data, ontology, options).as_labels()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    files, looked = find(data)
    if not files:
        raise tell_missing("MAPLEZ (MIMIC-CXR)", data, looked, NEEDS)
    images = ImageList(files[0])

    def name_study(text: str) -> StudyKeys | None:
        patient, _, study = text.partition("_")
        p, s = tidy_number(patient, "p"), tidy_number(study, "s")
        return images.name(p, s) if p and s else None

    collector = collect_annotations(SOURCE.name, ontology, options.strength, files, name_study, images.files)
    if not images.there:
        collector.notes.append(NO_TABLES)
    return collector


SOURCE = Source(
    name="maplez-mimic",
    title="MAPLEZ annotations of MIMIC-CXR",
    terms=MAPLEZ,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
