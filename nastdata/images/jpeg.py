"""Any image that a corpus has, as an 8-bit JPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from nastdata.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

START = b"\xff\xd8\xff"
QUALITY = 95


def to_jpeg(data: bytes, name: str) -> bytes:
    """Return a JPEG as it is, and anything else converted; 16-bit films are scaled to their own range.

    Raises:
        UserError: if the bytes are no image, or Pillow is missing.
    """
    if data.startswith(START):
        return data
    try:
        from PIL import UnidentifiedImageError
        from PIL.Image import open as open_image
    except ImportError as e:
        raise UserError("Pillow is not installed", where="webdataset", how="pip install pillow") from e
    try:
        with open_image(io.BytesIO(data)) as image:
            flat = _flatten(image)
            out = io.BytesIO()
            flat.save(out, "JPEG", quality=QUALITY)
    except (UnidentifiedImageError, OSError) as e:
        raise UserError(f"not a readable image ({e})", where=name) from e
    return out.getvalue()


def _flatten(image: Image) -> Image:
    """Return an image of 8-bit grey or colour."""
    if image.mode in ("L", "RGB"):
        return image
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGB")
    import numpy as np
    from PIL.Image import fromarray

    pixels = np.asarray(image).astype(np.float64)
    low, high = pixels.min(), pixels.max()
    return fromarray(np.rint((pixels - low) * (255 / max(high - low, 1))).astype(np.uint8))
