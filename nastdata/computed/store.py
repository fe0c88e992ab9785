"""Results that follow from an ontology and few numbers, kept on disk so that the next build has them at once.

What is kept is a pure function of its key: the name, everything it was asked, our code, Python and the
libraries. So a build gives the same bytes with the cache, without it, and with a damaged one: an entry whose
checksum does not fit is made anew. Nothing in it is code, and nothing of it is needed: delete it at any time.

The folder is ``NASTDATA_CACHE``, else ``nastdata/computed`` below ``XDG_CACHE_HOME`` or ``~/.cache``, beside
the answers of language models. ``NASTDATA_CACHE=off`` keeps nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nastdata.resources import find_caches, hash_code

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]

VARIABLE, OFF = "NASTDATA_CACHE", "off"
MAGIC = b"nastdata computed 1\n"
SUFFIX, HALF = ".computed", ".computed.part"
STALE = 3600.0
"""Seconds after which an entry that is only half there is of a run that was killed."""
MOST_BYTES = 200_000_000
"""Size of all entries above which those that were not used for longest go."""
LIBRARIES = ("numpy", "scipy", "polars")


@dataclass(frozen=True)
class Entry:
    """One kept result."""

    path: Path
    name: str
    """What it is, such as ``verdicts``."""
    size: int
    used: float
    """When it was made or last used, in seconds since 1970."""


def keep(
    name: str, asked: Any, make: Callable[[], Arrays], fits: Callable[[Arrays], bool] = lambda kept: True
) -> Arrays:
    """Return the arrays that ``make`` makes: kept ones, or made now and kept.

    Args:
        name: what they are, in letters.
        asked: all that they follow from, in plain values (with the ontology's fingerprint where it has a
            part).
        make: makes arrays of numbers or truth values, by name; the same for the same ``asked``.
        fits: whether kept arrays have the form that is wanted; others are made anew.
    """
    folder = find_folder()
    if folder is None:
        return make()
    path = folder / f"{name}-{_hash_key(name, asked)}{SUFFIX}"
    kept = _read(path)
    if kept is None or not fits(kept):
        kept = make()
        _write(path, kept)
    return kept


def find_folder() -> Path | None:
    """Return the folder of kept results, which may not be there yet; None where nothing is to be kept."""
    given = os.environ.get(VARIABLE)
    if given is not None and given.strip().lower() in (OFF, ""):
        return None
    if given is not None:
        return Path(given)
    try:
        return find_caches() / "computed"
    except RuntimeError:  # a user without a home
        return None


def list_entries(folder: Path | None = None) -> list[Entry]:
    """Return what is kept, by name and path."""
    return sorted(_scan(folder or find_folder()), key=lambda e: (e.name, e.path))


def clear_entries(folder: Path | None = None) -> list[Entry]:
    """Delete what is kept, and nothing else that may lie there; return what was deleted."""
    gone = []
    for entry in list_entries(folder):
        try:
            entry.path.unlink()
        except FileNotFoundError:
            continue
        gone.append(entry)
    return gone


def _hash_key(name: str, asked: Any) -> str:
    text = json.dumps([name, hash_code(), _list_versions(), asked], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


@lru_cache(maxsize=1)
def _list_versions() -> list[str]:
    """Return what else than our code a result comes from: Python and libraries."""
    found = [sys.version, sys.byteorder]
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> Arrays | None:
    """Return a kept result; None if there is none that is whole."""
    import numpy as np

    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, body = content[: len(MAGIC) + 32], content[len(MAGIC) + 32 :]
    if head != MAGIC + hashlib.sha256(body).digest():
        return None
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        os.utime(path)
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Keep a result in one step, so that builds beside one another see all of it or nothing.

    Where nothing can be written (a full disk, a folder that is not ours) it is not kept: the build has it.
    """
    import numpy as np

    buffer = io.BytesIO()
    given: dict[str, Any] = dict(arrays)
    np.savez(buffer, **given)
    body = buffer.getvalue()
    beside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=HALF, delete=False) as file:
            beside = Path(file.name)
            file.write(MAGIC + hashlib.sha256(body).digest() + body)
        beside.replace(path)
        _trim(path.parent)
    except OSError:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _trim(folder: Path) -> None:
    """Delete what was not used for longest, until the rest is small enough, and what a kill left half."""
    for part in folder.glob(f"*{HALF}"):
        if time.time() - part.lstat().st_mtime > STALE:
            part.unlink(missing_ok=True)
    entries = sorted(_scan(folder), key=lambda e: -e.used)
    whole = 0
    for entry in entries:
        whole += entry.size
        if whole > MOST_BYTES:
            entry.path.unlink(missing_ok=True)


def _scan(folder: Path | None) -> Iterator[Entry]:
    if folder is None or not folder.is_dir():
        return
    for path in folder.glob(f"*-*{SUFFIX}"):
        try:
            about = path.lstat()
        except OSError:
            continue
        yield Entry(path, path.name.partition("-")[0], about.st_size, about.st_mtime)
