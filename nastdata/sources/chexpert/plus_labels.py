"""CheXpert Plus's label files: one JSON object a line, an image's path and 14 labels by report section."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.errors import UserError
from nastdata.sources.studies import NO_FINDING
from nastdata.sources.tables import ROW, Table, check_columns, read_bytes, unpack

JSON_NAME = r"(impression|report|findings)_fixed\.json(l|\.gz)?"
PREFERRED = ("impression", "report", "findings")
"""The impression sums up this study; whole reports hold history; many reports have no findings section."""


def find_label_json(paths: Sequence[Path]) -> list[Path]:
    """Return the one label file to use: of the impression, else of the whole report, else of the findings."""
    for section in PREFERRED:
        found = [p for p in paths if p.name.lower().startswith(section)]
        if found:
            return found[:1]
    return []


def read_label_json(path: Path, labels: Sequence[str]) -> Table:
    """Read a label file as a table with a column ``Path`` and the labels as text.

    Args:
        path: JSON lines, or one JSON list.
        labels: Columns that must be there.

    Raises:
        UserError: if a line is no JSON object, has no ``path_to_image``, or a label is missing.
    """
    raw = read_bytes(path)
    rows: list[dict[str, str | None]] = []
    known: dict[str, None] = {}
    for number, record in _list_records(unpack(raw, path), path):
        if not isinstance(record, dict) or not isinstance(record.get("path_to_image"), str):
            raise UserError(
                "not an object with a 'path_to_image'",
                where=f"{path}, line {number}",
                how="download it again",
            )
        known |= dict.fromkeys(record)
        cells = {c: record.get(c) for c in (*labels, NO_FINDING)}
        rows.append(
            {
                ROW: str(number),
                "Path": record["path_to_image"],
                **{c: None if v is None else str(v) for c, v in cells.items()},
            }
        )
    if not rows:
        raise UserError("no labels in it", where=str(path))
    check_columns(known, ["path_to_image", *labels], path)
    kept = [ROW, "Path", *labels, *([NO_FINDING] if NO_FINDING in known else [])]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String())).select(kept)
    return Table(path, frame.with_columns(pl.col(ROW).cast(pl.Int64)), hashlib.sha256(raw).hexdigest())


def _list_records(data: bytes, path: Path) -> Iterator[tuple[int, Any]]:
    try:
        if data.lstrip()[:1] == b"[":
            yield from enumerate(json.loads(data), start=1)
            return
        for number, line in enumerate(data.splitlines(), start=1):
            if line.strip():
                yield number, json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise UserError(f"not a readable JSON file ({e})", where=str(path), how="download it again") from None
