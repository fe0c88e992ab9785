"""One finished stage on disk: its frames, its plain values, and the checksums that say it is whole.

An entry is ``NAME.json``, written last and in one step, and an Arrow file for each frame. Nothing in it is
code: a foreign or damaged entry can be refused, but does nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

FORMAT = 1
"""Of entries; others are made again."""
UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class DamagedEntryError(Exception):
    """An entry is there, but is not what was written."""


class OtherKeyError(Exception):
    """An entry is whole, but was made from something else."""


@dataclass(frozen=True)
class Kept:
    """What a stage made, in parts that a file can hold."""

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    data: Any = None
    """Plain values, as JSON has them."""


def write_entry(folder: Path, name: str, key: str, kept: Kept) -> None:
    """Write an entry; one of the same name is replaced.

    Raises:
        OSError: if it can't be written.
        TypeError: if ``data`` holds what JSON has no word for.
    """
    stem = _name(name)
    files = {}
    (folder / f"{stem}.json").unlink(missing_ok=True)
    for label, frame in kept.frames.items():
        path = folder / f"{stem}.{label}.arrow"
        try:
            frame.write_ipc(path, compression="lz4")
        except pl.exceptions.PolarsError as e:
            raise OSError(str(e).splitlines()[0]) from e
        files[label] = {"sha256": hash_file(path), "rows": len(frame)}
    body = {"format": FORMAT, "stage": name, "key": key, "files": files, "data": kept.data}
    text = json.dumps(body, ensure_ascii=False, allow_nan=True)
    whole = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "entry": text})
    beside = folder / f"{stem}.json.new"
    beside.write_text(whole, encoding="utf-8")
    beside.replace(folder / f"{stem}.json")


def read_entry(folder: Path, name: str, key: str) -> Kept | None:
    """Return an entry if it is there, whole, and made from what ``key`` stands for.

    Returns:
        What was kept; None if there is no such entry.

    Raises:
        DamagedEntryError: if it is not whole.
        OtherKeyError: if it was made from something else.
    """
    stem = _name(name)
    path = folder / f"{stem}.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise DamagedEntryError(e.strerror or str(e)) from e
    body = _check(content, name)
    if body["format"] != FORMAT or body["key"] != key:
        raise OtherKeyError
    frames = {}
    try:
        for label, about in body["files"].items():
            file = folder / f"{stem}.{_name(label)}.arrow"
            if hash_file(file) != about["sha256"]:
                raise DamagedEntryError(f"{file.name} is not what was written")
            frames[label] = pl.read_ipc(file)
    except (OSError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as e:
        raise DamagedEntryError(str(e).splitlines()[0] if str(e) else type(e).__name__) from e
    return Kept(frames, body["data"])


def remove_entry(folder: Path, name: str) -> None:
    """Remove an entry, its head first, so that no half of it is taken for a whole."""
    stem = _name(name)
    (folder / f"{stem}.json").unlink(missing_ok=True)
    for path in folder.glob(f"{stem}.*"):
        path.unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(content: bytes, name: str) -> dict[str, Any]:
    try:
        whole = json.loads(content)
        text = whole["entry"]
        if hashlib.sha256(text.encode()).hexdigest() != whole["sha256"]:
            raise DamagedEntryError("its checksum does not fit")
        body: dict[str, Any] = json.loads(text)
        if body["stage"] != name or not {"format", "key", "files", "data"} <= set(body):
            raise DamagedEntryError("it is of another stage")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise DamagedEntryError("not readable") from e
    return body


def _name(name: str) -> str:
    return UNSAFE.sub("-", name)
