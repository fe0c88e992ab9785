"""From pixels to the bytes of a new file, which holds pixels and nothing else."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nastdata.images.decoding.picture import Pixels

Format = Literal["png", "jpeg", "webp"]
SUFFIX: dict[Format, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
PNG_LEVEL = 3
"""Compression: higher ones take far longer for a few per cent."""


@dataclass(frozen=True)
class Encoding:
    """How new image files are written."""

    format: Format = "png"
    quality: int = 95
    """Of JPEG and WebP, 1 to 100."""
    max_side: int | None = None
    """Pixels of the longer side at most; smaller images stay as they are."""

    @property
    def suffix(self) -> str:
        """Ending of a file name, without the dot."""
        return SUFFIX[self.format]


def encode(pixels: Pixels, encoding: Encoding) -> bytes:
    """Return an image file made of pixels alone: no text, no EXIF, no colour profile, no comment."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    out = io.BytesIO()
    if encoding.format == "png":
        image.save(out, "PNG", compress_level=PNG_LEVEL)
    elif encoding.format == "jpeg":
        image.save(out, "JPEG", quality=encoding.quality)
    else:
        image.save(out, "WEBP", quality=encoding.quality, method=4)
    return out.getvalue()


def shrink(pixels: Pixels, max_side: int | None) -> Pixels:
    """Return pixels whose longer side is at most ``max_side``, by Lanczos; the same if they fit."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if max_side is None or longer <= max_side:
        return pixels
    from PIL import Image

    size = (max(1, round(width * max_side / longer)), max(1, round(height * max_side / longer)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
