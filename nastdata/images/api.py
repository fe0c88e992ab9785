"""Open one image as every command does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.images.decoding.picture import UnusableImageError
from nastdata.images.decoding.reader import read_picture


def open_image(file: str | Path | bytes) -> Any:
    """Open an image file - PNG, JPEG, TIFF, WebP, DICOM; 8 to 16 bits - as models and datasets get it.

    Args:
        file: path or content.

    Returns:
        A PIL image, ``L`` or ``RGB``, by the rule of ``docs/images.md``.

    Raises:
        UserError: if it can't be used, with the reason.
    """
    from PIL import Image

    try:
        return Image.fromarray(read_picture(file if isinstance(file, bytes) else Path(file)).pixels)
    except UnusableImageError as e:
        where = "image" if isinstance(file, bytes) else str(file)
        raise UserError(f"not a readable image: {e}", where=where) from e
