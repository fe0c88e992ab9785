"""Rows of a dataset as short fingerprints, in parts on the disk: memory does not grow with their number.

A part holds the rows whose keys have the same remainder, so that what belongs together is in the same part of
both sides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.compare.columns import describe_columns, list_content
from nastdata.dataset.folder import DatasetFolder
from nastdata.errors import UserError
from nastdata.images.find import IMAGE_COLUMNS
from nastdata.report.counts import count_config

PART_ROWS = 100_000
"""Rows of one side that a part holds, about."""
BATCH, IMAGE_BATCH = 20_000, 200
SCHEMA: dict[str, pl.DataType] = {
    "key": pl.UInt64(),
    "id": pl.UInt64(),
    "content": pl.UInt64(),
    "texts": pl.UInt64(),
    "right": pl.UInt64(),
    "truth": pl.UInt64(),
    "image": pl.UInt64(),
    "split": pl.String(),
    "file": pl.UInt32(),
    "row": pl.UInt32(),
}
"""Fingerprints (64 bits), and where the row is."""


def list_files(folder: DatasetFolder, config: str) -> list[tuple[str, Path]]:
    """Return (split, file) of a config, in order."""
    return [(split, p) for split, paths in folder.files.get(config, {}).items() for p in paths]


def count_parts(*folders: tuple[DatasetFolder, str]) -> int:
    """Return in how many parts the larger side is to be cut."""
    most = 1
    for folder, config in folders:
        rows = 0
        for _, path in list_files(folder, config):
            with _open(path) as file:
                rows += file.metadata.num_rows
        most = max(most, rows)
    return math.ceil(most / PART_ROWS)


@dataclass
class Spilled:
    """What was counted on the way."""

    rows: dict[str, int] = field(default_factory=dict)
    """Split -> rows."""
    cells: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """(split, condition, polarity, kind) -> number, counted as in the report."""


def spill_rows(folder: DatasetFolder, config: str, parts: int, where: Path) -> Spilled:
    """Write the fingerprints of a config's rows below ``where``, a folder a part; count them.

    Raises:
        UserError: if a file is damaged.
    """
    out = Spilled()
    number = 0
    for part in range(parts):
        (where / str(part)).mkdir(parents=True)
    for at, (split, path) in enumerate(list_files(folder, config)):
        start = 0
        for frame in _read_batches(config, path):
            _count(config, frame.with_columns(split=pl.lit(split)), out.cells)
            printed = _fingerprint(config, frame).with_columns(
                split=pl.lit(split),
                file=pl.lit(at, pl.UInt32),
                row=pl.int_range(start, start + len(frame), dtype=pl.UInt32),
            )
            start += len(frame)
            for part in range(parts):
                mine = printed.filter(pl.col("key") % parts == part)
                if len(mine):
                    mine.select(list(SCHEMA)).write_ipc(where / str(part) / f"{number:06d}.arrow")
            number += 1
        out.rows[split] = out.rows.get(split, 0) + start
    return out


def read_part(where: Path, part: int) -> pl.DataFrame:
    """Return the fingerprints of one part (``SCHEMA``)."""
    files = sorted((where / str(part)).glob("*.arrow"))
    return pl.concat([pl.read_ipc(f) for f in files]) if files else pl.DataFrame(schema=SCHEMA)


def _read_batches(config: str, path: Path) -> Iterator[pl.DataFrame]:
    with _open(path) as file:
        schema = file.schema_arrow
        embedded = any(c in schema.names and pa.types.is_struct(schema.field(c).type) for c in IMAGE_COLUMNS)
        try:
            for batch in file.iter_batches(IMAGE_BATCH if embedded else BATCH):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame
        except (pa.ArrowException, OSError) as e:
            raise UserError(f"damaged ({str(e).splitlines()[0]})", where=str(path)) from e


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as e:
        raise UserError(f"damaged ({str(e).splitlines()[0]})", where=str(path)) from e


def _fingerprint(config: str, frame: pl.DataFrame) -> pl.DataFrame:
    columns = frame.columns
    sides = describe_columns(config, columns)
    images = [c for c in IMAGE_COLUMNS if c in columns]
    content = list_content(config, columns)
    try:
        named = frame.select(
            key=sides.key,
            id=sides.id,
            content=pl.struct(content) if content else pl.lit(None, pl.String),
            texts=sides.texts,
            right=sides.right,
            truth=sides.truth,
            image=pl.struct(images) if images else pl.lit(None, pl.String),
        )
        return named.select(_hash(c, named.schema[c]).alias(c) for c in named.columns)
    except pl.exceptions.PolarsError as e:
        raise UserError(
            f"columns of other types than ours ({str(e).splitlines()[0]})",
            where=config,
            how="nastdata validate DIR",
        ) from e


def _count(config: str, frame: pl.DataFrame, cells: Counter[tuple[str, str, str, str]]) -> None:
    try:
        counted = count_config(config, frame)
    except (pl.exceptions.PolarsError, TypeError):
        # columns are missing or hold what can't be classed: the rows are compared all the same
        cells["?", "?", "?", "?"] += len(frame)
        return
    for condition, polarity, kind, splits in counted.rows:
        for split, n in splits.items():
            if n:
                cells[split, condition, polarity, kind] += n


def _hash(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Struct) and not _holds_binary(dtype):
        column = column.struct.json_encode()
    return column.hash(seed=17)


def _holds_binary(dtype: pl.Struct) -> bool:
    return any(
        (isinstance(f.dtype, pl.Struct) and _holds_binary(f.dtype)) or f.dtype == pl.Binary
        for f in dtype.fields
    )
