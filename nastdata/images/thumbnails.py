"""Small pictures for the report, inside the page itself."""

from __future__ import annotations

import base64
import io
from importlib.util import find_spec

SIDE = 192
"""Pixels of the longer side."""
LARGEST = 60_000
"""Bytes of an image that is shown as it is, where it can't be made smaller."""
KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def make_data_uri(image: bytes) -> str | None:
    """Return an image as a small ``data:`` address; None if it is no image, or too large to be shown."""
    kind = next((kind for magic, kind in KINDS.items() if image.startswith(magic)), None)
    if kind is None:
        return None
    if find_spec("PIL") is not None:
        small = _shrink(image)
        if small is None:
            return None
        kind, image = "image/jpeg", small
    if len(image) > LARGEST:
        return None
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


def _shrink(image: bytes) -> bytes | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(image)) as opened:
            picture = (
                opened.convert("I").point(lambda v: v / 256).convert("L") if _is_deep(opened) else opened
            )
            picture = picture.convert("L" if picture.mode in ("1", "L", "I", "LA") else "RGB")
            picture.thumbnail((SIDE, SIDE))
            out = io.BytesIO()
            picture.save(out, format="JPEG", quality=80)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None  # a damaged film is shown as none; checking films is not the report's work
    return out.getvalue()


def _is_deep(image: object) -> bool:
    """Whether an image has 16 bits a pixel, as PadChest's have; those would come out white."""
    return str(getattr(image, "mode", "")).startswith("I")
