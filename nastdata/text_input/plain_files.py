"""Files and archives of others, opened with care: plain files only, and never more than they may unpack to.

A gzip of a few kilobytes can unpack to gigabytes, a name can lead to a device that never ends, and a pipe
waits for ever. All that is refused in words.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nastdata.errors import UserError

LARGEST = 2 << 30
"""Bytes that one packed table, or all members of an archive together, may unpack to."""
HARMLESS = 64 << 20
"""Bytes that anything may unpack to."""
RATIO = 100
"""How many times its size a packed file may unpack to beyond that; tables reach 10 to 60."""
BROKEN_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError),
    *(struct.error, ValueError, OverflowError, OSError, KeyError),
)
"""What ``zipfile`` raises at archives that are broken, made to break it, or locked."""
PACKED = {b"\x1f\x8b": gzip.GzipFile, b"BZ": bz2.BZ2File, b"\xfd7": lzma.LZMAFile}


def open_file(path: Path) -> io.BufferedReader:
    """Open a plain file for reading; never waits.

    Raises:
        UserError: if there is none, it can't be read, or it is a folder, a device or a pipe.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise UserError("no such file", where=str(path)) from None
    except IsADirectoryError:
        raise UserError("a folder, where a file is needed", where=str(path)) from None
    except (OSError, ValueError) as e:
        said = e.strerror if isinstance(e, OSError) else e
        raise UserError(f"cannot be read ({said})", where=str(path)) from e
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise UserError(f"{kind}, where a file is needed", where=str(path))
    return os.fdopen(handle, "rb")


def read_file(path: Path, most: int | None = None) -> bytes:
    """Read a whole plain file.

    Raises:
        UserError: as ``open_file``; or if it has more than ``most`` bytes.
    """
    with open_file(path) as file:
        try:
            raw = file.read() if most is None else _read_up_to(file, most + 1)
        except OSError as e:
            raise UserError(f"cannot be read ({e.strerror})", where=str(path)) from e
    if most is not None and len(raw) > most:
        what = f"larger than {most / 2**20:,.0f} MB, too large for what it should be"
        raise UserError(what, where=str(path))
    return raw


def is_plain(path: Path) -> bool:
    """Whether a path leads to a plain file."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


class _Unpacked(io.RawIOBase):
    """Bytes of a packed stream, up to what its size makes believable."""

    def __init__(self, inner: Any, packed: int, path: Path, then: Callable[[], object] | None = None) -> None:
        self._inner, self._most, self._path = inner, max(HARMLESS, RATIO * packed), path
        self._count, self._then = 0, then

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._inner.read(len(buffer))
        self._count += len(data)
        if self._count > self._most:
            raise UserError(
                f"unpacks to more than {self._most / 2**20:,.0f} MB, {RATIO} times its size or more",
                where=str(self._path),
                how="no table packs like that: is it what it should be? If so, unpack it yourself",
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            if self._then is not None:
                self._then()
        super().close()


def open_unpacked(path: Path) -> IO[bytes]:
    """Open a plain, gzipped, bzip2 or xz file, told by its content.

    Reading it raises what the packing's library raises (EOFError, OSError, zlib.error, lzma.LZMAError), and
    a UserError once it has unpacked to more than is believable.

    Raises:
        UserError: as ``open_file``.
    """
    file = open_file(path)
    start = file.read(2)
    file.seek(0)
    unpack = PACKED.get(start)
    if unpack is None:
        return file
    inner = gzip.GzipFile(fileobj=file) if unpack is gzip.GzipFile else unpack(file)
    return io.BufferedReader(_Unpacked(inner, path.stat().st_size, path, file.close), 1 << 18)


def gunzip(raw: bytes, path: Path, most: int = LARGEST) -> bytes:
    """Unpack gzipped bytes.

    Raises:
        UserError: if they are broken, cut off, or unpack to more than is believable.
    """
    try:
        stream = io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=io.BytesIO(raw)), len(raw), path), 1 << 18)
        data = _read_up_to(stream, most + 1)
    except EOFError:
        raise UserError(
            "the gzip file is cut off before its end", where=str(path), how="download it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as e:
        raise UserError(f"a broken gzip file ({e})", where=str(path), how="download it again") from None
    if len(data) > most:
        raise UserError(f"unpacks to more than {most >> 30} GB", where=str(path), how="unpack it yourself")
    return data


def _read_up_to(stream: IO[bytes], most: int) -> bytes:
    """Read at most so many bytes; asking for them at once would take the memory for all of them."""
    blocks, left = [], most
    while left > 0 and (block := stream.read(min(left, 1 << 20))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


class Archive:
    """A zip archive whose members are read one by one into memory; nothing is unpacked to disk."""

    def __init__(self, inner: zipfile.ZipFile, path: Path, packed: int, most: int) -> None:
        self._inner, self._path, self._packed, self._left = inner, path, packed, most

    @property
    def names(self) -> list[str]:
        """Names of all members, in the archive's order."""
        return self._inner.namelist()

    @property
    def files(self) -> list[str]:
        """Names of members that are no folders, and no notes of a Mac."""
        return [n for n in self.names if not n.endswith("/") and not n.startswith("__MACOSX")]

    def read(self, name: str, most: int | None = None) -> bytes:
        """Read a member, whatever size its header claims; of a longer one the first ``most`` bytes.

        Raises:
            UserError: if it is broken, or all that was read is more than is believable.
        """
        with self.open(name) as stream:
            data = _read_up_to(stream, self._left + 1 if most is None else most)
        self._left -= len(data)
        if self._left < 0:
            raise UserError("unpacks to more than 2 GB", where=str(self._path), how="unpack it yourself")
        return data

    def open(self, name: str, then: Callable[[], object] | None = None) -> IO[bytes]:
        """Open a member for reading; ``then`` is called when it is closed.

        Raises:
            UserError: if it is broken, now or while it is read.
        """
        with _in_words(self._path):
            inner = self._inner.open(name)
        return io.BufferedReader(_Member(inner, self._packed, self._path, then), 1 << 18)


class _Member(_Unpacked):
    def readinto(self, buffer: Any) -> int:
        with _in_words(self._path):
            return super().readinto(buffer)


@contextmanager
def open_zip(path: Path, most: int = LARGEST, raw: bytes | None = None) -> Iterator[Archive]:
    """Open a zip archive; what is read of it may unpack to ``most`` bytes.

    Args:
        path: Its file.
        most: Bytes that all members together may have.
        raw: Its content, if that was read already.

    Raises:
        UserError: if it is none, is broken, locked, or unpacks to more.
    """
    with open_file(path) if raw is None else io.BytesIO(raw) as file:
        packed = file.seek(0, os.SEEK_END)
        with _in_words(path):
            inner = zipfile.ZipFile(file)
        with inner:
            yield Archive(inner, path, packed, most)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what ``zipfile`` raises into words."""
    try:
        yield
    except BROKEN_ZIP as e:
        raise UserError(f"a broken zip file ({e})", where=str(path), how="download it again") from None
