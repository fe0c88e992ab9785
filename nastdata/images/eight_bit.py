"""Images of any depth as the 8-bit pictures that vision models take."""

from __future__ import annotations

import io
from typing import Any

from nastdata.errors import UserError

KEPT = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""Beginnings of files that every tool opens: PNG and JPEG."""


def flatten(image: Any) -> Any:
    """Return an 8-bit grey or colour PIL image; more bits are scaled to the image's own range."""
    if image.mode in ("L", "RGB"):
        return image
    if not image.mode.startswith(("I", "F")):
        return image.convert("L" if image.mode in ("1", "LA") else "RGB")
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image).astype(np.float64)
    low, high = float(pixels.min()), float(pixels.max())
    scaled = np.rint((pixels - low) * (255 / (high - low or 1.0))).astype(np.uint8)
    return Image.fromarray(scaled)


def to_eight_bit(data: bytes, name: str) -> bytes:
    """Return an 8-bit PNG or JPEG as it is, and anything else as an 8-bit PNG.

    Raises:
        UserError: if the bytes are no image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode in ("L", "RGB") and data.startswith(KEPT):
                return data
            out = io.BytesIO()
            flatten(image).save(out, "PNG")
    except (UnidentifiedImageError, OSError, ValueError) as e:
        raise UserError(f"not a readable image ({e})", where=name) from e
    return out.getvalue()
