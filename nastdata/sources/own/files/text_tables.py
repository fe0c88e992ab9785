"""CSV and its kin as batches of text cells: a few rows in memory, every broken row named."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import lzma
import zlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import polars as pl

from nastdata.errors import UserError
from nastdata.sources.own.settings import Reading
from nastdata.text_input.plain_files import open_file, open_unpacked, open_zip

ROW = "#row"
"""Column of row numbers as a spreadsheet shows them, the header being row 1 (or lower, under other rows)."""
BATCH = 25_000
"""Rows of a batch that is read row by row."""
BLOCK = 1 << 23
"""Bytes that are read at once."""
LONGEST_CELL = 10_000_000
SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 1 << 18


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: the wanted columns as stripped text or null, and the rows that are broken."""

    frame: pl.DataFrame
    broken: tuple[tuple[int, str, str], ...] = ()
    """(row, reason, the row's text)."""


def open_plain(path: Path) -> IO[bytes]:
    """Open a plain, gzipped or singly zipped file, told by its content, for reading bytes."""
    with open_file(path) as file:
        start = file.read(4)
    if start != b"PK\x03\x04":
        return open_unpacked(path)
    zipped = open_zip(path)
    archive = zipped.__enter__()  # stays open as long as its member is read
    if len(archive.files) != 1:
        zipped.__exit__(None, None, None)
        raise UserError(f"a zip archive of {len(archive.files)} files", where=str(path), how="unpack it")
    return archive.open(archive.files[0], then=lambda: zipped.__exit__(None, None, None))


def read_sample(path: Path) -> bytes:
    """Return the first bytes of a file's text.

    Raises:
        UserError: if it is empty or a broken archive.
    """
    with wrap_archive(path), open_plain(path) as file:
        data = file.read(SAMPLE)
    if not data.strip():
        raise UserError("the file is empty", where=str(path))
    return data


