"""Whether input files are what they were when a stage read them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from nastdata.sources.locate import IMAGE_FILE, walk_tables
from nastdata.stages.entries import hash_file

Described = list[tuple[str, int, int]]
"""(path, size, time of the last change in nanoseconds), sorted; a missing file has -1."""


def describe_paths(paths: Iterable[Path]) -> Described:
    """Describe files, and every file of folders but images."""
    out: set[tuple[str, int, int]] = set()
    for path in paths:
        if not path.is_dir():
            out.add(_describe(path))
            continue
        for folder, _, names in os.walk(path):
            out.update(_describe(Path(folder) / name) for name in names if not IMAGE_FILE.search(name))
    return sorted(out)


def describe_source(found: Iterable[Path], data: Path | None) -> Described:
    """Describe what a source has found, and the tables beside it, of which it may read some too."""
    found = list(found)
    beside = {p.parent for p in found}
    tables = [t for folder in beside for t in walk_tables(folder, 0)]
    if data is not None and data.is_dir():
        tables += walk_tables(data, 6)
    return describe_paths([*found, *(t for t in tables if not t.is_dir())])


def hash_listing(described: Described) -> str:
    """Return one hash of a description."""
    return hashlib.sha256(json.dumps(described).encode("utf-8", "surrogatepass")).hexdigest()


def is_same_content(path: Path, sha256: str) -> bool:
    """Whether a file has the content that is on record; folders, and files without a hash, are not read."""
    if not sha256 or not path.is_file():
        return True
    try:
        return hash_file(path) == sha256
    except OSError:
        return False


def _describe(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except OSError:
        return str(path.absolute()), -1, -1
    return str(path.absolute()), about.st_size, about.st_mtime_ns
