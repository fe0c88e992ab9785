"""DICOM, through pydicom: the stored values, and how the header says that they are to be shown.

Nothing of a header leaves this module but numbers of its image description: no text, and no message that may
quote one. What pydicom logs or warns of may quote the header, so that it is kept quiet.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from nastdata.images.decoding.dicom_display import read_display
from nastdata.images.decoding.files import MAX_BYTES, check_size
from nastdata.images.decoding.grey_levels import to_grey
from nastdata.images.decoding.picture import Header, Picture, Pixels, UnusableImageError, is_grey

INSTALL = "pip install 'nastdata[dicom]'"
DEFLATED = b"1.2.840.10008.1.2.1.99"
GREY = ("MONOCHROME1", "MONOCHROME2")
OVERLAYS = range(0x6000, 0x6020, 2)
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
MISSING_PLUGIN = ("missing dependencies", "no available", "unable to decompress", "unable to decode as")


def read_dicom(data: bytes) -> Picture:
    """Decode a DICOM object to 8-bit grey or RGB.

    Raises:
        UnusableImageError: if it can't be used, with the reason.
    """
    with _explained():
        return _read(open_dataset(io.BytesIO(data)))


def check_dicom(stream: IO[bytes]) -> Header:
    """Look at a DICOM object's header.

    Raises:
        UnusableImageError: if the header alone shows that it can't be used.
    """
    with _explained():
        dataset = open_dataset(stream, header_only=True)
        bits, burnt_in = _check(dataset)
        return Header("DICOM", bits, burnt_in)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever a parser meets in a broken file into a reason, which quotes nothing of the header."""
    try:
        with quiet_pydicom():
            yield
    except UnusableImageError:
        raise
    except MemoryError as e:
        raise UnusableImageError("too large") from e
    except Exception as e:
        raise UnusableImageError("damaged", type(e).__name__) from None


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings and log lines, which quote values of the header, from being shown."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def open_dataset(stream: IO[bytes], header_only: bool = False) -> Any:
    """Parse a DICOM object.

    Raises:
        UnusableImageError: if pydicom is missing, or a deflated object is larger than any image.
    """
    try:
        import pydicom
    except ImportError as e:
        raise UnusableImageError("needs an extra", f"DICOM: {INSTALL}") from e
    head = stream.read(2048)
    stream.seek(0)
    if DEFLATED in head and head[128:132] == b"DICM":
        _check_deflated(stream.read())
        stream.seek(0)
    dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=header_only)
    if not len(dataset):
        raise UnusableImageError("damaged", "no DICOM elements")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        uid = pydicom.uid
        plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = plain if little else uid.ExplicitVRBigEndian
    return dataset


def _check(dataset: Any) -> tuple[int, bool]:
    """Look at size, frames and bits; return the bits stored, and whether text is burnt in."""
    frames = _number(dataset, "NumberOfFrames", 1)
    if "Rows" not in dataset and "Columns" not in dataset:
        raise UnusableImageError("not a picture")
    check_size(_number(dataset, "Columns"), _number(dataset, "Rows"))
    if frames > 1:
        raise UnusableImageError("several frames", f"{frames:,}")
    bits, stored = _number(dataset, "BitsAllocated"), _number(dataset, "BitsStored", 0)
    if bits not in (8, 16, 32) or not 0 <= stored <= bits:
        raise UnusableImageError("not supported", f"{bits} bits allocated, {stored} stored")
    burnt_in = str(dataset.get("BurnedInAnnotation") or "").strip().upper() == "YES"
    return stored or bits, burnt_in


def _read(dataset: Any) -> Picture:
    bits, burnt_in = _check(dataset)
    if not any(name in dataset for name in PIXELS):
        raise UnusableImageError("not a picture")
    if "PixelData" not in dataset:
        raise UnusableImageError("not supported", "pixels stored as floats")
    _check_length(dataset, _number(dataset, "Rows"), _number(dataset, "Columns"))
    photometric = str(dataset.get("PhotometricInterpretation", "")).strip().upper()
    plain = photometric in GREY and not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    values = _decode(dataset, correct_unused_bits=not plain)
    if values.ndim == 2 and photometric in GREY:
        values = _mask_unused_bits(values, dataset) if plain else values
        pixels, steps = to_grey(values, read_display(dataset, values, photometric))
    else:
        pixels, steps = _colour(values, dataset, photometric)
    if any((group, 0x3000) in dataset for group in OVERLAYS):
        steps.append("overlay")
    return Picture(pixels, "DICOM", bits, tuple(steps), burnt_in)


def _number(dataset: Any, name: str, otherwise: int | None = None) -> int:
    value = dataset.get(name)
    if value in (None, ""):
        if otherwise is None:
            raise UnusableImageError("damaged", f"no {name}")
        return otherwise
    try:
        return int(value)
    except (TypeError, ValueError) as e:
        raise UnusableImageError("damaged", f"{name} is not a number") from e


