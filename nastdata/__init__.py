"""Datasets that test and teach negation in medical vision-language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nastdata.compat import find_moved_modules

if TYPE_CHECKING:
    from nastdata.dataset.folder import read_dataset
    from nastdata.dataset.load import attach_images, load
    from nastdata.images.api import open_image
    from nastdata.reading.api import check_caption, parse

__version__ = "0.1.0"

__all__ = ["__version__", "attach_images", "check_caption", "load", "open_image", "parse", "read_dataset"]

LAZY = {
    "attach_images": "nastdata.dataset.load",
    "check_caption": "nastdata.reading.api",
    "load": "nastdata.dataset.load",
    "open_image": "nastdata.images.api",
    "parse": "nastdata.reading.api",
    "read_dataset": "nastdata.dataset.folder",
}
"""Name -> module, imported when the name is first used, so that ``import nastdata`` stays light."""


find_moved_modules()


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'nastdata' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(LAZY[name]), name)
