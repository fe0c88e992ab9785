"""Pages of the documentation, and their blocks of commands and code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = "<!-- made from the code"
FENCE = re.compile(
    r"(?:<!-- no-run: (?P<why>[^\n]+?) -->\n)?```(?P<kind>bash|python|console)\n(?P<text>.*?)```", re.S
)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    kind: str
    text: str
    why_not: str | None
    """Why it can't be run by a test."""


def list_pages() -> list[Path]:
    """Every page that people write."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    return sorted(p for p in pages if not p.read_text(encoding="utf-8").startswith(MADE))


def list_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(page, m["kind"], m["text"], m["why"]) for m in FENCE.finditer(text)]
