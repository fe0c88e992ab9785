"""MAPLEZ's annotations of NIH ChestX-ray14: presence, place, grade, certainty, by a language model."""

from __future__ import annotations

from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.sources.annotations.collector import Collector, StudyKeys
from nastdata.sources.annotations.maplez_rows import collect_annotations, want
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import find_wanted, tell_missing
from nastdata.sources.nih.images import FAMILY, SPLITS, name_image, read_own_split
from nastdata.sources.terms import MAPLEZ_NIH

WANTED = {**want(r"nih_llm_annotations_(train|val|test).*\.csv(\.gz)?"), **SPLITS}
NEEDS = ("nih_llm_annotations_train.csv, _val.csv and _test.csv of MAPLEZ (plain or .gz), or their folder",)


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (tables found, places looked at)."""
    found, looked = find_wanted("maplez-nih", data, WANTED, "annotations")
    return found.get("annotations", []), looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load definite facts with place and grade.

    Raises:
        UserError: if no table is found, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors; -1 where the report is unsure."""
    return _collect(data, ontology, options).as_labels()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    found, looked = find_wanted("maplez-nih", data, WANTED, "annotations")
    if not found:
        raise tell_missing("MAPLEZ (NIH ChestX-ray14)", data, looked, NEEDS)
    splits = read_own_split(found)

    def name_study(text: str) -> StudyKeys | None:
        return name_image(text.lstrip("_"), splits.get(text))

    return collect_annotations(SOURCE.name, ontology, options.strength, found["annotations"], name_study)


SOURCE = Source(
    name="maplez-nih",
    title="MAPLEZ annotations of NIH ChestX-ray14",
    terms=MAPLEZ_NIH,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
