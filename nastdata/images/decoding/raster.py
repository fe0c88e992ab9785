"""PNG, JPEG, TIFF, WebP and their kin, through Pillow."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nastdata.images.decoding.files import check_size
from nastdata.images.decoding.grey_levels import Display, to_grey
from nastdata.images.decoding.picture import Header, Picture, Pixels, UnusableImageError, is_grey

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {
    "PNG": ("PNG",),
    "JPEG": ("JPEG", "MPO"),
    "TIFF": ("TIFF",),
    "WebP": ("WEBP",),
    "JPEG 2000": ("JPEG2000",),
    "BMP": ("BMP",),
    "GIF": ("GIF",),
    "PNM": ("PPM",),
}
"""Kind -> Pillow's formats that may open it; no other decoder is let at the bytes."""
PLAIN = ("PNG", "JPEG", "WebP", "BMP")
"""Kinds whose 8-bit files every reader opens to the same pixels."""
WHITE_IS_ZERO, PHOTOMETRIC, SUBFILE, BITS = 0, 262, 254, 258
REDUCED = 1
"""TIFF's mark of a page that is a smaller copy of another."""
ORIENTATION = 0x0112
DIM = 16
"""A 16-bit colour image whose upper bytes stay below this holds 12-bit values or the like."""


def read_raster(data: bytes, kind: str) -> Picture:
    """Decode a raster image to 8-bit grey or RGB.

    Args:
        data: the file.
        kind: what ``files.sniff`` made of it.

    Raises:
        UnusableImageError: if it can't be used, with the reason.
    """
    with _explained():
        return _read(data, kind)


def check_raster(stream: IO[bytes], head: bytes, kind: str) -> Header:
    """Look at a raster image's header.

    Args:
        stream: the file, at its start; little of it is read.
        head: its first bytes.
        kind: what ``files.sniff`` made of it.

    Raises:
        UnusableImageError: if the header alone shows that it can't be used.
    """
    with _explained():
        deep = kind == "PNG" and len(head) > 26 and head[24] == 16
        image, bits = _open(stream, kind, 16 if deep else 8)
        with image:
            whole = image.mode in ("L", "RGB") and "transparency" not in image.info
            plain = kind in PLAIN and bits == 8 and whole and not _orientation(image)
            return Header(kind, bits, plain=plain)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever Pillow raises into a reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnusableImageError:
        raise
    except MemoryError as e:
        raise UnusableImageError("too large") from e
    except Exception as e:  # whatever a plugin's parser meets: struct.error, SyntaxError ...
        words = str(e).lower()
        cut = "truncated" in words or "broken data stream" in words or isinstance(e, EOFError)
        raise UnusableImageError("cut short" if cut else "damaged", _explain(e)) from e


def _explain(e: Exception) -> str:
    """Pillow's own words, where they are known to quote nothing from the file."""
    words = str(e).splitlines()[0] if str(e) else ""
    known = ("truncated", "broken data stream", "cannot identify", "unrecognized data stream", "decoder")
    return next((k for k in known if k in words.lower()), type(e).__name__)


def _open(stream: IO[bytes], kind: str, bits: int) -> tuple[Image, int]:
    """Open an image and look at its size and frames; return it and its bits a sample."""
    from PIL import Image

    try:
        image = Image.open(stream, formats=FORMATS[kind])
    except Image.DecompressionBombError as e:
        raise UnusableImageError("too large") from e
    check_size(*image.size)
    _check_frames(image)
    if image.mode.startswith(("I", "F")):
        bits = 32 if image.mode in ("I", "F") else 16
    return image, _tiff_bits(image, bits) if kind == "TIFF" else bits


def _read(data: bytes, kind: str) -> Picture:
    bits, alpha_trick = 8, False
    if kind == "PNG" and len(data) > 26 and data[24] == 16:
        bits = 16
        check_size(*struct.unpack(">II", data[16:24]))
        if data[25] == 4:
            data, alpha_trick = _split_grey_alpha(data), True
    image, bits = _open(io.BytesIO(data), kind, bits)
    with image:
        turn = _orientation(image)
        image.load()
        if alpha_trick:
            pixels, steps = _join_grey_alpha(image)
        else:
            pixels, steps = _flatten(image, bits)
    if turn:
        pixels = np.ascontiguousarray(_turn(pixels, turn))
        steps.insert(0, "rotated")
    if pixels.ndim == 3 and is_grey(pixels):
        pixels = np.ascontiguousarray(pixels[..., 0])
        steps.append("grey")
    return Picture(pixels, kind, bits, tuple(steps))


