"""RSNA pneumonia challenge: boxes around opacities that radiologists found suspicious for pneumonia."""

from __future__ import annotations

from pathlib import Path

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, Fact
from nastdata.sources.annotations.collector import UNKNOWN_LABEL, Collector, StudyKeys
from nastdata.sources.annotations.geometry import Spot, find_spot, name_places, scale_box
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.places import PlaceIndex
from nastdata.sources.tables import ROW, read_number, read_table, reject_cell
from nastdata.sources.terms import RSNA

IMAGE, TARGET = "patientId", "Target"
BOX = ("x", "y", "width", "height")
SIZE = 1024
NORMAL = "normal"
NEEDS = (
    "stage_2_train_labels.csv (plain, .gz or .zip), or its folder",
    "or the Python package torchxrayvision, which has it",
    "beside it, for the absence of any opacity: stage_2_detailed_class_info.csv",
)
WANTED = {
    "labels": Wanted(
        r".*train_labels\.csv(\.gz|\.zip)?",
        columns=(IMAGE, TARGET, *BOX),
        packed="kaggle_stage_2_train_labels.csv.zip",
        header=True,
    ),
    "classes": Wanted(r".*detailed_class_info\.csv(\.gz|\.zip)?", columns=(IMAGE, "class")),
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (tables found: boxes, classes; places looked at)."""
    found, looked = find_wanted("rsna-pneumonia", data, WANTED, "labels")
    return [p for paths in found.values() for p in paths[:1]], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load pneumonia and lung opacity with side and zone, and the absence of pneumonia.

    Raises:
        UserError: if the table is missing, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors."""
    return _collect(data, ontology, options).as_labels()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    found, looked = find_wanted("rsna-pneumonia", data, WANTED, "labels")
    if not found:
        raise tell_missing("RSNA pneumonia", data, looked, NEEDS)
    table = read_table(found["labels"][0], [IMAGE, TARGET, *BOX])
    collector = Collector(SOURCE.name, ontology, (table.file,), view=FRONTAL)
    normal: set[str] = set()
    for path in found.get("classes", ())[:1]:
        classes = read_table(path, [IMAGE, "class"])
        normal = {
            i for i, c in classes.frame.select(IMAGE, "class").iter_rows() if (c or "").lower() == NORMAL
        }
        collector.files += (classes.file,)
    labels = LabelMap("rsna_classes", ontology, options.strength)
    places = PlaceIndex(ontology)
    spots: dict[str, list[Spot]] = {}
    units: dict[str, int] = {}
    targets: dict[str, str] = {}
    for row, image, target, *cells in table.frame.select(ROW, IMAGE, TARGET, *BOX).iter_rows():
        if not image:
            reject_cell(table, row, IMAGE, image, "an image id")
        if target not in ("0", "1"):
            reject_cell(table, row, TARGET, target, "0 or 1")
        if targets.setdefault(image, target) != target:
            raise UserError(
                "an image with and without pneumonia", where=f"{table.path}, row {row}, image {image}"
            )
        if target == "1":
            x, y, w, h = (read_number(table, row, c, v) for c, v in zip(BOX, cells, strict=True))
            box = scale_box(x, y, x + w, y + h, SIZE, SIZE)
            if box is None:
                collector.rejects.append(
                    ("a box outside of the image", f"{image}, row {row}", f"{x}, {y}, {w}, {h}")
                )
                continue
            spots.setdefault(image, []).append(find_spot(box))
        units[image] = units.get(image, 0) + 1
    stated, deniable = labels.find_stated(TARGET), labels.find_deniable([TARGET])
    for image, target in sorted(targets.items()):
        if image not in units:
            continue
        present = [
            Fact(condition, "present", place)
            for condition in (stated if target == "1" else ())
            for place in name_places(places, condition, spots.get(image, ()))
        ]
        absent = list(deniable) if target == "0" else []
        if image in normal and target == "0":
            absent = list(dict.fromkeys([*absent, *stated]))
        collector.add(
            StudyKeys(image, image, image, f"stage_2_train_images/{image}.dcm"),
            present,
            [Fact(c, "absent") for c in absent],
            units=units[image],
            why_empty=UNKNOWN_LABEL,
        )
    collector.report |= {"images": len(targets), "images_with_boxes": len(spots)}
    if not found.get("classes"):
        collector.notes.append(
            "no stage_2_detailed_class_info.csv beside the labels: images without pneumonia may hold other "
            "opacities, so that no lung opacity is denied"
        )
    return collector


SOURCE = Source(
    name="rsna-pneumonia",
    title="RSNA Pneumonia Detection Challenge",
    terms=RSNA,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    one_report_one_patient=True,
)
