"""Small pictures for pages, inside the page itself."""

from __future__ import annotations

import base64

from nastdata.images.decoding.picture import Picture, UnusableImageError
from nastdata.images.decoding.reader import read_picture
from nastdata.images.encode import Encoding, encode, shrink

SIDE = 192
"""Pixels of the longer side."""
QUALITY = 80


def make_data_uri(image: bytes) -> str | None:
    """Return an image file as a small ``data:`` address, made of its pixels alone.

    None if it can't be used: a page shows what there is, and counting what is broken is not its work.
    """
    try:
        return draw_thumbnail(read_picture(image))
    except UnusableImageError:
        return None


def draw_thumbnail(picture: Picture, side: int = SIDE) -> str | None:
    """Return a picture as a small ``data:`` address; None if its header says that text is burnt in."""
    if picture.burnt_in:
        return None
    small = encode(shrink(picture.pixels, side), Encoding("jpeg", QUALITY))
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
