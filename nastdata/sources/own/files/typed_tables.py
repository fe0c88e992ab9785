"""Parquet, Arrow, JSON and Excel as batches of text cells, in the manner of ``text_tables``."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.errors import UserError
from nastdata.sources.own.files.text_tables import (
    BATCH,
    ROW,
    Batch,
    blank_to_null,
    find_encoding,
    open_plain,
    read_sample,
    wrap_archive,
)
from nastdata.sources.own.settings import Reading

MOST_JSON = 500_000_000
"""Bytes of a JSON file that is one array, which has to be read whole."""
DATE = "\u0001date:"
"""Before a cell that Excel holds as a date: an id that it has turned into one has to be known."""


def write_cell(value: Any) -> str | None:
    """Return a typed value as the text of a cell: lists as JSON, true and false, no ".0" added or lost."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return DATE + value.isoformat()
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


# Parquet and Arrow -------------------------------------------------------------------------------------


def read_parquet_header(path: Path) -> list[str]:
    """Return the column names of a Parquet file."""
    return list(_open_parquet(path).schema_arrow.names)


def read_parquet(path: Path, wanted: Sequence[str]) -> Iterator[Batch]:
    """Yield the wanted columns of a Parquet file."""
    with _open_parquet(path) as file:
        yield from _lay_out_arrow(file.iter_batches(BATCH, columns=list(wanted)), wanted, {})


def _open_parquet(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as e:
        raise UserError(f"not a readable Parquet file ({str(e).splitlines()[0]})", where=str(path)) from None


def read_arrow_header(path: Path) -> list[str]:
    """Return the column names of an Arrow file, as ``datasets`` keeps them."""
    return list(_open_arrow(path).schema.names)


def read_arrow(path: Path, wanted: Sequence[str]) -> Iterator[Batch]:
    """Yield the wanted columns of an Arrow file; class labels of ``datasets`` become their names."""
    reader = _open_arrow(path)
    yield from _lay_out_arrow((b.select(list(wanted)) for b in reader), wanted, _class_names(reader.schema))


def _open_arrow(path: Path) -> Any:
    try:
        source = pa.memory_map(str(path))
        try:
            return pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            file = pa.ipc.open_file(pa.memory_map(str(path)))
            return pa.RecordBatchReader.from_batches(
                file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
            )
    except (pa.ArrowException, OSError) as e:
        raise UserError(f"not a readable Arrow file ({str(e).splitlines()[0]})", where=str(path)) from None


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return column -> names of its classes, from what ``datasets`` writes into the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return {
        k: f["names"] for k, f in features.items() if isinstance(f, dict) and f.get("_type") == "ClassLabel"
    }


def _lay_out_arrow(
    batches: Iterator[Any], wanted: Sequence[str], classes: dict[str, list[str]]
) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        table = pa.Table.from_batches([batch])
        columns: dict[str, pl.Series] = {
            ROW: pl.Series(range(done + 1, done + 1 + table.num_rows), dtype=pl.Int64)
        }
        done += table.num_rows
        for name in wanted:
            columns[name] = _to_text(table.column(name), classes.get(name))
        yield Batch(blank_to_null(pl.DataFrame(columns), wanted))


def _to_text(column: Any, names: list[str] | None) -> pl.Series:
    kind = column.type
    if names:
        cells = [names[v] if v is not None and 0 <= v < len(names) else None for v in column.to_pylist()]
        return pl.Series(cells, dtype=pl.String)
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        made = pl.from_arrow(column)
        assert isinstance(made, pl.Series)
        return made.cast(pl.String)
    return pl.Series([write_cell(v) for v in column.to_pylist()], dtype=pl.String)


# JSON --------------------------------------------------------------------------------------------------


def read_json_header(path: Path, reading: Reading, lines: bool) -> list[str]:
    """Return the keys of the first records, those of inner objects with a dot."""
    names: dict[str, None] = {}
    for record, wrong in itertools.islice(_read_records(path, reading, lines), 1000):
        if wrong is None and isinstance(record, dict):
            names.update(dict.fromkeys(_list_keys(record)))
    if not names:
        raise UserError("no records (JSON objects) in it", where=str(path))
    return list(names)


def read_json(path: Path, reading: Reading, wanted: Sequence[str], lines: bool) -> Iterator[Batch]:
    """Yield the wanted keys of JSON lines, or of one array; a line that is no object is a broken row."""
    row = 0
    records = _read_records(path, reading, lines)
    while chunk := list(itertools.islice(records, BATCH)):
        numbers: list[int] = []
        cells: list[list[str | None]] = []
        broken: list[tuple[int, str, str]] = []
        for record, wrong in chunk:
            row += 1
            if wrong is None and not isinstance(record, dict):
                wrong = "not a JSON object"
            if wrong is not None:
                if record:
                    broken.append((row, wrong, str(record)[:200]))
                continue
            numbers.append(row)
            cells.append([write_cell(_find_key(record, w)) for w in wanted])
        columns = list(zip(*cells, strict=True)) if cells else [()] * len(wanted)
        frame = pl.DataFrame(
            {
                ROW: pl.Series(numbers, dtype=pl.Int64),
                **{w: pl.Series(c, dtype=pl.String) for w, c in zip(wanted, columns, strict=True)},
            }
        )
        yield Batch(blank_to_null(frame, wanted), tuple(broken))


def _read_records(path: Path, reading: Reading, lines: bool) -> Iterator[tuple[Any, str | None]]:
    encoding = find_encoding(read_sample(path), reading)
    with wrap_archive(path), open_plain(path) as file:
        if not lines:
            raw = file.read(MOST_JSON + 1)
            if len(raw) > MOST_JSON:
                raise UserError("too big for one JSON array", where=str(path), how="write JSON lines")
            try:
                data = json.loads(raw.decode(encoding))
            except (ValueError, RecursionError) as e:
                raise UserError(f"not readable JSON ({e})", where=str(path)) from None
            if isinstance(data, dict) and data and all(isinstance(v, list) for v in data.values()):
                # {"train": [...], "val": [...]}, as many released annotations have it
                data = [
                    {"split": split, **record} if isinstance(record, dict) else record
                    for split, records in data.items()
                    for record in records
                ]
            if not isinstance(data, list):
                raise UserError("JSON that is not a list of records", where=str(path), how="write JSON lines")
            for record in data:
                yield record, None
            return
        while line := file.readline(50_000_000):
            try:
                text = line.decode(encoding)
                if text.strip():
                    yield json.loads(text), None
                else:
                    yield None, "blank"
            except (ValueError, RecursionError) as e:
                shown = line.decode(encoding, "replace").strip()
                yield shown, f"not JSON in {encoding.removesuffix('-sig')} ({str(e)[:80]})"


def _list_keys(record: dict[str, Any]) -> Iterator[str]:
    for key, value in record.items():
        yield str(key)
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)


