"""Corpora, one a module or a folder, and how to get one by name.

In: files of a corpus.
Out: studies with labels, or facts; rejects; terms.
May import: reading, engines.
"""

from __future__ import annotations

from nastdata.registry import get_adapter, list_adapters
from nastdata.sources.base import Source

GROUP = "nastdata.sources"
"""Entry points: the name of ``--source`` -> a ``Source``."""


def list_sources() -> list[str]:
    """Return the names of all sources, the built-in ones first."""
    return list(list_adapters(GROUP))


def get_source(name: str) -> Source:
    """Return a source by name.

    Raises:
        UserError: if there is none (names the nearest), or a plug-in's fails to import.
    """
    source: Source = get_adapter(GROUP, name)
    return source


__all__ = ["GROUP", "Source", "get_source", "list_sources"]
