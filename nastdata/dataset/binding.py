"""What ties rows together: a digest over every row's study, image, truth and texts.

The sha256 of a parquet file says that the file is the same. This digest says that the rows are: it stays the
same when rows are written to other shards, and changes when two rows exchange a study, an image or a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.images.find import IMAGE_COLUMNS
from nastdata.records import COLUMN_ORDER

BATCH = 2_000
ROWS = 20_000


def bind_rows(config: str, frame: pl.DataFrame) -> str:
    """Return the sha256 of a config's rows, without embedded images; their order does not matter.

    Args:
        config: its name.
        frame: its columns plus ``split``; image columns may be left out.
    """
    key = COLUMN_ORDER[config][0]
    columns = [c for c in (*COLUMN_ORDER[config], "split") if c in frame.columns and not _is_image(c)]
    frame = _drop_unused(frame)
    order = frame.select(pl.arg_sort_by(key, "split", maintain_order=True)).to_series()
    digest = hashlib.sha256()
    for part in order.to_frame("at").iter_slices(ROWS):  # memory holds the text of a part only
        digest.update(frame.select(columns)[part["at"]].write_ndjson().encode())
    return digest.hexdigest()


def _drop_unused(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out the qualifiers of facts where there are none: older folders have no such field."""
    dtype = frame.schema.get("fact")
    if not isinstance(dtype, pl.Struct) or "qualifier" not in [f.name for f in dtype.fields]:
        return frame
    fact = pl.col("fact").struct
    if frame.select(fact.field("qualifier").is_not_null().any()).item():
        return frame
    kept = [fact.field(f.name) for f in dtype.fields if f.name != "qualifier"]
    return frame.with_columns(pl.struct(kept).alias("fact"))


def bind_images(files: Mapping[str, Iterable[Path]], config: str) -> str | None:
    """Return the sha256 of which image, or image path, belongs to which row; None without image columns.

    Args:
        files: split -> the config's parquet files.
        config: its name.
    """
    columns = [c for c in COLUMN_ORDER[config] if _is_image(c)]
    if not columns:
        return None
    key = COLUMN_ORDER[config][0]
    parts = []
    for split, paths in files.items():
        for path in paths:
            with pq.ParquetFile(path) as file:
                there = [c for c in columns if c in file.schema_arrow.names]
                if all(pa.types.is_string(file.schema_arrow.field(c).type) for c in (key, *there)):
                    named = pl.DataFrame(file.read([key, *there])).select(
                        pl.concat_str(pl.lit(split), pl.col(key, *there).fill_null("None"), separator=" ")
                    )
                    parts.append(named.to_series().alias("line"))
                    continue
                lines = []
                for batch in file.iter_batches(BATCH, columns=[key, *there]):
                    for row in batch.to_pylist():
                        lines.append(" ".join([split, str(row[key]), *(_name(row[c]) for c in there)]))
                parts.append(pl.Series("line", lines, pl.String))
    digest = hashlib.sha256()
    # in the order of their bytes, which is that of their characters
    for i, part in enumerate(
        pl.concat([pl.Series("line", [], pl.String), *parts]).sort().to_frame().iter_slices(ROWS)
    ):
        digest.update(("\n" if i else "").encode() + "\n".join(part["line"].to_list()).encode())
    return digest.hexdigest()


def _is_image(column: str) -> bool:
    return column in IMAGE_COLUMNS


def _name(image: Any) -> str:
    """Return what an image is known by: its path, and the sha256 of its bytes where it is embedded."""
    if isinstance(image, Mapping):
        data = image.get("bytes")
        return f"{image.get('path')}:{hashlib.sha256(data).hexdigest() if data is not None else None}"
    return str(image)
