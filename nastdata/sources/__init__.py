"""Corpora, one a file, and the registry that names them."""

from __future__ import annotations

from importlib import import_module

from nastdata.errors import UserError, name_nearest
from nastdata.sources.base import Source

MODULES: dict[str, str] = {
    "phantom": "nastdata.sources.phantom.source",
    "chexpert": "nastdata.sources.chexpert.labels",
    "mimic-cxr": "nastdata.sources.mimic.labels",
    "cad-chest": "nastdata.sources.cad_chest.source",
    "openi": "nastdata.sources.openi.source",
    "padchest": "nastdata.sources.padchest.source",
    "nih": "nastdata.sources.nih.mined",
    "nih-adjudicated": "nastdata.sources.nih.adjudicated",
    "nih-boxes": "nastdata.sources.nih.boxes",
    "vindr-cxr": "nastdata.sources.vindr.source",
    "siim-acr": "nastdata.sources.challenges.siim_acr",
    "rsna-pneumonia": "nastdata.sources.challenges.rsna_pneumonia",
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
