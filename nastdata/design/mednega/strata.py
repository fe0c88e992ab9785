"""Which studies may share a group: those of one source, and of about the same number of visits.

CheXpert calls a patient's studies study1, study2, ...: whoever has been there twenty times is iller than
who comes for the first time, so that the number alone tells a third of the answers. Where the four studies of
a group have the same source and near numbers, neither tells anything.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

MOST_CLASSES = 8
"""Classes of visit numbers of a source, at most."""
LEAST_STUDIES = 500
"""Studies of a class, at least: a class costs groups, and few studies tell little."""
MOST_VISIT = 9_999
"""A larger number at the end of a study id is no count of visits."""


def sort_into_strata(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Return the number of each study's stratum: its source and its class of visit numbers.

    Args:
        frame: Eligible studies with ``source``, ``patient_id`` and ``study_id``.
    """
    out = np.zeros(len(frame), dtype=np.int64)
    first = 0
    for source in frame["source"].unique().sort():
        here = (frame["source"] == source).to_numpy()
        classes = class_visits(frame.filter(here))
        out[here] = first + classes
        first += int(classes.max(initial=0)) + 1
    return out


def class_visits(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Return the class of each study's visit number, counted from 0; one class if ids hold no such number."""
    number = read_visits(frame)
    if number is None:
        return np.zeros(len(frame), dtype=np.int64)
    values, counts = np.unique(number, return_counts=True)
    least = max(LEAST_STUDIES, len(number) // MOST_CLASSES)
    edges: list[int] = []
    size = 0
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        size += count
        if size >= least:
            edges.append(value)
            size = 0
    if size and edges:
        edges.pop()  # too few above the last edge for a class of their own
    return np.searchsorted(np.array(edges, dtype=np.int64), number, side="left").astype(np.int64)


def read_visits(frame: pl.DataFrame) -> NDArray[np.int64] | None:
    """Return the number at the end of each study id if many patients share it, as visits do, else None."""
    number = frame["study_id"].str.extract(r"(\d+)$").cast(pl.Int64, strict=False)
    if not len(number) or number.null_count():
        return None
    found: NDArray[np.int64] = number.to_numpy()
    if found.max() > MOST_VISIT or 2 * len(np.unique(found)) > frame["patient_id"].n_unique():
        return None
    return found
