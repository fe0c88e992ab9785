"""UTF-8 texts of others, plain or gzipped: what is no text is reported with its file and line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nastdata.errors import UserError
from nastdata.text_input.plain_files import open_unpacked

LARGEST = 16 * 2**20
"""Bytes of the longest line, cell or report that is read."""


@contextmanager
def open_text(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or gzipped file.

    Raises:
        UserError: if it isn't there, is a folder, can't be read, or its gzip stream is broken.
    """
    try:
        with open_unpacked(path) as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as e:
        raise UserError(
            f"a broken gzip file ({e})", where=str(path), how="download or write it again"
        ) from None


def read_lines(stream: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    r"""Return (number from 1, line without its end) of a UTF-8 text.

    A byte order mark at the start is left out; line ends may be ``\n`` or ``\r\n``.

    Raises:
        UserError: if there is nothing in it, or a line is too long, not UTF-8, or holds a NUL byte.
    """
    number = 0
    while raw := stream.readline(LARGEST + 1):
        number += 1
        where = f"{name}, line {number}"
        if len(raw) > LARGEST:
            raise UserError(
                f"a line of more than {LARGEST // 2**20} MB",
                where=where,
                how="one text or record a line; is this another kind of file?",
            )
        if number == 1:
            raw = strip_mark(raw, name)
        yield number, decode(raw, where).removesuffix("\n").removesuffix("\r")
    if not number:
        raise UserError("nothing in it", where=name)


def read_whole(stream: IO[bytes], name: str) -> str:
    r"""Return a whole UTF-8 text, such as one report, with ``\n`` as line ends.

    Raises:
        UserError: as ``read_lines``; also if it holds blanks only.
    """
    raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise UserError(f"more than {LARGEST // 2**20} MB, too long for one report", where=name)
    text = decode(strip_mark(raw, name), name).replace("\r\n", "\n")
    if not text.strip():
        raise UserError("nothing in it", where=name)
    return text


def decode(raw: bytes, where: str) -> str:
    """Decode UTF-8.

    Raises:
        UserError: if it is something else, or holds a NUL byte.
    """
    nul = raw.find(b"\0")
    if nul >= 0:
        raise UserError(
            f"a NUL byte (byte {nul + 1}), so it is no text",
            where=where,
            how="is this another kind of file, or UTF-16? For example: iconv -f utf-16 -t utf-8",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise UserError(
            f"not UTF-8 (byte {e.start + 1})",
            where=where,
            how="convert it first, for example: iconv -f latin1 -t utf-8",
        ) from None


def strip_mark(raw: bytes, name: str) -> bytes:
    """Return the first bytes of a text without a UTF-8 byte order mark.

    Raises:
        UserError: if the mark is that of UTF-16.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError("UTF-16, not UTF-8", where=f"{name}, line 1", how="iconv -f utf-16 -t utf-8")
    return raw.removeprefix(b"\xef\xbb\xbf")
