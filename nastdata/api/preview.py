"""Rows to read: as text, and as HTML in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Preview:
    """The first rows of a dataset."""

    rows: dict[str, list[dict[str, Any]]]
    """Config -> rows, a dict of columns each."""

    def __str__(self) -> str:
        """Return the rows as ``nastdata preview`` prints them."""
        from nastdata.report.terminal import show_row

        return "\n\n".join(show_row(config, row) for config, rows in self.rows.items() for row in rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from nastdata.report.terminal import show_row

        parts = []
        for config, rows in self.rows.items():
            parts.append(f"<h4>{escape(config)}</h4>")
            parts += [f"<pre>{escape(show_row(config, row))}</pre>" for row in rows]
        return "\n".join(parts)
