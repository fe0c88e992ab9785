"""The results page (placeholder until the page is written)."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write_page(path: Path, report: Any, answers: Any, data: Any) -> None:
    """Write the page."""
    path.write_text("<!doctype html>")