def _find_key(record: dict[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


# Excel -------------------------------------------------------------------------------------------------


def read_excel_header(path: Path, reading: Reading) -> list[str]:
    """Return the first row (under ``skip_rows``) of a sheet."""
    row = next(_read_sheet(path, reading), None)
    if row is None:
        raise UserError("the sheet is empty", where=str(path))
    return ["" if c is None else str(c).strip() for c in row]


def read_excel(path: Path, reading: Reading, wanted: Sequence[str]) -> Iterator[Batch]:
    """Yield the wanted columns of a sheet. Formulas are kept as their text and never worked out."""
    header = read_excel_header(path, reading)
    at = [header.index(w) for w in wanted]
    rows = _read_sheet(path, reading)
    next(rows, None)
    row = reading.skip_rows + 1
    while chunk := list(itertools.islice(rows, BATCH)):
        cells = [[write_cell(_get(r, i)) for i in at] for r in chunk]
        columns = list(zip(*cells, strict=True))
        frame = pl.DataFrame(
            {
                ROW: pl.Series(range(row + 1, row + 1 + len(chunk)), dtype=pl.Int64),
                **{w: pl.Series(c, dtype=pl.String) for w, c in zip(wanted, columns, strict=True)},
            }
        )
        row += len(chunk)
        yield Batch(blank_to_null(frame, wanted))


def _get(row: Sequence[Any], index: int) -> Any:
    return row[index] if index < len(row) else None


def _read_sheet(path: Path, reading: Reading) -> Iterator[Sequence[Any]]:
    try:
        import openpyxl
    except ImportError:
        raise UserError(
            "an Excel file needs the package openpyxl",
            where=str(path),
            how="pip install 'nastdata[excel]', or save the sheet as CSV",
        ) from None
    import warnings
    import zipfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError) as e:
        raise UserError(
            f"not a readable .xlsx file ({str(e)[:100]})", where=str(path), how="save it as .xlsx or CSV"
        ) from None
    try:
        if reading.sheet is not None and reading.sheet not in book.sheetnames:
            from nastdata.errors import name_nearest

            near = name_nearest(reading.sheet, book.sheetnames)
            raise UserError(f"no sheet '{reading.sheet}'", where=str(path), how=near)
        sheet = book[reading.sheet] if reading.sheet else book.worksheets[0]
        yield from itertools.islice(sheet.iter_rows(values_only=True), reading.skip_rows, None)
    finally:
        book.close()
