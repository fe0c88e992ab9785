"""Reading a JSON list of records from a file that is too large to hold, with the byte at which it breaks."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.text_input.plain_files import open_unpacked

CHUNK = 4 << 20
LONGEST = 32 << 20
"""Characters that one record may have; more is no record but a broken file."""
BETWEEN = " \t\r\n,"


class RecordStream:
    """The records of a ``[{...}, {...}]`` file, plain or gzipped, one at a time.

    ``count`` is how many were read so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._passed = 0

    def __iter__(self) -> Iterator[Any]:
        """Yield records.

        Raises:
            UserError: if the file is missing, no list, broken or cut off; names the byte.
        """
        try:
            with self._open() as stream:
                yield from self._read(stream)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise self._fail("the gzip file is cut off or broken", "") from None

    def _open(self) -> BufferedIOBase:
        return open_unpacked(self.path)  # type: ignore[return-value]

    def _read(self, stream: BufferedIOBase) -> Iterator[Any]:
        decoder = json.JSONDecoder()
        text = codecs.getincrementaldecoder("utf-8-sig")()
        buffer, at, ended = "", 0, False
        started = False
        while True:
            while at < len(buffer) and buffer[at] in BETWEEN:
                at += 1
            if at < len(buffer):
                if not started:
                    if buffer[at] != "[":
                        raise self._fail("not a JSON list of records", buffer[:at])
                    started, at = True, at + 1
                    continue
                if buffer[at] == "]":
                    if buffer[at + 1 :].strip() or stream.read(CHUNK).strip():
                        raise self._fail("text after the end of the list", buffer[: at + 1])
                    return
                try:
                    record, at = decoder.raw_decode(buffer, at)
                except json.JSONDecodeError as e:
                    if ended:
                        raise self._fail("cut off or broken", buffer[: e.pos]) from None
                    if len(buffer) - at > LONGEST:
                        raise self._fail("broken JSON", buffer[:at]) from None
                else:
                    self.count += 1
                    yield record
                    continue
            elif ended:
                what = "cut off: the list has no end" if started else "the file is empty"
                raise self._fail(what, buffer)
            self._passed += len(buffer[:at].encode())
            block = stream.read(CHUNK)
            ended = not block
            try:
                buffer, at = buffer[at:] + text.decode(block, final=ended), 0
            except UnicodeDecodeError:
                raise self._fail("not UTF-8 text", buffer[at:]) from None

    def _fail(self, what: str, before: str) -> UserError:
        byte = self._passed + len(before.encode())
        told = f"{what} (at byte {byte:,}, after {self.count:,} records)"
        return UserError(told, where=str(self.path), how="download it again")
