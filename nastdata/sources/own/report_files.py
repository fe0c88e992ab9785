"""Folders of report files: which file is whose report."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from nastdata.errors import UserError
from nastdata.sources.own.keys import hash_path
from nastdata.text_input.plain_files import is_plain

MIMIC = r"(?:^|/)(?P<patient>p\d{8})/(?P<study>s\d{8})\.txt$"
"""The layout of MIMIC-CXR: files/p10/p10000032/s50414267.txt."""
LARGEST = 1_000_000
"""Bytes of one report."""


def find_texts(folder: Path) -> list[str]:
    """Return the paths of the .txt files under a folder, relative to it, sorted.

    Raises:
        UserError: if there is no such folder.
    """
    if not folder.is_dir():
        raise UserError("no such folder", where=f"reports.folder: {folder}")
    found = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(root, n).relative_to(folder).as_posix() for n in names if n.lower().endswith(".txt")]
    return sorted(found)


def name_studies(paths: Sequence[str], pattern: str | None) -> list[tuple[str | None, str] | None]:
    """Return (patient or None, study) of each report file; None if it does not fit the pattern.

    Without a pattern, and not in MIMIC's layout, the study is named by the hash of the path.
    """
    groups = re.compile(pattern or MIMIC).groupindex
    text = pl.Series(paths, dtype=pl.String).str
    studies = text.extract(pattern or MIMIC, groups["study"])
    patients = (
        text.extract(pattern or MIMIC, groups["patient"]) if "patient" in groups else [None] * len(paths)
    )
    return [
        (patient, study) if study is not None else None if pattern else (None, hash_path(path))
        for path, patient, study in zip(paths, patients, studies, strict=True)
    ]


def read_text(path: Path, encoding: str | None) -> tuple[str | None, str | None]:
    """Return (text, None), or (None, why it cannot be read)."""
    try:
        if not is_plain(path):
            return None, "no plain file"
        if path.stat().st_size > LARGEST:
            return None, "too big for a report"
        return path.read_bytes().decode(encoding or "utf-8-sig"), None
    except UnicodeDecodeError:
        return None, f"not {encoding or 'utf-8'} text"
    except OSError as e:
        return None, f"cannot be read ({e.strerror})"


def hash_texts(folder: Path, names: Sequence[str]) -> str:
    """Return one sha256 over the names and contents of report files."""
    whole = hashlib.sha256()
    for name in names:
        whole.update(name.encode() + b"\0")
        if is_plain(folder / name):
            whole.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return whole.hexdigest()


def iterate_texts(
    folder: Path, names: Sequence[str], pattern: str | None, encoding: str | None
) -> Iterator[tuple[str, str | None, str, str | None, str | None]]:
    """Yield (file, patient, study, text, why it cannot be used); study is the file where it has none."""
    for name, keys in zip(names, name_studies(names, pattern), strict=True):
        if keys is None:
            yield name, None, name, None, "a file name that does not fit the pattern"
            continue
        text, why = read_text(folder / name, encoding)
        yield name, keys[0], keys[1], text, why
