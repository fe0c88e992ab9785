"""VinDr-CXR: three radiologists an image. Present if two agree, absent if none says it, else doubtful."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, Fact
from nastdata.sources.annotations.agreement import count_votes, judge_votes
from nastdata.sources.annotations.collector import Collector, StudyKeys
from nastdata.sources.annotations.geometry import Spot, agree_on_spots, name_places
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.places import PlaceIndex
from nastdata.sources.tables import read_table
from nastdata.sources.terms import VINDR_CXR
from nastdata.sources.vindr.readers import (
    CLASS,
    CONSENSUS,
    CORNERS,
    IMAGE,
    READER,
    SIZES,
    ImageReadings,
    read_boxes,
    read_sizes,
    read_votes,
)

NEEDS = (
    "PhysioNet: annotations/image_labels_train.csv and annotations_train.csv (and _test), or their folder",
    "Kaggle: train.csv of the VinBigData challenge, or its folder",
    "or the Python package torchxrayvision, which has the Kaggle table",
    "for side and zone: the images' sizes, as columns width and height, or train_meta.csv beside the table",
)
AGREE = 2
"""Of three readers."""
WANTED = {
    "boxes": Wanted(
        r"(annotations_(train|test)|train|.*vinbigdata.*)\.csv(\.gz|\.zip)?",
        columns=(IMAGE, CLASS, *CORNERS),
        packed="vinbigdata-train.csv.gz",
        header=True,
    ),
    "votes": Wanted(r"image_labels_(train|test)\.csv(\.gz)?", columns=(IMAGE, "No finding")),
    "sizes": Wanted(r"((train|test)_meta|.*sizes?)\.csv(\.gz)?", columns=(IMAGE,)),
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (tables found: boxes, labels, sizes; places looked at)."""
    found, looked = find_wanted("vindr-cxr", data, WANTED, ("boxes", "votes"))
    return [p for paths in found.values() for p in paths], looked


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row an image: 1 two readers agree, 0 none of them says it, -1 one of them says it.

    Raises:
        UserError: if no table is found, or a column or cell is not as it should be.
    """
    return _collect(data, ontology, options).as_labels()


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load facts; a place is one in which two readers drew a box."""
    return _collect(data, ontology, options).as_facts()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    found, looked = find_wanted("vindr-cxr", data, WANTED, ("boxes", "votes"))
    if not found:
        raise tell_missing("VinDr-CXR", data, looked, NEEDS)
    labels = LabelMap("vindr_labels", ontology, options.strength)
    size_tables = [read_table(p) for p in found.get("sizes", ())]
    sizes = read_sizes(iter(size_tables))
    collector = Collector(SOURCE.name, ontology, view=FRONTAL)
    images: dict[str, ImageReadings] = {}
    tables = list(size_tables)
    voted = set()
    for path in found.get("votes", ()):
        table = read_table(path)
        tables.append(table)
        voted.add(_find_split(path))
        read_votes(table, images, labels, split=_find_split(path))
    without_size = 0
    for path in found.get("boxes", ()):
        optional = [READER, "class_id", *(c for pair in SIZES for c in pair)]
        table = read_table(path, [IMAGE, CLASS, *CORNERS], optional)
        tables.append(table)
        split = _find_split(path)
        without_size += read_boxes(
            table, images, sizes, labels, collector.rejects, votes_elsewhere=split in voted, split=split
        )
    collector.files = tuple(t.file for t in tables)
    _judge(images, collector, labels, PlaceIndex(ontology))
    collector.report |= {
        "images": len(images),
        "readers_by_label": _tabulate(images),
        "boxes_without_image_size": without_size,
    }
    if without_size:
        collector.notes.append(
            "the sizes of images with boxes are not known, so their side and zone are not: put a table with "
            "the columns image_id, width, height beside the labels, named image_sizes.csv"
        )
    return collector


def _judge(
    images: dict[str, ImageReadings], collector: Collector, labels: LabelMap, places: PlaceIndex
) -> None:
    deniable: dict[tuple[str, ...], list[str]] = {}
    for image, readings in sorted(images.items()):
        if readings.looked_for not in deniable:
            deniable[readings.looked_for] = labels.find_deniable(readings.looked_for)
        votes = count_votes(readings.readers, labels)
        consensus = CONSENSUS in readings.readers
        needed = 1 if consensus else AGREE
        looked = deniable[readings.looked_for] if len(readings.readers) >= needed else []
        present, absent, doubtful = judge_votes(votes, looked, needed)
        facts = [
            Fact(condition, "present", place)
            for condition in present
            for place in name_places(places, condition, _find_spots(condition, readings, labels, needed))
        ]
        collector.add(
            StudyKeys(image, image, image, f"{readings.split}/{image}.dicom", readings.split),
            facts,
            [Fact(c, "absent") for c in absent],
            doubtful,
            touched={c for given in readings.readers.values() for x in given for c in labels.find_touched(x)},
            units=readings.units,
        )


def _find_spots(condition: str, readings: ImageReadings, labels: LabelMap, needed: int) -> list[Spot]:
    by_reader: dict[str, list[Spot]] = {}
    for label, marks in readings.spots.items():
        if condition in labels.find_stated(label):
            for reader, spots in marks.items():
                by_reader.setdefault(reader, []).extend(spots)
    return agree_on_spots(by_reader.values(), needed)


def _tabulate(images: dict[str, ImageReadings]) -> dict[str, dict[str, int]]:
    """Count images by label and by how many readers gave it."""
    counts: dict[str, Counter[int]] = {}
    for readings in images.values():
        given = Counter(label for labels in readings.readers.values() for label in labels)
        for label, n in given.items():
            counts.setdefault(label, Counter())[n] += 1
    return {label: {str(n): c[n] for n in sorted(c, reverse=True)} for label, c in sorted(counts.items())}


def _find_split(path: Path) -> str:
    return "test" if "test" in path.name.lower() else "train"


SOURCE = Source(
    name="vindr-cxr",
    title="VinDr-CXR",
    terms=VINDR_CXR,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    one_report_one_patient=True,
)
