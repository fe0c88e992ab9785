"""Where a corpus's files are: named by the user, in the usual places, or inside an installed package."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from nastdata.errors import UserError

IMAGE_FOLDER = re.compile(r"(p\d{2}|p\d{8}|s\d{8}|patient\d+|study\d+)$")
"""Folders that hold images only, and hundreds of thousands of them: never walked into."""


def list_places(name: str, data: Path | None) -> list[Path]:
    """Return the files or folders in which to look for a corpus: only the named one, if one is named."""
    if data is not None:
        return [data]
    named = os.environ.get(f"NASTDATA_{name.upper().replace('-', '_')}")
    return [Path(named)] if named else [Path("data") / name]


def find_in_torchxrayvision(file: str) -> Path | None:
    """Return a label file of an installed ``torchxrayvision``, which is not imported (it imports torch)."""
    try:
        path = Path(str(distribution("torchxrayvision").locate_file(f"torchxrayvision/data/{file}")))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def walk_tables(folder: Path, depth: int = 5) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders, in a fixed order, leaving out image folders."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    yield from (e for e in entries if e.is_file())
    if depth > 0:
        for entry in entries:
            if entry.is_dir() and not IMAGE_FOLDER.match(entry.name):
                yield from walk_tables(entry, depth - 1)


def tell_missing(title: str, data: Path | None, looked: list[str], needs: tuple[str, ...]) -> UserError:
    """Return the error for a corpus that was not found."""
    if data is not None and not data.exists():
        return UserError("no such file or folder", where=str(data), how=f"needed: {'; '.join(needs)}")
    return UserError(
        f"no {title} files found in {' or '.join(looked)}",
        how=f"needed: {'; '.join(needs)}; name them with --data PATH",
    )
