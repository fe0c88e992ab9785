"""Pages whose tables are written by commands: each command replaces its own section, between two marks."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
RELIABILITY = ROOT / "docs" / "reliability.md"


def write_section(name: str, text: str, page: Path = RELIABILITY) -> None:
    """Put ``text`` between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` of a page.

    Raises:
        SystemExit: if the page has no such marks, so that a table is never lost in silence.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    whole = page.read_text(encoding="utf-8")
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise SystemExit(f"{page.name} has no section '{name}' ({begin} ... {end})")
    head, _, rest = whole.partition(begin)
    _, _, tail = rest.partition(end)
    page.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")


def draw_table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a Markdown table; numbers are aligned to the right."""
    right = [all(isinstance(r[i], int | float) for r in rows) for i in range(len(header))]
    lines = [" | ".join(header), " | ".join("--:" if r else "---" for r in right)]
    for row in rows:
        cells = [f"{c:,}" if isinstance(c, int) else str(c).replace("|", "\\|") for c in row]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)
