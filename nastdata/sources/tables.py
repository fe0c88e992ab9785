"""Reading CSV tables of others: every mistake told with its file, row, column and value."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import polars as pl

from nastdata.errors import UserError, name_nearest
from nastdata.sources.base import InputFile
from nastdata.text_input.plain_files import gunzip, open_zip, read_file

ROW = "#row"
"""Column that ``read_table`` adds: the row number as an editor shows it, the header being row 1."""


@dataclass(frozen=True)
class Table:
    """A table as text: every cell a stripped string, or null where blank."""

    path: Path
    frame: pl.DataFrame
    sha256: str

    @property
    def file(self) -> InputFile:
        """The manifest's entry of this file."""
        return InputFile(self.path, self.sha256, len(self.frame))


ZIP = b"PK\x03\x04"


def read_table(
    path: Path,
    need: Sequence[str] = (),
    optional: Sequence[str] = (),
    rename: Callable[[list[str]], list[str]] | None = None,
) -> Table:
    """Read a .csv or .csv.gz (told by its content, not its name) as text.

    Args:
        path: The file.
        need: Columns that must be there.
        optional: Columns to keep if they are there. With neither, all columns are kept.
        rename: Turns the header's cells into column names (``expand_brackets``); cells are then taken by
            their position.

    Raises:
        UserError: if it is missing, no text, cut off, empty, has no rows, or lacks a column.
    """
    raw = read_bytes(path)
    sha = hashlib.sha256(raw).hexdigest()
    if raw[:4] == b"PAR1":
        return Table(path, _read_parquet(path, need, optional), sha)
    data = unpack(raw, path)
    header = _read_header(data, path, rename)
    check_columns(header, need, path)
    _check_end(data, header, path)
    kept = [c for c in header if not (need or optional) or c in {*need, *optional}]
    # blank lines are read as rows of nulls, so that row numbers stay those of the file, and dropped later
    try:
        if rename is None:
            frame = pl.read_csv(io.BytesIO(data), infer_schema=False, columns=kept, row_index_name=ROW)
        else:
            frame = _read_by_position(data, header, path).select(ROW, *kept)
    except pl.exceptions.NoDataError:
        raise UserError("no rows below the header", where=str(path)) from None
    except pl.exceptions.PolarsError as e:
        _locate_bad_text(data, path)
        raise UserError(f"not a readable CSV ({str(e).splitlines()[0]})", where=str(path)) from e
    text = pl.col(kept).str.strip_chars()
    frame = frame.with_columns(
        pl.col(ROW).cast(pl.Int64) + 2, pl.when(text.str.len_bytes() > 0).then(text).name.keep()
    )
    frame = frame.filter(pl.any_horizontal(pl.col(kept).is_not_null()))
    if frame.is_empty():
        raise UserError("no rows below the header", where=str(path))
    return Table(path, frame, sha)


