"""The texts in image files' headers that name a person or a place: what must be found nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from nastdata.images.decoding.dicom_names import list_dicom_names
from nastdata.images.decoding.files import EXTENSIONS, VOLUMES, sniff
from nastdata.images.decoding.raster_names import list_raster_names

SHORTEST = 5
"""Characters of a text from which on it is looked for: shorter ones occur by chance."""
HEAD = 352


def list_header_texts(path: Path) -> set[str]:
    """Return the texts of a file's header that identify: names, ids, addresses, comments, EXIF texts.

    A file that can't be read has none.
    """
    try:
        with path.open("rb") as stream:
            kind = sniff(stream.read(HEAD))
            stream.seek(0)
            found = list_dicom_names(stream) if kind == "DICOM" else list_raster_names(stream, kind)
    except OSError:
        return set()
    return {text for text in found if len(text) >= SHORTEST}


def list_image_files(root: Path, most: int | None = None) -> Iterator[Path]:
    """Yield files below a folder that are named as images or volumes, or have no ending, in a fixed order.

    Links to other places are not followed.
    """
    given = 0
    for folder, below, names in os.walk(root):
        below[:] = sorted(d for d in below if not d.startswith("."))
        for name in sorted(names):
            ending = name.rpartition(".")[2].lower() if "." in name else ""
            other = ending and ending not in EXTENSIONS and not ending.isdigit()
            if name.startswith(".") or (other and not name.lower().endswith(VOLUMES)):
                continue
            if most is not None and given >= most:
                return
            given += 1
            yield Path(folder, name)
