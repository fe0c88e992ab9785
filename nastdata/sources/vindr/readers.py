"""VinDr-CXR's tables, in both layouts, as what each reader said and where each drew boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nastdata.errors import UserError
from nastdata.sources.annotations.geometry import Spot, find_spot, scale_box
from nastdata.sources.annotations.label_maps import LabelMap, fold
from nastdata.sources.tables import ROW, Table, read_number, reject_cell

IMAGE, READER, CLASS = "image_id", "rad_id", "class_name"
CORNERS = ("x_min", "y_min", "x_max", "y_max")
CONSENSUS = "consensus"
"""Stands for the reader where a table names none (the test part): five radiologists agreed."""
NORMAL = "no finding"
SIZES = (("width", "height"), ("dim1", "dim0"), ("Columns", "Rows"), ("OriginalWidth", "OriginalHeight"))
"""Pairs of columns that hold an image's size in pixels, in the copies that go round."""
LOCAL = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD"),
    *("Infiltration", "Lung Opacity", "Nodule/Mass", "Other lesion", "Pleural effusion"),
    *("Pleural thickening", "Pneumothorax", "Pulmonary fibrosis"),
)
"""Classes that every reader of the Kaggle copy looked for."""


@dataclass
class ImageReadings:
    """What was said of one image."""

    readers: dict[str, set[str]] = field(default_factory=dict)
    """Reader -> labels given; a reader who saw nothing has an empty set."""
    spots: dict[str, dict[str, list[Spot]]] = field(default_factory=dict)
    """Label -> reader -> spots of the boxes, where the image's size is known."""
    units: int = 0
    split: str = "train"
    looked_for: tuple[str, ...] = LOCAL


def read_boxes(
    table: Table,
    images: dict[str, ImageReadings],
    sizes: Mapping[str, tuple[float, float]],
    labels: LabelMap,
    rejects: list[tuple[str, str, str | None]],
    *,
    votes_elsewhere: bool,
    split: str,
) -> int:
    """Add the rows of a table of boxes; return how many boxes have no known image size.

    Args:
        table: ``image_id, class_name, x_min, ...``, with ``rad_id`` or without.
        images: To add to.
        sizes: Image -> (width, height) in pixels.
        labels: To check the class names with.
        rejects: To add boxes to that are none.
        votes_elsewhere: The labels of these images were read from a table of labels already.
        split: The corpus's own, of this table.
    """
    own = next((pair for pair in SIZES if set(pair) <= set(table.frame.columns)), None)
    without_size = 0
    for cells in table.frame.iter_rows(named=True):
        row, image, label = cells[ROW], cells[IMAGE], cells[CLASS]
        if not image:
            reject_cell(table, row, IMAGE, image, "an image id")
        if not labels.knows(label or ""):
            reject_cell(table, row, CLASS, label, "a class of VinDr-CXR")
        if votes_elsewhere and image not in images:
            rejects.append(("a box of an image without labels", f"{image}, row {row}", label))
            continue
        readings = images.setdefault(image, ImageReadings(split=split))
        readings.units += 1
        reader = cells.get(READER) or CONSENSUS
        if not votes_elsewhere:
            readings.readers.setdefault(reader, set())
        if fold(label) == NORMAL:
            continue
        if not votes_elsewhere:
            readings.readers[reader].add(label)
        if all(cells[c] is None for c in CORNERS):
            continue
        x0, y0, x1, y1 = (read_number(table, row, c, cells[c]) for c in CORNERS)
        size = sizes.get(image)
        if own and cells[own[0]] and cells[own[1]]:
            size = (
                read_number(table, row, own[0], cells[own[0]]),
                read_number(table, row, own[1], cells[own[1]]),
            )
        if size is None:
            without_size += 1
            continue
        box = scale_box(x0, y0, x1, y1, *size)
        if box is None:
            readings.units -= 1
            rejects.append(("a box outside of the image", f"{image}, row {row}", f"{x0}, {y0}, {x1}, {y1}"))
            continue
        readings.spots.setdefault(label, {}).setdefault(reader, []).append(find_spot(box))
    return without_size


def read_votes(table: Table, images: dict[str, ImageReadings], labels: LabelMap, *, split: str) -> None:
    """Add the rows of a table with one column a label and one row a reader of an image.

    Raises:
        UserError: if a cell is neither 0 nor 1, or a reader has two rows for an image.
    """
    columns = [c for c in table.frame.columns if c not in (ROW, IMAGE, READER)]
    unknown = [c for c in columns if not labels.knows(c)]
    if unknown:
        raise UserError(
            f"column '{unknown[0]}' is not a label of VinDr-CXR",
            where=str(table.path),
            how="correct the file",
        )
    looked_for = tuple(c for c in columns if fold(c) != NORMAL)
    for cells in table.frame.iter_rows(named=True):
        row, image = cells[ROW], cells[IMAGE]
        if not image:
            reject_cell(table, row, IMAGE, image, "an image id")
        readings = images.setdefault(image, ImageReadings(split=split))
        readings.looked_for = looked_for
        reader = cells.get(READER) or CONSENSUS
        if reader in readings.readers:
            raise UserError(
                f"a second row of reader '{reader}' for the same image",
                where=f"{table.path}, row {row}, image {image}",
                how="correct the file",
            )
        given = set()
        for column in columns:
            if cells[column] not in ("0", "1", "0.0", "1.0"):
                reject_cell(table, row, column, cells[column], "0 or 1")
            if cells[column].startswith("1") and fold(column) != NORMAL:
                given.add(column)
        readings.readers[reader] = given
        readings.units += 1


def read_sizes(tables: Iterator[Table]) -> dict[str, tuple[float, float]]:
    """Return image -> (width, height) from tables of sizes.

    Raises:
        UserError: if a cell is not a number.
    """
    sizes: dict[str, tuple[float, float]] = {}
    for table in tables:
        pair = next((p for p in SIZES if set(p) <= set(table.frame.columns)), None)
        if pair is None:
            continue
        for row, image, width, height in table.frame.select(ROW, IMAGE, *pair).iter_rows():
            if image:
                sizes[image] = (
                    read_number(table, row, pair[0], width),
                    read_number(table, row, pair[1], height),
                )
    return sizes