def _read_parquet(path: Path, need: Sequence[str], optional: Sequence[str]) -> pl.DataFrame:
    """Read a table that was saved as Parquet, as text like any other."""
    from nastdata.sources.own.files.typed_tables import read_parquet, read_parquet_header

    header = read_parquet_header(path)
    check_columns(header, need, path)
    kept = [c for c in header if not (need or optional) or c in {*need, *optional}]
    parts = [batch.frame for batch in read_parquet(path, kept)]
    if not sum(map(len, parts)):
        raise UserError("no rows in it", where=str(path))
    return pl.concat(parts).with_columns(pl.col(ROW) + 1)


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        UserError: if there is no such file, it is a folder, it can't be read, or it is empty.
    """
    raw = read_file(path)
    if not raw:
        raise UserError("the file is empty", where=str(path))
    return raw


def unpack(raw: bytes, path: Path) -> bytes:
    """Return the text of a plain, gzipped or zipped file, as UTF-8 bytes without a byte order mark.

    Raises:
        UserError: if the archive is cut off or broken, holds several files, or the content is not text.
    """
    data = _unzip(raw, path) if raw[:4] == ZIP else raw
    if raw[:2] == b"\x1f\x8b":
        data = gunzip(raw, path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError("encoded as UTF-16", where=str(path), how="save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    nul = data.find(b"\0")
    if nul >= 0:
        raise UserError(
            f"holds a NUL byte (row {data.count(10, 0, nul) + 1}), so it is no text", where=str(path)
        )
    if not data.strip():
        raise UserError("the file is empty", where=str(path))
    return data


def _unzip(raw: bytes, path: Path) -> bytes:
    with open_zip(path, raw=raw) as archive:
        members = archive.files
        if len(members) != 1:
            names = ", ".join(members[:3]) or "none"
            raise UserError(
                f"a zip file with {len(members)} files in it ({names}), where one table is needed",
                where=str(path),
                how="unpack it and name the table",
            )
        return archive.read(members[0])


def check_columns(columns: Iterable[str], need: Iterable[str], path: Path) -> None:
    """Check that columns are there.

    Raises:
        UserError: that lists the missing ones, each with the nearest that is there.
    """
    have = list(columns)
    missing = [n for n in need if n not in have]
    if not missing:
        return
    spare = [c for c in have if c not in set(need)] or have
    hints = [f"'{m}' ({name_nearest(m, spare)})" if len(missing) <= 3 else f"'{m}'" for m in missing]
    word = "column" if len(missing) == 1 else "columns"
    raise UserError(f"no {word} {', '.join(hints)}", where=str(path), how=f"its columns: {', '.join(have)}")


def parse_labels(table: Table, columns: Sequence[str]) -> pl.DataFrame:
    """Return the frame with label columns as Int8 (1, 0, -1; null where blank).

    Raises:
        UserError: on the first other value, with its row and column, and how many there are.
    """
    frame = table.frame
    parsed = []
    for name in columns:
        cells = frame[name]
        meaning = {v: _read_label(v) for v in cells.unique().drop_nulls().sort().to_list()}
        bad = [v for v, label in meaning.items() if label is None]
        if bad:
            wrong = frame.filter(pl.col(name).is_in(bad))
            reject_cell(table, int(wrong[ROW][0]), name, wrong[name][0], "1, 0, -1 or blank", len(wrong))
        parsed.append(cells.replace_strict(meaning, return_dtype=pl.Int8, default=None).alias(name))
    return frame.with_columns(parsed)


def read_number(table: Table, row: int, column: str, value: str | None) -> float:
    """Return a cell as a number.

    Raises:
        UserError: if it is none, or not finite.
    """
    try:
        number = float(value or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        reject_cell(table, row, column, value, "a number")
    return number


def reject_cell(
    table: Table, row: int, column: str, value: str | None, wanted: str, total: int = 1
) -> NoReturn:
    """Raise a ``UserError`` for a cell of a table."""
    more = f" ({total:,} such cells in this column)" if total > 1 else ""
    told = "blank" if value is None else f"'{value[:80]}'"
    raise UserError(
        f"{told} is not {wanted}{more}",
        where=f"{table.path}, row {row}, column '{column}'",
        how="correct the file",
    )


def _read_label(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value in (1.0, 0.0, -1.0) else None


def expand_brackets(header: list[str]) -> list[str]:
    """Name the columns of a header whose bracketed names stand for several, split at commas or quoted.

    ``Bbox [x,y,w,h]`` becomes ``Bbox x``, ``Bbox y``, ``Bbox w``, ``Bbox h``; blank names at the end go.

    Example:
        >>> expand_brackets(["Image Index", "Bbox [x", "y", "w", "h]", ""])
        ['Image Index', 'Bbox x', 'Bbox y', 'Bbox w', 'Bbox h']
    """
    names: list[str] = []
    stem: str | None = None
    for cell in ",".join(header).rstrip(", ").split(","):
        if stem is None and "[" in cell:
            stem, _, cell = (part.strip() for part in cell.partition("["))
        if stem is None:
            names.append(cell.strip())
            continue
        names.append(f"{stem} {cell.strip().rstrip(']').strip()}")
        if cell.rstrip().endswith("]"):
            stem = None
    return names


def _read_by_position(data: bytes, header: list[str], path: Path) -> pl.DataFrame:
    """Read rows whose cells are named by position; cells past the last name must be blank."""
    first = data.partition(b"\n")[2].partition(b"\n")[0].decode("utf-8", errors="replace")
    spare = max(0, len(_split_line(first, path)) - len(header))
    names = [*header, *(f"#spare{i}" for i in range(spare))]
    frame = pl.read_csv(
        io.BytesIO(data),
        has_header=False,
        skip_rows=1,
        schema=dict.fromkeys(names, pl.String()),
        row_index_name=ROW,
    )
    for name in names[len(header) :]:
        wrong = frame.filter(pl.col(name).str.strip_chars().str.len_bytes() > 0)
        if len(wrong):
            raise UserError(
                f"more cells than the header names ('{wrong[name][0]}')",
                where=f"{path}, row {int(wrong[ROW][0]) + 2}",
                how="correct the file, or download it again",
            )
    return frame


def _read_header(
    data: bytes, path: Path, rename: Callable[[list[str]], list[str]] | None = None
) -> list[str]:
    end = data.find(b"\n")
    line = data if end < 0 else data[:end]
    try:
        text = line.decode("utf-8").strip("\r")
    except UnicodeDecodeError:
        _locate_bad_text(data, path)
        raise
    header = _split_line(text, path)
    if len(header) < 2:
        other = next((n for c, n in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")) if c in text), None)
        if other:
            raise UserError(
                f"columns are separated by {other}", where=str(path), how="separate them by commas"
            )
        raise UserError("not a CSV table: its first line has no columns", where=str(path))
    if rename is not None:
        header = rename(header)
    twice = sorted({h for h in header if header.count(h) > 1})
    if twice:
        raise UserError(f"column '{twice[0]}' is there twice", where=str(path))
    return header


def _split_line(line: str, path: Path) -> list[str]:
    if "\r" in line.strip("\r"):
        how = "save it with usual line ends"
        raise UserError("lines that end as on old Macs (CR)", where=str(path), how=how)
    try:
        return next(csv.reader([line.strip("\r")]), [])
    except csv.Error as e:
        raise UserError(f"not a CSV table ({e})", where=str(path)) from None


def _check_end(data: bytes, header: list[str], path: Path) -> None:
    """A short last row is how a cut-off plain file looks; polars would fill it with blanks."""
    start, _, last = data.rstrip(b"\r\n").rpartition(b"\n")
    cells = last.count(b",") + 1
    if start and b'"' not in last and last.strip() and cells < len(header):
        told = f"the last row has {cells} cells of {len(header)}: the file is cut off"
        raise UserError(told, where=str(path), how="download it again")


def _locate_bad_text(data: bytes, path: Path) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as e:
        row = data.count(b"\n", 0, e.start) + 1
        raise UserError(f"not UTF-8 text (row {row})", where=str(path), how="save it as UTF-8") from None
