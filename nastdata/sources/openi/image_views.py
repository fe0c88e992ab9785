"""Which of a report's images are frontal: Open-i's reports do not say, tables beside them do.

- The headers of its DICOM files (``View Position``), two thirds of them, in torchxrayvision. A few say PA of
  a lateral image.
- The views of the first images, as torchxrayvision's author sorted them by t-SNE, in the same package.
- ``indiana_projections.csv`` of the Kaggle copy, where it is beside the reports.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from nastdata.sources.base import InputFile
from nastdata.sources.locate import find_in_torchxrayvision
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA, UNKNOWN, name_view

HEADERS, SORTED, KAGGLE = "nlmcxr_dicom_metadata.csv.gz", "nlmcxr_tsne_pa.csv.gz", "indiana_projections.csv"
POSITIONS = {"PA": PA, "AP": AP, "LL": LATERAL, "RL": LATERAL, "LATERAL": LATERAL, "LARGE LATERAL": LATERAL}
NO_TABLE = (
    "Open-i: no table of views (pip install --no-deps torchxrayvision, or put indiana_projections.csv beside "
    "the reports): the view of every image is unknown, and may be lateral"
)
_KAGGLE_NAME = re.compile(r"^(?:CXR)?(.+?)(?:\.dcm)?(?:\.png)?$")


def read_views(place: Path) -> tuple[dict[str, int], tuple[InputFile, ...]]:
    """Return the rank of each image whose view a table gives, and the tables.

    An image is lateral if any table says so; else the table of sorted images counts more than a header.

    Args:
        place: The archive or folder of the reports.
    """
    known: dict[str, int] = {}
    files: list[InputFile] = []
    for row in _read(find_in_torchxrayvision(HEADERS), files):
        rank = POSITIONS.get((row.get("View Position") or "").strip().upper())
        if rank is not None:
            # a header's PA is less sure than that of an image that was looked at
            known[row["imageid"]] = FRONTAL if rank == PA else rank
    for row in _read(find_in_torchxrayvision(SORTED), files):
        _settle(known, row["imageid"], {"PA": PA, "L": LATERAL}.get(row["tsne-view"]))
    folder = place if place.is_dir() else place.parent
    for row in _read(folder / KAGGLE if (folder / KAGGLE).is_file() else None, files):
        match = _KAGGLE_NAME.match((row.get("filename") or "").strip())
        rank = {"frontal": PA, "lateral": LATERAL}.get((row.get("projection") or "").strip().lower())
        if match:
            _settle(known, f"CXR{match[1]}", rank)
    return known, tuple(files)


def pick_images(
    images: Sequence[str], views: str, known: Mapping[str, int], has_lateral: bool = False
) -> tuple[tuple[str, str | None], ...]:
    """Return the images of a report that are wanted, one or all, each with its view.

    ``frontal`` prefers PA, then another frontal view, then one that is not known, then a lateral one; among
    equals the first that the report lists. ``has_lateral``: the examination is said to have a lateral view.
    """
    ranks = {i: known.get(i, UNKNOWN) for i in images}
    beside = has_lateral or LATERAL in ranks.values()
    shown = [(i, name_view(ranks[i], beside)) for i in images]
    if views == "all":
        return tuple(shown)
    if views == "lateral":
        shown = [(i, v) for i, v in shown if ranks[i] == LATERAL]
    elif views == "frontal-only":
        shown = [(i, v) for i, v in shown if ranks[i] <= FRONTAL]
    return tuple(sorted(shown, key=lambda s: (ranks[s[0]], images.index(s[0])))[:1])


def _read(path: Path | None, files: list[InputFile]) -> list[dict[str, str]]:
    if path is None:
        return []
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    files.append(InputFile.of(path, len(rows)))
    return rows


def _settle(known: dict[str, int], image: str, rank: int | None) -> None:
    if rank is not None and known.get(image) not in (LATERAL,):
        known[image] = AP if rank == PA and known.get(image) == AP else rank
