"""Wordings of equal length for the two captions of a pair, so that length does not tell a denial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = np.ndarray[Any, np.dtype[np.int64]]
Codes = np.ndarray[Any, np.dtype[np.uint64]]


def match_lengths(
    texts: Sequence[Sequence[str | None]], first: Ints, second: Ints, draw: Codes
) -> tuple[Ints, Ints]:
    """Choose a wording for each half of each pair, as equally long as the wordings allow.

    Wordings with as many characters and words are taken where there are any; else with as many characters;
    else
    those that differ least, now the one and now the other longer where both ways are there.

    Args:
        texts: fact -> its wordings; None where one can't be had.
        first: (pairs,) fact of the affirmative caption.
        second: (pairs,) fact of the negated caption.
        draw: (pairs,) a hashed draw each: which of the equally good choices is taken.

    Returns:
        (pairs,) wording of the first, and of the second caption; -1 where a fact has none.
    """
    chosen = np.full((2, len(first)), -1, np.int64)
    keys, at = np.unique(np.stack([first, second], axis=1), axis=0, return_inverse=True)
    order = np.argsort(at.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(at.ravel(), minlength=len(keys)))
    for (a, b), rows in zip(keys.tolist(), np.split(order, ends[:-1]), strict=True):
        options = _find_best(texts[a], texts[b])
        if len(options):
            chosen[:, rows] = options[(draw[rows] % np.uint64(len(options))).astype(np.int64)].T
    return chosen[0], chosen[1]


def _find_best(one: Sequence[str | None], other: Sequence[str | None]) -> Ints:
    """Return (choices, 2) the pairs of wordings that differ least in length."""
    sides = []
    for texts in (one, other):
        own = {t: i for i, t in reversed(list(enumerate(texts))) if t}  # each different text once
        sides.append(np.array([(i, len(t), t.count(" ")) for t, i in own.items()], np.int64).reshape(-1, 3))
    (at, length, words), (at_other, length_other, words_other) = sides[0].T, sides[1].T
    if not len(at) or not len(at_other):
        return np.zeros((0, 2), np.int64)
    there = np.stack(np.broadcast_arrays(at[:, None], at_other[None, :]), axis=-1).reshape(-1, 2)
    more = (length[:, None] - length_other[None, :]).ravel()
    cost = 2 * np.abs(more) + (words[:, None] != words_other[None, :]).ravel()
    best = cost == cost.min()
    longer, shorter = best & (more > 0), best & (more < 0)
    if longer.any() and shorter.any():
        # as many of either, so that the longer one is the denial half of the time
        n = min(int(longer.sum()), int(shorter.sum()))
        best = np.zeros(len(there), bool)
        best[np.flatnonzero(longer)[:n]] = best[np.flatnonzero(shorter)[:n]] = True
    kept: npt.NDArray[np.int64] = there[best]
    return kept
