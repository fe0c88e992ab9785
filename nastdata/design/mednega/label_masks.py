"""A split's labels as bit masks, and which studies a design may use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nastdata.errors import UserError
from nastdata.ontology import Ontology

KEYS = ["source", "patient_id", "study_id"]
NO_FINDING = "No Finding"
MOST_CONDITIONS = 62
"""Bits of a mask."""


@dataclass(frozen=True)
class Studies:
    """Studies in the order of their keys.

    ``present``, ``absent`` and ``uncertain`` are int64 masks, one a study: bit ``i`` is condition ``i`` of
    the ontology.
    """

    frame: pl.DataFrame
    present: NDArray[np.int64]
    absent: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    normal: NDArray[np.bool_]
    """Labelled as showing nothing, where the corpus says so."""

    def select(self, rows: NDArray[np.bool_]) -> Studies:
        """Return the studies of a row mask."""
        present, absent, uncertain = (m[rows] for m in (self.present, self.absent, self.uncertain))
        return Studies(self.frame.filter(rows), present, absent, uncertain, self.normal[rows])

    def fit(self, eligibility: str) -> NDArray[np.bool_]:
        """Return which studies are eligible: ``any`` or ``paper`` (see ``MednegaRecipe.eligibility``)."""
        present, absent = np.bitwise_count(self.present), np.bitwise_count(self.absent)
        if eligibility == "paper":
            return np.asarray((present >= 2) & (absent >= 3) & ~self.normal)
        return np.asarray((present >= 1) & (absent >= 1) & (present + absent >= 3))


def read_studies(labels: pl.DataFrame, ontology: Ontology) -> Studies:
    """Encode a label frame, sorted by (source, patient, study).

    Raises:
        UserError: if the ontology has more conditions than a mask has bits, or a study is there twice.
    """
    names = [c.name for c in ontology.conditions]
    if len(names) > MOST_CONDITIONS:
        raise UserError(
            f"{len(names)} conditions are more than the {MOST_CONDITIONS} that a design can hold",
            where=f"ontology {ontology.name}",
        )
    frame = labels.sort(KEYS)
    if frame.select(KEYS).is_duplicated().any():
        twice = frame.filter(frame.select(KEYS).is_duplicated()).row(0, named=True)
        raise UserError("study is there twice among the labels", where="/".join(str(twice[k]) for k in KEYS))
    present = np.zeros(len(frame), dtype=np.int64)
    absent = np.zeros(len(frame), dtype=np.int64)
    uncertain = np.zeros(len(frame), dtype=np.int64)
    for i, name in enumerate(names):
        present |= _equals(frame, name, 1).astype(np.int64) << i
        absent |= _equals(frame, name, 0).astype(np.int64) << i
        uncertain |= _equals(frame, name, -1).astype(np.int64) << i
    given = NO_FINDING in frame.columns
    normal = _equals(frame, NO_FINDING, 1) if given else np.zeros(len(frame), dtype=np.bool_)
    return Studies(frame.select(*KEYS, "image_id", "image", "split"), present, absent, uncertain, normal)


def _equals(frame: pl.DataFrame, column: str, value: int) -> NDArray[np.bool_]:
    return (frame[column] == value).fill_null(False).to_numpy()
