"""The texts of a raster image's header: what must be found nowhere else."""

from __future__ import annotations

import warnings
from typing import IO, Any

from nastdata.images.decoding.raster import FORMATS

TECHNICAL = {
    "jfif",
    "jfif_version",
    "jfif_unit",
    "jfif_density",
    "dpi",
    "gamma",
    "compression",
    "transparency",
}
SHORTEST, LONGEST = 5, 400


def list_raster_names(stream: IO[bytes], kind: str | None) -> set[str]:
    """Return the texts of comments, text chunks and EXIF; a header that can't be read has none."""
    from PIL import Image

    if kind not in FORMATS:
        return set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=FORMATS[kind]) as image:
                found = [v for k, v in image.info.items() if str(k).lower() not in TECHNICAL]
                exif = image.getexif()
                found += [*exif.values(), *exif.get_ifd(0x8769).values()]
    except Exception:  # a file that can't be parsed is refused elsewhere
        return set()
    return {text for value in found if (text := _read_text(value))}


def _read_text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "ignore").replace("\0", "")
    text = value.strip() if isinstance(value, str) else ""
    return text if SHORTEST <= len(text) <= LONGEST and text.isprintable() else ""
