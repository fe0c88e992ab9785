"""The files of an own table: found by name or pattern, read by what they are, hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nastdata.errors import UserError, name_nearest
from nastdata.sources.own.files import text_tables, typed_tables
from nastdata.sources.own.files.text_tables import Batch
from nastdata.sources.own.settings import Reading
from nastdata.text_input.plain_files import open_file, open_zip

SUFFIXES = (
    ".csv",
    ".tsv",
    ".txt",
    ".parquet",
    ".jsonl",
    ".ndjson",
    ".json",
    ".xlsx",
    ".xlsm",
    ".arrow",
    ".tab",
)
INNER = {"dataset_info.json", "state.json", "dataset_dict.json"}
"""What ``datasets`` writes beside its Arrow files."""
MOST_FILES = 10_000


def find_files(patterns: Sequence[str], base: Path) -> list[Path]:
    """Return the files that patterns name, sorted within each pattern, none twice.

    Raises:
        UserError: if a pattern names nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        paths = _expand(pattern, base)
        if not paths:
            raise UserError(
                "no such file" if not any(c in pattern for c in "*?[") else "no file fits this pattern",
                where=f"files: {pattern}",
                how=f"looked in {base}; names are relative to the YAML file, or to --data FOLDER",
            )
        found.update(dict.fromkeys(paths))
    if len(found) > MOST_FILES:
        raise UserError(f"{len(found):,} files", where="files", how="name the tables only")
    return list(found)


def _expand(pattern: str, base: Path) -> list[Path]:
    path = Path(pattern).expanduser()
    whole = path if path.is_absolute() else base / path
    if whole.is_dir():
        # a folder that `datasets` saved, or one of tables
        inside = sorted(p for p in whole.rglob("*") if p.is_file() and _is_table(p))
        arrow = [p for p in inside if p.suffix == ".arrow"]
        return arrow or [p for p in inside if p.suffix.lower() != ".txt"] or inside
    if whole.is_file():
        return [whole]
    if not any(c in pattern for c in "*?["):
        return []
    root = Path(path.anchor) if path.is_absolute() else base
    tail = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
    try:
        return sorted(p for p in root.glob(tail) if p.is_file())
    except (ValueError, NotImplementedError):
        return []


def _is_table(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(SUFFIXES) and path.name not in INNER and not path.name.startswith((".", "cache-"))


def find_format(path: Path, reading: Reading) -> str:
    """Return csv, parquet, jsonl, json, excel or arrow: what is said, else what the content shows.

    Raises:
        UserError: if it is an old Excel file, which cannot be read.
    """
    if reading.format:
        return reading.format
    with open_file(path) as file:
        start = file.read(8)
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:6] == b"ARROW1" or start[:4] == b"\xff\xff\xff\xff":
        return "arrow"
    if start == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise UserError("an old Excel file (.xls)", where=str(path), how="save it as .xlsx or CSV")
    if start[:4] == b"PK\x03\x04":
        with open_zip(path) as archive:
            if "[Content_Types].xml" in archive.names:
                return "excel"
    sample = text_tables.read_sample(path)
    text = sample.decode(text_tables.find_encoding(sample, reading), errors="replace").lstrip()
    if text.startswith("{"):
        # one record a line, or one object that goes on over lines or holds lists of records
        first = text.split("\n", 1)[0].rstrip()
        whole = re.match(r'\{\s*"[^"]*"\s*:\s*\[\s*(\{|\n|\Z)', text)
        return "json" if whole or not first.endswith("}") else "jsonl"
    if text.startswith("[") and text[1:].lstrip()[:1] in ("{", "]"):
        return "json"
    return "csv"


def read_header(path: Path, reading: Reading) -> list[str]:
    """Return the column names of a file.

    Raises:
        UserError: if it cannot be read as what it is.
    """
    kind = find_format(path, reading)
    if kind == "parquet":
        return typed_tables.read_parquet_header(path)
    if kind == "arrow":
        return typed_tables.read_arrow_header(path)
    if kind == "excel":
        return typed_tables.read_excel_header(path, reading)
    if kind in ("json", "jsonl"):
        return typed_tables.read_json_header(path, reading, kind == "jsonl")
    return text_tables.read_header(path, reading)[0]


def read_batches(path: Path, reading: Reading, wanted: Sequence[str]) -> Iterator[Batch]:
    """Yield the wanted columns as text, some rows at a time.

    Raises:
        UserError: if a column is missing, or is there twice, or the file cannot be read.
    """
    check_columns(path, read_header(path, reading), wanted)
    kind = find_format(path, reading)
    if kind == "parquet":
        yield from typed_tables.read_parquet(path, wanted)
    elif kind == "arrow":
        yield from typed_tables.read_arrow(path, wanted)
    elif kind == "excel":
        yield from typed_tables.read_excel(path, reading, wanted)
    elif kind in ("json", "jsonl"):
        yield from typed_tables.read_json(path, reading, wanted, kind == "jsonl")
    else:
        yield from text_tables.read_batches(path, reading, wanted)


def check_columns(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    """Check that each wanted column is there, once.

    Raises:
        UserError: with all that are not, each with the nearest that is there.
    """
    missing = [w for w in wanted if w not in header]
    twice = [w for w in wanted if header.count(w) > 1]
    problems = [f"no column '{m}' ({name_nearest(m, header)})" for m in missing[:5]]
    if len(missing) > 5:
        problems = [f"no columns {', '.join(repr(m) for m in missing)}"]
    for name in twice:
        numbers = [str(i + 1) for i, h in enumerate(header) if h == name]
        problems.append(f"column '{name}' is there {len(numbers)} times (columns {', '.join(numbers)})")
    if problems:
        how = (
            "rename one of them in the file" if twice and not missing else f"its columns: {', '.join(header)}"
        )
        raise UserError("; ".join(problems), where=str(path), how=how)


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
