"""The word SYNTHETIC in a corner of the image, in a font of 3 x 5 pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

GLYPHS = {
    "S": "011100010001110",
    "Y": "101101010010010",
    "N": "111101101101101",
    "T": "111010010010010",
    "H": "101101111101101",
    "E": "111100110100111",
    "I": "111010010010111",
    "C": "011100100100011",
}
LEAST = 96
"""Smallest image, in pixels, that the word fits on without touching the chest."""


@lru_cache(maxsize=1)
def make_mark() -> npt.NDArray[np.bool_]:
    """Return the word as a mask, (5, 35)."""
    letters = [np.array(list(GLYPHS[c]), dtype=np.uint8).reshape(5, 3) for c in "SYNTHETIC"]
    return np.concatenate([np.pad(m, ((0, 0), (0, 1))) for m in letters], axis=1)[:, :-1].astype(bool)


def stamp(pixels: npt.NDArray[np.uint8]) -> None:
    """Write the word into the lower left corner, in place; images under 96 pixels are left alone."""
    mark = make_mark()
    if pixels.shape[0] < LEAST:
        return
    corner = pixels[-mark.shape[0] - 2 : -2, 2 : 2 + mark.shape[1]]
    corner[mark] = 225
