"""Which studies can serve as the truth of which questions, given what may be said of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nastdata.design.mednega.denials import Denials, Evidence
from nastdata.design.mednega.integer_program import Types
from nastdata.design.mednega.planes import Cell, split_labels

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def sort_into_types(
    evidence: Evidence, rows: IntArray, cells: Sequence[Cell], denials: Denials
) -> tuple[Types, list[list[int]]]:
    """Group studies by what they can serve as.

    Returns:
        The types, without the one that can serve as nothing, and for each type its rows in ascending order.
    """
    masks = np.stack([evidence.present[rows], evidence.absent[rows], evidence.kept[rows]], axis=1)
    vectors, of_vector = np.unique(masks, axis=0, return_inverse=True)
    fits = find_fits(vectors, cells, denials)
    packed, of_packed = np.unique(np.packbits(fits, axis=1), axis=0, return_inverse=True)
    fits = np.unpackbits(packed, axis=1)[:, : 4 * len(cells)].astype(np.bool_)
    of_row = of_packed.ravel()[of_vector.ravel()]
    useful = np.flatnonzero(fits.any(axis=1))
    position = {int(t): i for i, t in enumerate(useful)}
    of_type: list[list[int]] = [[] for _ in useful]
    for row, kind in zip(rows.tolist(), of_row.tolist(), strict=True):
        if kind in position:
            of_type[position[kind]].append(row)
    sizes = np.array([len(r) for r in of_type], dtype=np.int64)
    return Types(fits[useful], sizes), of_type


def find_fits(vectors: IntArray, cells: Sequence[Cell], denials: Denials) -> BoolArray:
    """Return which vectors can serve as which members.

    Args:
        vectors: (n, 3) masks of what may be called present, may be called absent, and may not be denied.
        cells: Triples and planes.
        denials: What names and phrases deny.

    Returns:
        (n, 4 x cells), true where both texts of the option can be said of the vector.
    """
    present, absent, kept = vectors.T
    sayable: dict[tuple[int, ...], BoolArray] = {}
    fits = np.zeros((len(vectors), 4 * len(cells)), dtype=np.bool_)
    for column, (cell, labels) in enumerate((c, m) for c in cells for m in c.members):
        there, missing = split_labels(cell.triple, labels)
        gone = sum(1 << i for i in missing)
        can = ((present & there) == there) & ((absent & gone) == gone)
        for i in missing:
            phrases = denials.narrowest(i, there)
            if phrases not in sayable:
                none = np.zeros(len(vectors), dtype=np.bool_)
                sayable[phrases] = np.logical_or.reduce([none, *((kept & m) == 0 for m in phrases)])
            can &= sayable[phrases]
        fits[:, column] = can
    return fits
