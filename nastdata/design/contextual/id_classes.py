"""Classes of study ids that look alike: what a made-up number tells of where a study comes from.

PadChest has DICOM UIDs of one machine, random numbers of another archive, and ids with a suffix; its
readers called the heart normal in one of them more often. So what is compared (the studies of a group, the
captions of a pair) is of one class. Ids with short numbers are one class: these are counted, not made up.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from nastdata.design.contextual.study_states import Ints

LONG = 12
"""Digits from which on a number is an identifier that some system made up."""
LEAST = 1 / 16
"""Share of a source's studies that a class has at least; lengths next to one another are joined."""


def class_ids(studies: pl.DataFrame) -> Ints:
    """Return (studies,) the number of each study's class within its source.

    Args:
        studies: with the columns ``source`` and ``study_id``.
    """
    runs = pl.col("study_id").str.extract_all(r"\d+").list.eval(pl.element().str.len_chars()).list.max()
    length = studies.select(runs.fill_null(0).cast(pl.Int64)).to_series().to_numpy()
    length = np.where(length < LONG, 0, length)
    out = np.zeros(len(studies), np.int32)
    source = studies["source"].to_numpy()
    for name in sorted(set(source.tolist())):
        here = np.flatnonzero(source == name)
        values, counts = np.unique(length[here], return_counts=True)
        number, filled, by_value = 0, 0, {}
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            by_value[value] = number
            filled += count
            if filled >= LEAST * len(here):
                number, filled = number + 1, 0
        if filled and number:  # what is left over at the end joins the class before it
            by_value = {v: min(n, number - 1) for v, n in by_value.items()}
        out[here] = [by_value[v] for v in length[here].tolist()]
    return out
