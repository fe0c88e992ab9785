"""Corpora, one a module or a folder, and how to get one by name.

In: files of a corpus.
Out: studies with labels, or facts; rejects; terms.
May import: reading, engines.
"""

from __future__ import annotations

from pathlib import Path

from nastdata.registry import get_adapter, list_adapters
from nastdata.sources.base import Source

GROUP = "nastdata.sources"
"""Entry points: the name of ``--source`` -> a ``Source``."""


def is_own(name: str) -> bool:
    """Whether a source's name is the path of a YAML file that describes an own table."""
    return name.lower().endswith((".yaml", ".yml"))


def list_sources() -> list[str]:
    """Return the names of all sources, the built-in ones first."""
    return list(list_adapters(GROUP))


def get_source(name: str) -> Source:
    """Return a source by name, or the own table that a YAML file describes.

    Raises:
        UserError: if there is none (names the nearest), a plug-in's fails to import, or the YAML is wrong.
    """
    if is_own(name):
        from nastdata.sources.own.source import open_own

        return open_own(Path(name), reserved=tuple(list_sources()))
    source: Source = get_adapter(GROUP, name)
    return source


__all__ = ["GROUP", "Source", "get_source", "is_own", "list_sources"]
