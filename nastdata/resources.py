"""Files of the package and of its user: what ships with it, a hash of it, and where caches are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
OUTSIDE = ("prompts", "ontologies")
"""Kinds of files that decide what is made, and may lie outside the package."""
CODE = frozenset({".py", ".yaml", ".json", ".j2", ".tsv", ".csv", ".txt"})
"""Endings of files that decide what is made."""


def find_resource(kind: str) -> Path:
    """Return the folder of ``prompts``, ``schemas``, ``recipes`` or ``ontologies``.

    In a wheel they are under ``_data``, in a checkout beside the package.

    Raises:
        FileNotFoundError: if the installation is incomplete.
    """
    for folder in (PACKAGE / kind, PACKAGE / "_data" / kind, PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"nastdata is installed without its {kind}; reinstall the package")


def find_caches() -> Path:
    """Return the folder of our caches: ``nastdata`` below ``XDG_CACHE_HOME``, else below ``~/.cache``.

    Raises:
        RuntimeError: if the user has no home.
    """
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "nastdata"


@lru_cache(maxsize=1)
def hash_code() -> str:
    """Return a hash of our code and of the files that it works by."""
    return hash_folders([PACKAGE, *(find_resource(kind) for kind in OUTSIDE)])


def hash_folders(folders: Iterable[Path]) -> str:
    """Return a hash of names and contents of the code in folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in CODE and path.is_file():
                digest.update(f"{path.relative_to(folder)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
