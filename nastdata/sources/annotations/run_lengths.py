"""Masks as run lengths: how much of a mask lies on which side and in which zone, without drawing it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nastdata.sources.annotations.geometry import MIDLINE, find_zone, list_zone_edges


@dataclass(frozen=True, slots=True)
class MaskArea:
    """Shares of the image's area, by the patient's side and by zone (upper, mid, lower)."""

    right: tuple[float, float, float]
    left: tuple[float, float, float]

    def __add__(self, other: MaskArea) -> MaskArea:
        """Return both masks together; they are taken not to overlap."""
        return MaskArea(
            (self.right[0] + other.right[0], self.right[1] + other.right[1], self.right[2] + other.right[2]),
            (self.left[0] + other.left[0], self.left[1] + other.left[1], self.left[2] + other.left[2]),
        )

    def find_zone(self, side: str) -> str | None:
        """Return the zone in which most of one side's mask lies."""
        return find_zone(self.right if side == "right" else self.left)


def measure_runs(text: str, width: int, height: int) -> MaskArea:
    """Measure a mask of relative run lengths, numbered down the columns from the upper left corner.

    "3 2 4 1" are 3 pixels out, 2 in, 4 out, 1 in. A number stands for pixels after the end of the last run.

    Args:
        text: Pairs of numbers, separated by blanks.
        width: Of the mask in pixels.
        height: Of the mask in pixels.

    Raises:
        ValueError: if the text is no list of pairs of numbers, or reaches past the image.
    """
    try:
        numbers = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise ValueError("run lengths that are not numbers") from None
    if len(numbers) == 0 or len(numbers) % 2:
        raise ValueError("run lengths that are not pairs")
    gaps, lengths = numbers[::2], numbers[1::2]
    if (gaps < 0).any() or (lengths < 1).any():
        raise ValueError("a run length below one")
    ends = np.cumsum(gaps + lengths)
    if ends[-1] > width * height or (numbers > width * height).any():
        raise ValueError("run lengths that reach past the image")
    column, top, bottom = _split_at_columns(ends - lengths, ends, height)
    on_right = column + 0.5 < MIDLINE * width
    shares = []
    for wanted in (on_right, ~on_right):
        zones = []
        for upper, lower in list_zone_edges():
            inside = np.minimum(bottom[wanted], lower * height) - np.maximum(top[wanted], upper * height)
            zones.append(float(np.clip(inside, 0, None).sum()) / (width * height))
        shares.append((zones[0], zones[1], zones[2]))
    return MaskArea(*shares)


def _split_at_columns(
    starts: np.ndarray[tuple[int], np.dtype[np.int64]],
    ends: np.ndarray[tuple[int], np.dtype[np.int64]],
    height: int,
) -> tuple[
    np.ndarray[tuple[int], np.dtype[np.int64]],
    np.ndarray[tuple[int], np.dtype[np.int64]],
    np.ndarray[tuple[int], np.dtype[np.int64]],
]:
    """Return (column, top, bottom) of each run's part in each column that it touches."""
    first, last = starts // height, (ends - 1) // height
    spans = last - first + 1
    run = np.repeat(np.arange(len(starts)), spans)
    offset = np.arange(len(run)) - np.repeat(np.cumsum(spans) - spans, spans)
    column = first[run] + offset
    top = np.maximum(starts[run], column * height) - column * height
    bottom = np.minimum(ends[run], (column + 1) * height) - column * height
    return column, top, bottom
