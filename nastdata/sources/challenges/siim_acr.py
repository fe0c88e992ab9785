"""SIIM-ACR pneumothorax: masks by radiologists, which give side, zone and a size; no mask is absence."""

from __future__ import annotations

from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, Fact
from nastdata.sources.annotations.collector import UNKNOWN_LABEL, Collector, StudyKeys
from nastdata.sources.annotations.geometry import CLEAR, LUNG_AREA, name_place
from nastdata.sources.annotations.run_lengths import MaskArea, measure_runs
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.places import PlaceIndex, find_grade
from nastdata.sources.tables import ROW, read_table, reject_cell
from nastdata.sources.terms import SIIM_ACR

CONDITION = "Pneumothorax"
IMAGE, PIXELS = "ImageId", "EncodedPixels"
SIZE = 1024
NONE = "-1"
GRADES = ((0.15, "small"), (0.60, "moderate"), (float("inf"), "large"))
"""Most of a lung's area that the mask covers -> grade. The bounds are those often taught for the share of
the hemithorax; here they are applied to areas in the image, and no radiologist reviewed this."""
NEEDS = (
    "train-rle.csv or stage_2_train.csv of the SIIM-ACR challenge (plain or .gz), or its folder",
    "or the Python package torchxrayvision, which has it",
)
WANTED = {
    "masks": Wanted(
        r"(.*train-rle.*|stage_2_train|train)\.csv(\.gz|\.zip)?",
        columns=(IMAGE, PIXELS),
        packed="siim-pneumothorax-train-rle.csv.gz",
        header=True,
    )
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (table of masks found, places looked at)."""
    found, looked = find_wanted("siim-acr", data, WANTED, "masks")
    return found.get("masks", [])[:1], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load pneumothoraces with side and size, and their absence.

    Raises:
        UserError: if the table is missing, or a column is, or an image has both masks and none.
    """
    return _collect(data, ontology).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors, with one condition only."""
    return _collect(data, ontology).as_labels()


def _collect(data: Path | None, ontology: Ontology) -> Collector:
    files, looked = find(data)
    if not files:
        raise tell_missing("SIIM-ACR pneumothorax", data, looked, NEEDS)
    table = read_table(files[0], [IMAGE, PIXELS], rename=lambda cells: [c.strip() for c in cells])
    collector = Collector(SOURCE.name, ontology, (table.file,), view=FRONTAL)
    masks: dict[str, MaskArea | None] = {}
    units: dict[str, int] = {}
    for row, image, pixels in table.frame.select(ROW, IMAGE, PIXELS).iter_rows():
        if not image:
            reject_cell(table, row, IMAGE, image, "an image id")
        if pixels is None:
            reject_cell(table, row, PIXELS, pixels, "run lengths, or -1")
        if pixels == NONE:
            area = None
        else:
            try:
                area = measure_runs(pixels, SIZE, SIZE)
            except ValueError as e:
                collector.rejects.append((str(e), f"{image}, row {row}", pixels[:80]))
                continue
        if image in masks and (area is None or masks[image] is None):
            reject_cell(table, row, PIXELS, pixels[:20], "consistent: the image has a mask, and none as well")
        before = masks.get(image)
        masks[image] = area if area is None or before is None else before + area
        units[image] = units.get(image, 0) + 1
    known = CONDITION in ontology.condition_by_name
    places = PlaceIndex(ontology)
    for image, area in sorted(masks.items()):
        present = _describe(area, ontology, places) if area and known else []
        absent = [Fact(CONDITION, "absent")] if area is None and known else []
        keys = StudyKeys(image, image, image, f"{image}.dcm")
        collector.add(
            keys,
            present,
            absent,
            units=units[image],
            why_empty=UNKNOWN_LABEL,
        )
    collector.report |= {
        "images": len(masks),
        "masks": sum(units[i] for i, a in masks.items() if a is not None),
        "images_with_a_mask": sum(a is not None for a in masks.values()),
    }
    return collector


def _describe(area: MaskArea, ontology: Ontology, places: PlaceIndex) -> list[Fact]:
    """Return a fact for each side that holds a clear share of the mask, with zone and size."""
    amounts = {"right": sum(area.right), "left": sum(area.left)}
    total = sum(amounts.values())
    sides = [s for s, amount in amounts.items() if total and amount / total > 1 - CLEAR]
    facts = []
    for side in sides:
        share = amounts[side] / LUNG_AREA
        word = next(word for most, word in GRADES if share < most)
        place = name_place(places, CONDITION, (area.find_zone(side), side))
        facts.append(Fact(CONDITION, "present", place, find_grade(ontology, CONDITION, word)))
    return facts


SOURCE = Source(
    name="siim-acr",
    title="SIIM-ACR Pneumothorax Segmentation",
    terms=SIIM_ACR,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    one_report_one_patient=True,
)
