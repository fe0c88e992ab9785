"""The rule that makes 8 bits of deeper grey values, the same for every format and every command.

1. Stored values -> the modality's values: modality LUT, or slope and intercept (DICOM).
2. If the header has a VOI LUT, its output is spread over 0 to 255; else, if it has a window, the window is.
3. Else the 0.5th percentile becomes 0 and the 99.5th becomes 255; padding pixels don't count.
4. MONOCHROME1 (and TIFF's WhiteIsZero) is inverted. Padding becomes black.

Images of 8 bits without a window are left as they are. Rounding is to the nearest level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nastdata.images.decoding.picture import Pixels

LOW, HIGH = 0.005, 0.995
"""Shares of the pixels below black, and up to white, where there is no window."""
FLAT = 0.99
"""Share of pixels that are black or white alone from which on a window is not believed."""
SPAN = 1 << 16
"""Widest range of whole numbers that is translated by a table."""

Values = npt.NDArray[Any]
"""Stored or modality values, any number type."""
Scale = Callable[[Values], npt.NDArray[np.floating[Any]]]
"""Modality values -> 0.0 (black) to 1.0 (white)."""


@dataclass(frozen=True)
class Display:
    """How a file says that its values are to be shown."""

    modality: Callable[[Values], Values] | None = None
    """Stored -> modality values."""
    voi: Scale | None = None
    voi_step: str = "window"
    """What ``voi`` is, one of ``STEPS``."""
    invert: bool = False
    padding: tuple[int, int] | None = None
    """Lowest and highest stored value of pixels that are no part of the picture."""
    eight_bit: bool = False
    """Values are 0 to 255 already: without a window they stay."""


def to_grey(values: Values, display: Display) -> tuple[Pixels, list[str]]:
    """Turn stored values into 8-bit grey.

    Args:
        values: (height, width), whole numbers or floats; NaN and infinities count as the darkest.
        display: what the file says of them.

    Returns:
        (height, width) uint8, and the names of the steps taken.
    """
    whole = np.issubdtype(values.dtype, np.integer)
    if whole:
        first, last = int(values.min()), int(values.max())
        if last - first < SPAN:
            # every value is translated once, through a table over the values that occur
            domain = np.arange(first, last + 1)
            narrow = values.dtype.itemsize <= 2 and first >= 0
            index = values - first if narrow else values.astype(np.int64) - first
            counts = np.bincount(index.ravel(), minlength=len(domain))
            table, steps = _translate(domain, counts, display)
            return table[index], steps
        values = values.astype(np.float64)
    clean = np.asarray(values, dtype=np.float64)
    bad = ~np.isfinite(clean)
    if bad.any():
        clean = np.where(bad, clean[~bad].min() if not bad.all() else 0.0, clean)
    domain, index, counts = np.unique(clean, return_inverse=True, return_counts=True)
    table, steps = _translate(domain, counts, display)
    return table[index.reshape(clean.shape)], steps


def _translate(domain: Values, counts: npt.NDArray[np.int64], display: Display) -> tuple[Pixels, list[str]]:
    """Return the grey level of each value of ``domain``, which occur ``counts`` times."""
    steps: list[str] = []
    modality = domain
    if display.modality is not None:
        modality = display.modality(domain)
        steps.append("modality")
    padded = np.zeros(len(domain), dtype=bool)
    if display.padding is not None:
        padded = (domain >= display.padding[0]) & (domain <= display.padding[1])
        if not counts[padded].sum() or not counts[~padded].sum():
            padded[:] = False
    seen = np.where(padded, 0, counts)
    levels, step = _scale(domain, modality, seen, display)
    if step:
        steps += step
    if display.invert:
        levels = 255 - levels
        steps.append("inverted")
    if padded.any():
        levels = np.where(padded, np.uint8(0), levels)
        steps.append("padding")
    return levels.astype(np.uint8), steps


def _scale(
    domain: Values, modality: Values, seen: npt.NDArray[np.int64], display: Display
) -> tuple[Pixels, list[str]]:
    steps = []
    if display.voi is not None:
        levels = _round(display.voi(modality))
        black_or_white = seen[(levels == 0) | (levels == 255)].sum() >= FLAT * seen.sum()
        if not (black_or_white and (seen > 0).sum() > 2):
            return levels, [display.voi_step]
        steps.append("window too narrow")
    elif display.voi_step == "window not usable":
        steps.append("window not usable")
    elif display.eight_bit:
        return np.clip(domain, 0, 255).astype(np.uint8), steps
    low, high = find_range(modality, seen)
    if high <= low:
        return np.full(len(domain), 255 if display.invert else 0, np.uint8), [*steps, "one level"]
    return _round((modality.astype(np.float64) - low) / (high - low)), [*steps, "percentiles"]


def find_range(values: Values, counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the values between which the middle 99 % of the pixels are; the whole range if they are one."""
    order = np.argsort(values, kind="stable")
    ordered, cumulative = values[order], np.cumsum(counts[order])
    total = cumulative[-1]
    low = ordered[np.searchsorted(cumulative, LOW * total, side="right").clip(max=len(ordered) - 1)]
    high = ordered[np.searchsorted(cumulative, HIGH * total, side="left").clip(max=len(ordered) - 1)]
    if high <= low:
        there = ordered[counts[order] > 0]
        low, high = there[0], there[-1]
    return float(low), float(high)


def make_window(center: float, width: float, function: str = "LINEAR") -> Scale | None:
    """Return DICOM's window (PS3.3 C.11.2.1.2 and C.11.2.1.3), or None if it is none.

    Args:
        center: Window Center, in modality values.
        width: Window Width.
        function: VOI LUT Function: LINEAR, LINEAR_EXACT or SIGMOID.
    """
    if not (np.isfinite(center) and np.isfinite(width)):
        return None
    if function == "SIGMOID":
        return None if width <= 0 else lambda x: expit(4 * (x - center) / width)
    if function == "LINEAR_EXACT":
        return None if width <= 0 else lambda x: np.clip((x - center) / width + 0.5, 0, 1)
    if function != "LINEAR" or width < 1:
        return None
    if width == 1:
        return lambda x: (x > center - 0.5).astype(np.float64)
    return lambda x: np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _round(shares: npt.NDArray[np.floating[Any]]) -> Pixels:
    levels: Pixels = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return levels


def expit(x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Return the logistic function, without overflow."""
    curve: npt.NDArray[np.floating[Any]] = 0.5 * (1 + np.tanh(0.5 * x))
    return curve