def _check_frames(image: Image) -> None:
    """Refuse animations and multi-page files; smaller copies of a page, and MPO's views, don't count."""
    frames = int(getattr(image, "n_frames", 1))
    if frames < 2 or image.format == "MPO":
        return
    if image.format == "TIFF":
        pages: Any = image
        kinds = []
        for page in range(1, min(frames, 9)):
            pages.seek(page)
            kinds.append(int(pages.tag_v2.get(SUBFILE, 0)) & REDUCED)
        pages.seek(0)
        if all(kinds) and frames < 10:
            return
    raise UnusableImageError("several frames", f"{frames:,}")


def _tiff_bits(image: Any, otherwise: int) -> int:
    found = image.tag_v2.get(BITS)
    return int(max(found)) if found else otherwise


def _orientation(image: Image) -> int:
    """Return the EXIF orientation, 2 to 8, or 0 for upright or unreadable."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a broken EXIF block says nothing of the pixels
        return 0
    return value if isinstance(value, int) and 2 <= value <= 8 else 0


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation: the file's first row and column are where it says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    vertical, horizontal = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    if vertical:
        pixels = pixels[::-1]
    return pixels[:, ::-1] if horizontal else pixels


def _flatten(image: Image, bits: int) -> tuple[Pixels, list[str]]:
    """Return 8-bit pixels, and the steps."""
    steps: list[str] = []
    mode = image.mode
    if mode.startswith(("I", "F")):
        white_is_zero = image.format == "TIFF" and _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO
        return to_grey(np.asarray(image), Display(invert=white_is_zero))
    if mode in ("P", "PA"):
        steps.append("palette")
        image = image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode in ("LA", "La", "RGBA", "RGBa"):
        steps.append("alpha")
        image = _lay_over_black(image)
    elif mode in ("L", "RGB") and "transparency" in image.info:
        steps.append("alpha")
        image = _lay_over_black(image.convert("RGBA"))
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "RGB"):
        steps.append("colour space")
        image = image.convert("RGB")
    pixels = np.asarray(image)
    if bits > 8 and image.mode == "RGB":
        if pixels.size and pixels.max() < DIM:
            raise UnusableImageError("not supported", "16-bit colour with small values; save it as grey")
        steps.insert(0, "upper bits")
    return pixels, steps


def _lay_over_black(image: Image) -> Image:
    from PIL import Image

    grey = image.mode in ("LA", "La")
    whole = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", whole.size, (0, 0, 0, 255)), whole)
    return flat.convert("L") if grey else flat.convert("RGB")


def _tag(image: Any, tag: int) -> Any:
    return image.tag_v2.get(tag)


def _split_grey_alpha(data: bytes) -> bytes:
    """Relabel 16-bit grey with alpha as 8-bit RGBA: as many bytes a pixel, of which Pillow cuts none off."""
    header = data[16:24] + bytes((8, 6)) + data[26:29]
    crc = zlib.crc32(b"IHDR" + header)
    return data[:16] + header + struct.pack(">I", crc) + data[33:]


def _join_grey_alpha(image: Image) -> tuple[Pixels, list[str]]:
    parts = np.asarray(image).astype(np.uint16)
    grey, alpha = parts[..., 0] << 8 | parts[..., 1], parts[..., 2] << 8 | parts[..., 3]
    clear = alpha < 65535
    if not clear.any():
        pixels, steps = to_grey(grey, Display())
        return pixels, ["alpha", *steps]
    # transparent pixels are no part of the picture and don't count for its range
    seen = grey.astype(np.int32)
    seen[alpha == 0] = -1
    pixels, steps = to_grey(seen, Display(padding=(-1, -1)))
    shaded = np.rint(pixels * (alpha / 65535)).astype(np.uint8)
    return shaded, ["alpha", *(s for s in steps if s != "padding")]
