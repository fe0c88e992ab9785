"""Where a corpus's files are: named by the user, in the usual places, or inside an installed package."""

from __future__ import annotations

import csv
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from nastdata.errors import UserError
from nastdata.text_input.plain_files import open_file, open_zip

IMAGE_FOLDER = re.compile(r"(p\d{2}|p\d{8}|s\d{8}|patient\d+|study\d+)$")
"""Folders that hold images only, and hundreds of thousands of them: never walked into."""
IMAGE_FILE = re.compile(r"\.(png|jpe?g|dcm|dicom)$", re.IGNORECASE)
"""Files that are no tables, and hundreds of thousands of them."""


@dataclass(frozen=True)
class Wanted:
    """One kind of file of a corpus: how it is named, and what its header holds."""

    name: str
    """A regular expression for the whole file name, in lower case."""
    columns: tuple[str, ...] = ()
    """Header cells that must be there, so that another corpus's ``train.csv`` is not taken for ours."""
    packed: str | None = None
    """The file inside an installed ``torchxrayvision``, if it has it."""
    header: bool = False
    """A file of another name counts too if its header holds ``columns``."""

    def fits(self, path: Path) -> bool:
        """Whether a file is of this kind."""
        named = re.fullmatch(self.name, path.name.lower()) is not None
        if not self.columns:
            return named
        return (named or (self.header and is_table(path))) and set(self.columns) <= set(peek_header(path))


def find_wanted(
    corpus: str, data: Path | None, wanted: Mapping[str, Wanted], need: str | tuple[str, ...], depth: int = 6
) -> tuple[dict[str, list[Path]], list[str]]:
    """Find the files of a corpus by kind.

    Args:
        corpus: Its name, for the usual places.
        data: The file or folder that the user named, or None.
        wanted: Kind -> what it looks like.
        need: The kind without which there is nothing, or kinds of which one is enough. A file that the
            user names is taken to be of the (first) needed kind unless it fits another; the other kinds
            are then looked for beside it.
        depth: How many folders deep to look.

    Returns:
        Kind -> files, in a fixed order and each content once (``a.csv`` before ``a.csv.gz``); empty
        without the needed kind. And the places looked at.
    """
    looked = []
    needs = (need,) if isinstance(need, str) else need
    for place in list_places(corpus, data):
        looked.append(str(place))
        around = place.parent if place.is_file() else place
        found: dict[str, list[Path]] = {}
        for path in walk_tables(around, 0 if place.is_file() else depth):
            for kind, what in wanted.items():
                if what.fits(path) and _is_new(path, found.setdefault(kind, [])):
                    found[kind].append(path)
        if place.is_file():
            kind = next((k for k, what in wanted.items() if what.fits(place)), needs[0])
            found[kind] = [place]
        if any(found.get(n) for n in needs):
            return {k: v for k, v in found.items() if v}, looked
    if data is None and any(w.packed for w in wanted.values()):
        looked.append("the package torchxrayvision")
        packed = {
            kind: [file]
            for kind, w in wanted.items()
            if w.packed and (file := find_in_torchxrayvision(w.packed)) is not None
        }
        if any(n in packed for n in needs):
            return packed, looked
    return {}, looked


def peek_header(path: Path) -> list[str]:
    """Return the header cells of a CSV file, plain or gzipped; empty if it has none that can be read."""
    try:
        with open_file(path) as stream:
            start = stream.read(65_536)
        if start[:2] == b"\x1f\x8b":
            start = zlib.decompressobj(wbits=31).decompress(start, 65_536)
        elif start[:4] == b"PK\x03\x04":
            with open_zip(path) as archive:
                start = archive.read(archive.names[0], 65_536)
        line = start.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8")
        return [cell.strip() for cell in next(csv.reader([line.strip("\r")]), [])]
    except (UserError, OSError, zlib.error):
        return []
    except (UnicodeDecodeError, csv.Error, EOFError, IndexError):
        return []


def is_table(path: Path) -> bool:
    """Whether a file is named like a CSV table, plain or packed."""
    return re.search(r"\.csv(\.gz|\.zip)?$", path.name.lower()) is not None


def _is_new(path: Path, known: list[Path]) -> bool:
    stem = path.name.lower().removesuffix(".gz")
    return not any(p.parent == path.parent and p.name.lower().removesuffix(".gz") == stem for p in known)


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
        with os.scandir(folder) as entries:
            kinds = sorted((e.name, e.is_dir()) for e in entries if not IMAGE_FILE.search(e.name))
    except OSError:
        return
    yield from (folder / name for name, is_folder in kinds if not is_folder)
    if depth > 0:
        for name, is_folder in kinds:
            if is_folder and not IMAGE_FOLDER.match(name):
                yield from walk_tables(folder / name, depth - 1)


def tell_missing(title: str, data: Path | None, looked: list[str], needs: tuple[str, ...]) -> UserError:
    """Return the error for a corpus that was not found."""
    if data is not None and not data.exists():
        return UserError("no such file or folder", where=str(data), how=f"needed: {'; '.join(needs)}")
    return UserError(
        f"no {title} files found in {' or '.join(looked)}",
        how=f"needed: {'; '.join(needs)}; name them with --data PATH",
    )
