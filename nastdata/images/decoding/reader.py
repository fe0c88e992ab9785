"""Open any image file that is read, as 8-bit pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from nastdata.images.decoding.dicom import check_dicom, read_dicom
from nastdata.images.decoding.files import MAX_BYTES, check_kind, read_file
from nastdata.images.decoding.picture import Header, Picture, UnusableImageError
from nastdata.images.decoding.raster import check_raster, read_raster

HEAD = 352


def read_picture(file: bytes | Path, *, name: str = "") -> Picture:
    """Decode an image to 8-bit grey or RGB by the rule of ``grey_levels``.

    Args:
        file: content or path.
        name: of the file, for kinds that only a name tells.

    Raises:
        UnusableImageError: if it can't be used, with the reason.
    """
    if isinstance(file, Path):
        data, name = read_file(file), name or file.name
    else:
        data = file
    if len(data) > MAX_BYTES:
        raise UnusableImageError("too large", f"{len(data):,} bytes")
    kind = check_kind(data[:HEAD], name)
    return read_dicom(data) if kind == "DICOM" else read_raster(data, kind)


def check_header(file: bytes | Path, *, name: str = "") -> Header:
    """Look at an image's header, reading as little of it as can be.

    Raises:
        UnusableImageError: if the header alone shows that it can't be used.
    """
    if isinstance(file, bytes):
        return _check(io.BytesIO(file), name)
    try:
        with file.open("rb") as stream:
            return _check(stream, name or file.name)
    except FileNotFoundError as e:
        raise UnusableImageError("not found") from e
    except OSError as e:
        raise UnusableImageError("damaged", e.strerror or type(e).__name__) from e


def _check(stream: IO[bytes], name: str) -> Header:
    head = stream.read(HEAD)
    stream.seek(0)
    kind = check_kind(head, name)
    return check_dicom(stream) if kind == "DICOM" else check_raster(stream, head, kind)