def _check_deflated(data: bytes) -> None:
    """Inflate up to the limit before pydicom, which has none, is let at it."""
    (length,) = struct.unpack("<I", data[140:144])
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    left = len(data) - 144 - length
    if left > 0:
        held = 0
        piece = data[144 + length :]
        while piece and held <= MAX_BYTES:
            held += len(inflate.decompress(piece, 1 << 24))
            piece = inflate.unconsumed_tail
        if held > MAX_BYTES:
            raise UnusableImageError("too large", "a deflated object")


def _check_length(dataset: Any, rows: int, columns: int) -> None:
    """Refuse pixel data that is cut short, and compressed data of another size than the header's."""
    pixels = dataset.PixelData
    if not isinstance(pixels, bytes) or not pixels:
        raise UnusableImageError("cut short", "no pixel data")
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        samples = _number(dataset, "SamplesPerPixel", 1)
        needed = rows * columns * samples * _number(dataset, "BitsAllocated") // 8
        if "422" in str(dataset.get("PhotometricInterpretation", "")):
            needed = needed * 2 // 3
        if len(pixels) < needed:
            raise UnusableImageError("cut short", f"{len(pixels):,} of {needed:,} bytes")
        return
    inner = find_codestream_size(pixels)
    if inner is not None:
        check_size(*inner)
        if inner != (columns, rows):
            raise UnusableImageError(
                "damaged", f"{columns} x {rows} in the header, {inner[0]} x {inner[1]} in the pixel data"
            )


def find_codestream_size(encapsulated: bytes) -> tuple[int, int] | None:
    """Return (width, height) that a JPEG, JPEG-LS or JPEG 2000 stream states, or None if it states none."""
    start = encapsulated.find(b"\xff\x4f\xff\x51")
    if 0 <= start < 4096 and len(encapsulated) > start + 24:
        right, bottom, left, top = struct.unpack(">4I", encapsulated[start + 8 : start + 24])
        return right - left, bottom - top
    at = encapsulated.find(b"\xff\xd8\xff")
    if not 0 <= at < 4096:
        return None
    at += 2
    while at + 9 < len(encapsulated) and encapsulated[at] == 0xFF:
        marker = encapsulated[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            height, width = struct.unpack(">HH", encapsulated[at + 5 : at + 9])
            return width, height
        if marker == 0xDA:
            return None
        at += 2 + struct.unpack(">H", encapsulated[at + 2 : at + 4])[0]
    return None


def _decode(dataset: Any, correct_unused_bits: bool) -> Any:
    """Return (height, width) or (height, width, 3) stored values."""
    from pydicom.pixels import pixel_array

    try:
        return pixel_array(dataset, correct_unused_bits=correct_unused_bits)
    except Exception as e:  # every decoder has its own errors, and their words may quote the header
        words = str(e).lower()
        syntax = str(dataset.file_meta.TransferSyntaxUID.name)
        if any(m in words for m in MISSING_PLUGIN) and "plugin" in words and "missing" in words:
            raise UnusableImageError("needs an extra", f"{syntax}: {INSTALL}") from None
        compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
        detail = f"{syntax}, {type(e).__name__}" if compressed else type(e).__name__
        raise UnusableImageError("damaged", detail) from None


def _mask_unused_bits(values: Any, dataset: Any) -> Any:
    """Clear the bits beside the stored ones, where old files keep overlays; extend the sign."""
    allocated, stored = int(dataset.BitsAllocated), _number(dataset, "BitsStored", 0)
    if not 0 < stored < allocated:
        return values
    high = _number(dataset, "HighBit", stored - 1)
    unsigned = values.view(f"u{values.dtype.itemsize}")
    shift = high - stored + 1 if stored - 1 <= high < allocated else 0
    cut = (unsigned >> shift) & ((1 << stored) - 1)
    if not _number(dataset, "PixelRepresentation", 0):
        return cut
    sign = 1 << (stored - 1)
    return (cut.astype(np.int64) ^ sign) - sign


def _colour(values: Any, dataset: Any, photometric: str) -> tuple[Pixels, list[str]]:
    from pydicom.pixels.processing import apply_color_lut

    steps: list[str] = []
    if photometric == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)
        steps.append("palette")
        stored = 8 * values.dtype.itemsize
        if stored == 16 and values.max() < 256:
            stored = 8  # palettes whose entries are 8 bits, said to be 16
    else:
        stored = _number(dataset, "BitsStored", int(dataset.BitsAllocated))
        if photometric.startswith("YBR"):
            steps.append("colour space")
    if values.ndim == 2:
        raise UnusableImageError("not supported", "an unknown photometric interpretation")
    values = values[..., :3]
    if stored > 8:
        values = values >> (stored - 8)
        steps.append("upper bits")
    pixels = np.ascontiguousarray(values.astype(np.uint8))
    if is_grey(pixels):
        return np.ascontiguousarray(pixels[..., 0]), [*steps, "grey"]
    return pixels, steps
