"""One image from wherever it is to a new file's bytes, with an account: what a worker process does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nastdata.images.decoding.picture import Picture, UnusableImageError
from nastdata.images.decoding.reader import check_header, read_picture
from nastdata.images.encode import Encoding, encode, shrink
from nastdata.images.phantom.studies import DrawingOrder


class ImageFile(NamedTuple):
    """Where one image is: a file, the bytes themselves, or an order to draw it; or why it is nowhere."""

    source: str
    image: str
    path: Path | None = None
    data: bytes | None = None
    order: DrawingOrder | None = None
    reason: str = ""


class Converted(NamedTuple):
    """What became of one image."""

    data: bytes | None
    """The new file, or None."""
    kind: str = ""
    bits: int = 0
    steps: tuple[str, ...] = ()
    read: int = 0
    """Bytes of the original."""
    reason: str = ""
    """Why there is none, one of ``REASONS``."""
    detail: str = ""


def open_picture(file: ImageFile) -> Picture:
    """Return the pixels of an image.

    Raises:
        UnusableImageError: if it can't be used, with the reason.
    """
    if file.order is not None:
        return Picture(file.order.draw(), "drawn")
    if file.data is not None:
        return read_picture(file.data, name=file.image)
    if file.path is None:
        raise UnusableImageError(file.reason or "not found")
    return read_picture(file.path)


def convert_images(
    files: Sequence[ImageFile], encoding: Encoding, keep_burnt_in: bool = False
) -> list[Converted]:
    """Convert some images; one that can't be used has a reason and never stops the others."""
    return [_convert(file, encoding, keep_burnt_in) for file in files]


def check_images(files: Sequence[ImageFile], keep_burnt_in: bool = False) -> list[Converted]:
    """Look at the headers of some images: nothing is decoded, ``data`` stays None."""
    return [_check(file, keep_burnt_in) for file in files]


def _convert(file: ImageFile, encoding: Encoding, keep_burnt_in: bool) -> Converted:
    try:
        picture = open_picture(file)
        if picture.burnt_in and not keep_burnt_in:
            raise UnusableImageError("burnt-in text")
        small = shrink(picture.pixels, encoding.max_side)
        steps = picture.steps if small is picture.pixels else (*picture.steps, "shrunk")
        data = encode(small, encoding)
        return Converted(data, picture.kind, picture.bits, steps, _measure(file))
    except UnusableImageError as e:
        return Converted(None, reason=e.reason, detail=e.detail, read=_measure(file))


def _check(file: ImageFile, keep_burnt_in: bool) -> Converted:
    if file.order is not None:
        return Converted(None, "drawn", 8)
    try:
        content = file.path if file.data is None else file.data
        if content is None:
            raise UnusableImageError(file.reason or "not found")
        header = check_header(content, name=file.image)
        if header.burnt_in and not keep_burnt_in:
            raise UnusableImageError("burnt-in text")
        return Converted(None, header.kind, header.bits)
    except UnusableImageError as e:
        return Converted(None, reason=e.reason, detail=e.detail)


def _measure(file: ImageFile) -> int:
    if file.data is not None:
        return len(file.data)
    return file.path.stat().st_size if file.path is not None and file.path.is_file() else 0
