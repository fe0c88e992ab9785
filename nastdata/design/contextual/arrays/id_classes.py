"""Classes of studies whose ids look alike: what an id tells of where a study and its image come from.

PadChest has DICOM UIDs of one machine and random numbers of another archive, and its readers called the
heart normal more often in one of them. Open-i's images end in the number of their series (1001, 2001), which
goes with the machine; CheXpert's studies in the number of the visit. So what is compared (the studies of a
group, the captions of a pair) is of one class.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from nastdata.design.contextual.study_states import Ints

LONG = 12
"""Digits from which on a number is an identifier that some system made up; shorter ones are counted."""
LEAST = 1 / 16
"""Share of a source's studies that a class has at least. Smaller ones are joined."""


def class_ids(studies: pl.DataFrame) -> Ints:
    """Return (studies,) the number of each study's class within its source.

    Studies are of one class if the numbers in their study ids are about as long (where they are long), and if
    study and image ids end in the same number (where that number is common in the source).

    Args:
        studies: with the columns ``source``, ``study_id`` and ``image_id``.
    """
    runs = pl.col("study_id").str.extract_all(r"\d+").list.eval(pl.element().str.len_chars()).list.max()
    last = [pl.col(c).str.extract(rf"(?:^|\D)(\d{{1,{LONG - 1}}})\D*$") for c in ("study_id", "image_id")]
    seen = studies.select("source", runs.fill_null(0).cast(pl.Int64).alias("length"), *last)
    out = np.zeros(len(studies), np.int32)
    source = seen["source"].to_numpy()
    for name in sorted(set(source.tolist())):
        here = np.flatnonzero(source == name)
        own = seen[here]
        length = own["length"].to_numpy()
        parts = [_join_lengths(np.where(length < LONG, 0, length))]
        parts += [_find_common(own[c].to_list()) for c in ("study_id", "image_id")]
        _, number = np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)
        out[here] = _find_common(number.ravel().tolist())
    return out


def _join_lengths(length: np.ndarray) -> Ints:
    """Number lengths such that each class is large enough: neighbours are joined."""
    values, counts = np.unique(length, return_counts=True)
    number, filled = 0, 0
    by_value: dict[int, int] = {}
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        by_value[value] = number
        filled += count
        if filled >= LEAST * len(length):
            number, filled = number + 1, 0
    # what is left over at the end joins the class before it
    most = number - 1 if filled and number else number
    return np.array([min(by_value[v], most) for v in length.tolist()], np.int32)


def _find_common(values: list[str] | list[int] | list[str | None]) -> Ints:
    """Number the values that are common, from 1; all others are 0."""
    distinct, inverse, counts = np.unique(
        ["" if v is None else str(v) for v in values], return_inverse=True, return_counts=True
    )
    common = (counts >= LEAST * len(values)) & (distinct != "")
    return np.where(common, np.cumsum(common), 0)[inverse.ravel()].astype(np.int32)
