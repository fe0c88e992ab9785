"""Corpora, one a file, and the registry that names them."""

from __future__ import annotations

from importlib import import_module

from nastdata.errors import UserError, name_nearest
from nastdata.sources.base import Source

MODULES: dict[str, str] = {
    "phantom": "nastdata.sources.phantom.source",
    "chexpert": "nastdata.sources.chexpert",
    "mimic-cxr": "nastdata.sources.mimic_cxr",
    "cad-chest": "nastdata.sources.cad_chest.source",
    "openi": "nastdata.sources.openi.source",
    "padchest": "nastdata.sources.padchest.source",
}
"""Source name -> module, which has a ``SOURCE``."""


def get_source(name: str) -> Source:
    """Return a source by name.

    Raises:
        UserError: if there is none; names the nearest.
    """
    if name not in MODULES:
        raise UserError("no such source", where=name, how=name_nearest(name, MODULES))
    source: Source = import_module(MODULES[name]).SOURCE
    return source


__all__ = ["MODULES", "Source", "get_source"]
