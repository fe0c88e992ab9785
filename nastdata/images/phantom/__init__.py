"""The phantom source's radiographs: drawn from facts and a seed, never read from a file.

``drawing`` turns facts into pixels, by ``anatomy``, ``places``, ``findings`` and ``mark``; ``studies`` knows
which study shows which facts.
"""

from nastdata.images.phantom.drawing import Pixels, render
from nastdata.images.phantom.studies import (
    PhantomImages,
    draw_study,
    encode_png,
    find_phantom_images,
    group_studies,
    tile,
    write_phantom_images,
)

__all__ = [
    "PhantomImages",
    "Pixels",
    "draw_study",
    "encode_png",
    "find_phantom_images",
    "group_studies",
    "render",
    "tile",
    "write_phantom_images",
]