class wrap_archive:
    """Turn the errors of cut-off and broken archives into words."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EOFError):
            what = "the gzip file is cut off before its end"
        elif isinstance(error, gzip.BadGzipFile | zlib.error | lzma.LZMAError):
            what = f"a broken archive ({error})"
        else:
            return
        raise UserError(what, where=str(self._path), how="download it again, or unpack it") from None


def find_encoding(sample: bytes, reading: Reading) -> str:
    """Return the encoding to read with: what is said, what a byte order mark proves, else UTF-8."""
    if reading.encoding:
        return reading.encoding
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-8-sig"


def find_separator(sample: str) -> str:
    """Return the separator under which the first lines have the most even columns; "," if none has two."""
    lines = [x for x in sample.splitlines() if x.strip()][:50]
    best, most = ",", (0.0, 0)
    for sep in (*SEPARATORS, " "):
        rows = list(csv.reader(lines, delimiter=sep, skipinitialspace=sep == " "))
        widths = [len([c for c in r if sep != " " or c]) for r in rows]
        if not widths or widths[0] < 2:
            continue
        even = sum(w == widths[0] for w in widths) / len(widths)
        if sep == " " and even < 1:
            continue
        # blanks part words of running text too: they win only where nothing else parts anything
        score = (even if sep != " " else even / 4, widths[0])
        if score > most:
            best, most = sep, score
    return best


def read_header(path: Path, reading: Reading) -> tuple[list[str], str, str]:
    """Return (header cells stripped, separator, encoding) of a text table.

    Raises:
        UserError: if it is empty, not text, or has no header.
    """
    sample = read_sample(path)
    encoding = find_encoding(sample, reading)
    if b"\0" in sample and not encoding.startswith("utf-16"):
        raise UserError("holds NUL bytes, so it is no text table", where=str(path), how=_KINDS)
    text = sample.decode(encoding, errors="replace")
    lines = text.splitlines(keepends=True)[reading.skip_rows :]
    if not "".join(lines).strip():
        raise UserError("no header row in it", where=str(path))
    text = "".join(lines)
    separator = reading.separator or find_separator(text)
    header = next(_reader(io.StringIO(text.lstrip("\r\n"), newline=""), separator), [])
    return [h.strip() for h in header], separator, encoding


_KINDS = "CSV, TSV, JSON lines, Parquet, Excel or Arrow files are read; say which with read: {format: ...}"


def read_batches(path: Path, reading: Reading, wanted: Sequence[str]) -> Iterator[Batch]:
    """Yield the wanted columns of a text table, some rows at a time.

    A row is broken if it has too few or too many cells, or is not text in the encoding. Blocks of plain rows
    (UTF-8, no quotes, all of the header's width) are read by polars, everything from the first other one on
    row by row.

    Raises:
        UserError: if the file is cut off, or a quote is never closed.
    """
    header, separator, encoding = read_header(path, reading)
    at = [header.index(w) for w in wanted]
    with wrap_archive(path), open_plain(path) as raw:
        row = reading.skip_rows
        rest = raw
        if encoding == "utf-8-sig" and separator != " ":
            row, rest = yield from _read_plain(raw, reading.skip_rows, header, separator, at, wanted)
        else:
            row, rest = -1, raw
        text = io.TextIOWrapper(rest, encoding=encoding, errors="surrogateescape", newline="")
        for _ in range(reading.skip_rows if row < 0 else 0):
            text.readline()
        rows = _number(_reader(text, separator), path, reading.skip_rows if row < 0 else row)
        if row < 0:
            next(rows, None)
        while batch := _take(rows, at, wanted, header, encoding):
            yield batch


def _read_plain(
    raw: IO[bytes], skip: int, header: list[str], separator: str, at: list[int], wanted: Sequence[str]
) -> Generator[Batch, None, tuple[int, IO[bytes]]]:
    """Yield the plain blocks of rows; return the number of the last row, and what is left to read.

    The number is -1, and all of the file is left, if even its header is not plain.
    """
    above = b"".join(raw.readline() for _ in range(skip))
    line = raw.readline()
    if b'"' in line or not line.strip():
        return -1, _rejoin(above + line, raw)
    row, left = skip + 1, b""
    while block := raw.read(BLOCK):
        end = block.rfind(b"\n") + 1
        whole, left = left + block[:end], block[end:]
        if not end:
            left = whole + left
            if len(left) > LONGEST_CELL:
                break
            continue
        frame = _parse_plain(whole, row, header, separator, at, wanted)
        if frame is None:
            return row, _rejoin(whole + left, raw)
        row += len(frame)
        yield Batch(blank_to_null(frame, wanted))
    return row, _rejoin(left, raw)


def _parse_plain(
    block: bytes, row: int, header: list[str], separator: str, at: list[int], wanted: Sequence[str]
) -> pl.DataFrame | None:
    """Return the rows of a block that is plain throughout, or None."""
    lines = block.count(b"\n")
    even = block.count(separator.encode()) == lines * (len(header) - 1)
    if b'"' in block or b"\0" in block or not even or block.count(b"\r") != block.count(b"\r\n"):
        return None
    names = [f"#{i}" for i in range(len(header))]
    try:
        frame = pl.read_csv(
            io.BytesIO(block),
            has_header=False,
            new_columns=names,
            separator=separator,
            quote_char=None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if len(frame) != lines or frame.width != len(header):
        return None
    numbers = pl.int_range(row + 1, row + 1 + lines, dtype=pl.Int64, eager=True)
    return frame.select(
        numbers.alias(ROW), *(pl.col(f"#{i}").alias(w) for i, w in zip(at, wanted, strict=True))
    )


class _Rejoined(io.RawIOBase):
    """Bytes that were read already, and then the rest of a stream."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self._start = self._start[: len(buffer)], self._start[len(buffer) :]
        data = data or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _rejoin(start: bytes, rest: IO[bytes]) -> IO[bytes]:
    return io.BufferedReader(_Rejoined(start, rest), 1 << 20)


def _reader(text: io.TextIOBase, separator: str) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(text, delimiter=separator, skipinitialspace=separator == " ", strict=True)


Numbered = tuple[int, list[str], str | None]
"""Row number, cells, and what is wrong."""


def _number(reader: Iterator[list[str]], path: Path, above: int) -> Iterator[Numbered]:
    row = above
    while True:
        row += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            told = str(e)
            if "unexpected end" in told or "field larger" in told:
                raise UserError(
                    "a quote that is opened in or before it is never closed",
                    where=f"{path}, row {row}",
                    how='close the quote, or double it ("") inside a cell',
                ) from None
            yield row, [], f"quotes in the middle of a cell ({told})"
            continue
        if cells:
            yield row, cells, None


def _take(
    rows: Iterator[Numbered], at: list[int], wanted: Sequence[str], header: list[str], encoding: str
) -> Batch | None:
    """Return the next rows, of which only the wanted cells are kept; None at the end."""
    width = len(header)
    # blank names at the end of a header name nothing: rows may do without their cells
    least = max((i + 1 for i, h in enumerate(header) if h), default=width)
    broken: list[tuple[int, str, str]] = []
    good: list[tuple[str, ...]] = []
    numbers: list[int] = []
    pick = itemgetter(*at) if len(at) > 1 else lambda cells: (cells[at[0]],) if at else ()
    some = None
    for some in itertools.islice(rows, BATCH):
        row, cells, wrong = some
        n = len(cells)
        if wrong is None and n != width:
            if n > width and not any(c.strip() for c in cells[width:]):
                pass
            elif least <= n < width:
                cells = [*cells, *[""] * (width - n)]
            elif n < width and not any(c.strip() for c in cells):
                continue
            else:
                wrong = f"{n} {'cell' if n == 1 else 'cells'} where the header has {width}"
        if wrong is None:
            good.append(pick(cells))
            numbers.append(row)
        else:
            broken.append((row, wrong, _shorten(cells)))
    if some is None:
        return None
    try:
        data = _to_columns(good, wanted)
    except UnicodeError:
        fit = [all(map(_is_text, cells)) for cells in good]
        broken += [
            (row, f"not {encoding.removesuffix('-sig')} text", _shorten(list(cells)))
            for row, cells, ok in zip(numbers, good, fit, strict=True)
            if not ok
        ]
        numbers = [row for row, ok in zip(numbers, fit, strict=True) if ok]
        data = _to_columns([cells for cells, ok in zip(good, fit, strict=True) if ok], wanted)
    frame = pl.DataFrame({ROW: pl.Series(numbers, dtype=pl.Int64), **data})
    return Batch(blank_to_null(frame, wanted), tuple(sorted(broken)))


def _to_columns(rows: list[tuple[str, ...]], wanted: Sequence[str]) -> dict[str, pl.Series]:
    columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * len(wanted)
    return {w: pl.Series(c, dtype=pl.String) for w, c in zip(wanted, columns, strict=True)}


def blank_to_null(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Strip text cells and turn blank ones into nulls; drop rows that are blank throughout."""
    if not columns:
        return frame
    text = pl.col(columns).str.strip_chars(" \t\r\n\u00a0\ufeff")
    frame = frame.with_columns(pl.when(text.str.len_bytes() > 0).then(text).name.keep())
    return frame.filter(pl.any_horizontal(pl.col(columns).is_not_null()))


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeError:
        return False
    return True


def _shorten(cells: list[str]) -> str:
    return " | ".join(cells)[:200].encode("utf-8", "replace").decode()
