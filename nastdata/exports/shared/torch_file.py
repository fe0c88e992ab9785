"""Files that ``torch.load`` reads, written without torch and without holding them in memory.

Plain dicts, lists, texts and whole numbers only: what ``torch.load(..., weights_only=True)`` accepts. The
container is torch's zip layout: an uncompressed ``NAME/data.pkl`` in pickle protocol 2, ``NAME/version`` and
``NAME/byteorder``.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

EPOCH = (1980, 1, 1, 0, 0, 0)
BATCH = 1_000
"""Items put on the reader's stack before they are appended."""


class TorchFile:
    """Writes one object, part by part: ``open_dict``, ``put`` a key, ``open_list``, ``put`` an item ..."""

    def __init__(self, path: Path) -> None:
        """Take where to write."""
        self.path = path
        self._open: list[_Level] = []

    def __enter__(self) -> TorchFile:
        """Open the container."""
        self._zip = zipfile.ZipFile(self.path, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._out: IO[bytes] = self._zip.open(self._entry("data.pkl"), "w", force_zip64=True)
        self._out.write(pickle.PROTO + b"\x02")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        """End the pickle and write what torch looks for beside it."""
        self._out.write(pickle.STOP)
        self._out.close()
        self._zip.writestr(self._entry("byteorder"), b"little")
        self._zip.writestr(self._entry("version"), b"3\n")
        self._zip.close()

    def open_dict(self) -> None:
        """Begin a dict; keys and values are then put in turn."""
        self._begin(pickle.EMPTY_DICT, pickle.SETITEMS, 2 * BATCH)

    def open_list(self) -> None:
        """Begin a list."""
        self._begin(pickle.EMPTY_LIST, pickle.APPENDS, BATCH)

    def close_dict(self) -> None:
        """End the dict that was begun last."""
        self._end()

    def close_list(self) -> None:
        """End the list that was begun last."""
        self._end()

    def put(self, value: str | int) -> None:
        """Put a text or a whole number (of 32 bits) where we are."""
        if isinstance(value, str):
            data = value.encode("utf-8", "surrogatepass")
            self._out.write(pickle.BINUNICODE + struct.pack("<I", len(data)) + data)
        else:
            self._out.write(pickle.BININT + struct.pack("<i", value))
        self._count()

    def put_list(self, values: list[int]) -> None:
        """Put a whole list of numbers."""
        self.open_list()
        for value in values:
            self.put(value)
        self.close_list()

    def put_mapping(self, values: Mapping[str, object]) -> None:
        """Put a whole dict of texts and dicts."""
        self.open_dict()
        for key, value in values.items():
            self.put(key)
            if isinstance(value, Mapping):
                self.put_mapping(value)
            else:
                self.put(str(value))
        self.close_dict()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        return zipfile.ZipInfo(f"{self.path.stem}/{name}", EPOCH)

    def _begin(self, empty: bytes, append: bytes, most: int) -> None:
        self._out.write(empty + pickle.MARK)
        self._open.append(_Level(append, most))

    def _end(self) -> None:
        self._out.write(self._open.pop().append)
        self._count()

    def _count(self) -> None:
        """Count an item where we are; now and then have the reader take its stack off."""
        if not self._open:
            return
        level = self._open[-1]
        level.held += 1
        if level.held == level.most:
            self._out.write(level.append + pickle.MARK)
            level.held = 0


@dataclass
class _Level:
    """A dict or list that is being filled."""

    append: bytes
    """What has the reader take its stack into it."""
    most: int
    held: int = 0
