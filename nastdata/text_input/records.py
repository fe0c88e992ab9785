"""Texts and tables of others, read record by record: every mistake is reported with its file and line.

JSON lines, JSON, CSV, TSV and Parquet (``.gz`` too, but for Parquet) become records of one form. Only one
record is in memory at a time, except for a JSON file, which is one value.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nastdata.errors import UserError, name_nearest
from nastdata.text_input.lines import LARGEST, decode, open_text, read_lines, strip_mark

TABLES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""Endings of files that hold records."""
_SEPARATORS = ((",", "commas"), ("\t", "tabs"), (";", "semicolons"), ("|", "bars"))


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file."""

    where: str
    """File and line or row, for messages."""
    values: dict[str, Any]
    """Column or key -> value; cells of CSV files are strings."""


def kind_of(path: Path) -> str | None:
    """Return the ending of a file of records without ``.gz``, or None if it is none."""
    name = path.name.lower().removesuffix(".gz")
    return next((k for k in TABLES if name.endswith(k)), None)


def read_records(path: Path) -> Iterator[Record]:
    """Read a file of records, in order.

    Raises:
        UserError: when the reading comes to something that is no such record, with file, line and what to do.
    """
    kind = kind_of(path)
    if kind is None:
        raise UserError("not a table that can be read", where=str(path), how="known: " + ", ".join(TABLES))
    if kind == ".parquet":
        yield from _read_parquet(path)
        return
    with open_text(path) as stream:
        if kind in (".csv", ".tsv"):
            yield from _read_separated(stream, str(path), "\t" if kind == ".tsv" else None)
        elif kind == ".json":
            yield from _read_json(stream, str(path))
        else:
            yield from read_json_lines(stream, str(path))


def read_json_lines(stream: IO[bytes], name: str) -> Iterator[Record]:
    """Read JSON lines; blank lines are passed over.

    Raises:
        UserError: at the first line that is no JSON object.
    """
    found = False
    for number, line in read_lines(stream, name):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        found = True
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as e:
            said = "nested too deeply" if isinstance(e, RecursionError) else e
            raise UserError(
                f"not JSON ({said})", where=where, how='one object a line: {"id": 1, "text": "No edema."}'
            ) from None
        yield Record(where, _check_object(value, where))
    if not found:
        raise UserError("no records in it", where=name)


def _check_object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise UserError(
        f"{say_kind(value)}, where an object is needed",
        where=where,
        how='one object a line: {"id": 1, "text": "No edema."}',
    )


def _read_json(stream: IO[bytes], name: str) -> Iterator[Record]:
    """Read a JSON file: a list of objects, an object id -> text or object, or JSON lines after all.

    An object of texts is id -> text if all its keys hold a digit, as ids do; otherwise it is one record.
    """
    text = decode(strip_mark(stream.read(), name), name)
    if not text.strip():
        raise UserError("nothing in it", where=name)
    try:
        value = json.loads(text)
    except RecursionError:
        raise UserError("not JSON (nested too deeply)", where=name) from None
    except ValueError as e:
        first = text.lstrip().partition("\n")[0]
        if _is_object(first):
            yield from read_json_lines(io.BytesIO(text.encode()), name)
            return
        raise UserError(f"not JSON ({e})", where=name) from None
    yield from _list_objects(value, name)


def _list_objects(value: Any, name: str) -> Iterator[Record]:
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        if len(lists) == 1 and not all(isinstance(v, dict) for v in value.values()):
            value = lists[0]
        elif value and all(isinstance(v, str) and any(map(str.isdigit, k)) for k, v in value.items()):
            value = [{"id": k, "text": v} for k, v in value.items()]
        elif value and all(isinstance(v, dict) for v in value.values()):
            value = [{"id": k, **v} for k, v in value.items()]
        else:
            value = [value]
    if not isinstance(value, list):
        raise UserError("neither a list of objects nor an object", where=name)
    if not value:
        raise UserError("no records in it", where=name)
    for i, item in enumerate(value, 1):
        where = f"{name}, record {i}"
        yield Record(where, _check_object(item, where))


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_separated(stream: IO[bytes], name: str, separator: str | None) -> Iterator[Record]:
    """Read CSV or TSV; a cell may hold line breaks between quotes."""
    lines = (line + "\n" for _, line in read_lines(stream, name))
    first = next(lines, "")
    if separator is None:
        separator = max(_SEPARATORS, key=lambda s: first.count(s[0]))[0]
    csv.field_size_limit(LARGEST)

    def joined() -> Iterator[str]:
        yield first
        yield from lines

    rows = csv.reader(joined(), delimiter=separator, strict=True)
    started = 1
    header: list[str] | None = None
    found = False
    try:
        for row in rows:
            where, started = f"{name}, line {started}", rows.line_num + 1
            if header is None:
                header = _check_header([c.strip() for c in row], name)
                continue
            if not row or row == [""]:
                continue
            if len(row) != len(header):
                raise UserError(
                    f"{len(row)} cells, where the header has {len(header)}",
                    where=where,
                    how="a text with a comma or line break has to be between double quotes",
                )
            found = True
            yield Record(where, dict(zip(header, row, strict=True)))
    except csv.Error as e:
        said = (
            "a cell without its closing quote"
            if "limit" in str(e) or "unexpected end" in str(e)
            else f"not CSV ({e})"
        )
        raise UserError(said, where=f"{name}, line {started}") from None
    if not found:
        raise UserError("no rows below the header", where=name)


def _check_header(header: list[str], name: str) -> list[str]:
    twice = sorted({h for h in header if header.count(h) > 1})
    if twice:
        raise UserError(f"two columns of the name '{twice[0]}'", where=f"{name}, line 1")
    return header


def _read_parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UserError(
            "a folder, where a file is needed" if path.is_dir() else "no such file", where=str(path)
        )
    try:
        with pq.ParquetFile(path) as file:
            if not file.metadata.num_rows:
                raise UserError("no rows in it", where=str(path))
            row = 0
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    row += 1
                    yield Record(f"{path}, row {row}", values)
    except (pa.ArrowException, OSError) as e:
        raise UserError(
            f"not readable as Parquet ({str(e).splitlines()[0][:160]})", where=str(path)
        ) from None


def say_kind(value: Any) -> str:
    """Return what kind of JSON value something is: "a list", "null"."""
    kinds = {list: "a list", dict: "an object", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number" if isinstance(value, (int, float)) else "no text")


def get_text(record: Record, key: str) -> str:
    """Return the text of a record.

    Raises:
        UserError: if it has no such key, or that holds no text.
    """
    if key not in record.values:
        keys = [k for k in record.values if k]
        raise UserError(f"no key '{key}'", where=record.where, how=name_nearest(key, keys) if keys else None)
    value = record.values[key]
    if not isinstance(value, str):
        how = "leave such records out first"
        raise UserError(f"'{key}' is {say_kind(value)}, not a text", where=record.where, how=how)
    return value


def merge_keys(record: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with keys added; its own keys of the same name are kept under ``input``."""
    clash = {k: v for k, v in record.items() if k in added and v != added[k]}
    rest = {k: v for k, v in record.items() if k not in added}
    return {**rest, **added, **({"input": clash} if clash else {})}
