"""Tables of results: drawn on a terminal, aligned plain lines elsewhere, the same everywhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    styles: Mapping[int, str] | None = None,
    numbers: Sequence[str] = (),
) -> None:
    """Print a table to stdout.

    Args:
        head: Names of the columns.
        rows: Cells as text.
        title: Above it, on a terminal.
        styles: Row number -> style of rich, on a terminal.
        numbers: Columns that are aligned to the right.
    """
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=title, title_justify="left")
        for name in head:
            table.add_column(name, justify="right" if name in numbers else "left")
        for i, row in enumerate(rows):
            table.add_row(*map(escape, row), style=(styles or {}).get(i))
        Console().print(table)
        return
    widths = [max(len(r[i]) for r in (head, *rows)) for i in range(len(head))]
    right = [name in numbers for name in head]
    for row in (head, *rows):
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        click.echo("  ".join(cells).rstrip())
