"""NIH boxes: 984 findings that radiologists drew a box around, which gives side and zone."""

from __future__ import annotations

from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, Fact
from nastdata.sources.annotations.collector import UNKNOWN_LABEL, Collector, StudyKeys
from nastdata.sources.annotations.geometry import Spot, find_spot, name_places, scale_box
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.nih.images import FAMILY, name_image
from nastdata.sources.places import PlaceIndex
from nastdata.sources.tables import ROW, expand_brackets, read_number, read_table, reject_cell
from nastdata.sources.terms import NIH

IMAGE, LABEL = "Image Index", "Finding Label"
BOX = ("Bbox x", "Bbox y", "Bbox w", "Bbox h")
SIZE = 1024
"""Width and height of the released images, in which the boxes are given."""
NEEDS = (
    "BBox_List_2017.csv (plain or .gz), or its folder",
    "or the Python package torchxrayvision, which has it",
)
WANTED = {
    "boxes": Wanted(
        r"bbox_list_2017.*\.csv(\.gz)?", columns=(IMAGE, LABEL), packed="BBox_List_2017.csv.gz", header=True
    )
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (box table found, places looked at)."""
    found, looked = find_wanted("nih-boxes", data, WANTED, "boxes")
    return found.get("boxes", [])[:1], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load present findings with side and zone. Nothing is known to be absent.

    Raises:
        UserError: if the table is missing, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors: present or blank."""
    return _collect(data, ontology, options).as_labels()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    files, looked = find(data)
    if not files:
        raise tell_missing("NIH boxes", data, looked, NEEDS)
    table = read_table(files[0], [IMAGE, LABEL, *BOX], rename=expand_brackets)
    labels = LabelMap("nih_labels", ontology, options.strength)
    places = PlaceIndex(ontology)
    collector = Collector(SOURCE.name, ontology, (table.file,), view=FRONTAL)
    studies: dict[StudyKeys, dict[str, list[Spot]]] = {}
    units: dict[StudyKeys, int] = {}
    for row, image, label, *corners in table.frame.select(ROW, IMAGE, LABEL, *BOX).iter_rows():
        keys = name_image(image or "")
        if keys is None:
            reject_cell(table, row, IMAGE, image, "an image name like 00013118_008.png")
            continue
        if not labels.knows(label or ""):
            reject_cell(table, row, LABEL, label, "a label of ChestX-ray14")
        x, y, w, h = (read_number(table, row, c, v) for c, v in zip(BOX, corners, strict=True))
        box = scale_box(x, y, x + w, y + h, SIZE, SIZE)
        if box is None:
            collector.rejects.append(
                ("a box outside of the image", f"{image}, row {row}", f"{x}, {y}, {w}, {h}")
            )
            continue
        units[keys] = units.get(keys, 0) + 1
        marked = studies.setdefault(keys, {})
        for condition in labels.find_stated(label):
            marked.setdefault(condition, []).append(find_spot(box))
    for keys, marked in studies.items():
        present = [
            Fact(condition, "present", place)
            for condition, spots in marked.items()
            for place in name_places(places, condition, spots)
        ]
        collector.add(keys, present, units=units[keys], why_empty=UNKNOWN_LABEL)
    collector.report |= {"boxes": len(table.frame), "images": len(studies)}
    return collector


SOURCE = Source(
    name="nih-boxes",
    title="NIH ChestX-ray14, boxes by radiologists",
    terms=NIH,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
