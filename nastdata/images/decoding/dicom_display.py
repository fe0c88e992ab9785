"""How a DICOM header says that stored values are shown: rescale, lookup tables, window, padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nastdata.images.decoding.grey_levels import Display, Scale, Values, make_window
from nastdata.images.decoding.picture import UnusableImageError

Table = npt.NDArray[np.int64]


def read_display(dataset: Any, values: Values, photometric: str) -> Display:
    """Return what the header says of grey values.

    Args:
        dataset: a pydicom dataset.
        values: its stored values.
        photometric: MONOCHROME1 or MONOCHROME2.
    """
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    lut = _first(dataset, "ModalityLUTSequence")
    slope, intercept = _float(dataset, "RescaleSlope"), _float(dataset, "RescaleIntercept")
    modality = None
    if lut is not None:
        first, table, _ = _read_lut(lut, dataset, signed)
        modality = _make_lookup(first, table)
    elif slope is not None or intercept is not None:
        a, b = 1.0 if slope is None else slope, intercept or 0.0
        if a == 0 or not np.isfinite(a) or not np.isfinite(b):
            raise UnusableImageError("damaged", "RescaleSlope is 0 or not a number")
        if (a, b) != (1.0, 0.0):
            modality = _make_rescale(a, b)
    voi, step = _read_voi(dataset, signed or (intercept or 0) < 0)
    return Display(
        modality=modality,
        voi=voi,
        voi_step=step,
        invert=photometric == "MONOCHROME1",
        padding=_read_padding(dataset, signed),
        eight_bit=modality is None and values.dtype == np.uint8 and int(dataset.get("BitsStored") or 8) == 8,
    )


def _read_voi(dataset: Any, signed: bool) -> tuple[Scale | None, str]:
    lut = _first(dataset, "VOILUTSequence")
    if lut is not None:
        first, table, bits = _read_lut(lut, dataset, signed)
        return _make_spread(first, table, bits), "VOI LUT"
    if "WindowCenter" not in dataset and "WindowWidth" not in dataset:
        return None, "window"
    center, width = _float(dataset, "WindowCenter"), _float(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    scale = None if center is None or width is None else make_window(center, width, function)
    return scale, "window" if scale is not None else "window not usable"


def _read_lut(item: Any, dataset: Any, signed: bool) -> tuple[int, Table, int]:
    """Return (first value that is mapped, entries, bits of an entry)."""
    entries, first, bits = (int(v) for v in item.LUTDescriptor)
    entries = entries or 1 << 16
    if signed and first > 32767:
        first -= 1 << 16
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        wide = len(data) >= 2 * entries
        table = np.frombuffer(data, dtype=f"{order}u2" if wide else "u1")
    else:
        table = np.asarray(data if isinstance(data, list) or hasattr(data, "__len__") else [data])
    if len(table) < entries or not 1 <= bits <= 16:
        raise UnusableImageError("damaged", f"a lookup table of {len(table):,} of {entries:,} entries")
    return first, table[:entries].astype(np.int64), bits


def _make_lookup(first: int, table: Table) -> Any:
    return lambda x: table[np.clip(np.rint(x).astype(np.int64) - first, 0, len(table) - 1)]


def _make_rescale(slope: float, intercept: float) -> Any:
    return lambda x: x * slope + intercept


def _make_spread(first: int, table: Table, bits: int) -> Scale:
    """A VOI LUT's output over its nominal range; a table said to be far deeper than it is, over its own."""
    top = (1 << bits) - 1
    peak = int(table.max())
    if peak > top or 0 < peak <= top >> 1:
        top = (1 << peak.bit_length()) - 1
    look = _make_lookup(first, table)
    return lambda x: look(x) / top


def _read_padding(dataset: Any, signed: bool) -> tuple[int, int] | None:
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if value in (None, ""):
        return None
    ends = []
    for v in (value, value if limit in (None, "") else limit):
        number = int.from_bytes(v[:2], "little") if isinstance(v, bytes) else int(v)
        ends.append(number - (1 << 16) if signed and number > 32767 else number)
    return min(ends), max(ends)


def _first(dataset: Any, name: str) -> Any:
    """Return the first item of a sequence, or None."""
    sequence = dataset.get(name)
    return sequence[0] if sequence else None


def _float(dataset: Any, name: str) -> float | None:
    """Return a number, the first of several, or None if it is missing or none."""
    value = dataset.get(name)
    if value is not None and not isinstance(value, (str, bytes, int, float)) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    try:
        return None if value in (None, "") else float(value)
    except (TypeError, ValueError):
        return None
