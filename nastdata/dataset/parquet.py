"""Frames to parquet shards and back: the same rows give the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.frames import REJECTS_SCHEMA, config_schema, spell_out
from nastdata.images.embed import Embedder, embed_column
from nastdata.images.find import IMAGE_COLUMNS, Tally
from nastdata.records import COLUMN_ORDER, SPLITS

SHARD_ROWS = 500_000
SHARD_BYTES = 200_000_000
"""Of Arrow memory; files are smaller."""
ROW_GROUP = 50_000
IMAGE_ROW_GROUP = 100
"""Rows with embedded images are big: small groups keep readers' memory low."""
SETTINGS: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "compression": "zstd",
    "compression_level": 5,
    "use_dictionary": True,
    "write_statistics": True,
    "store_schema": True,
}
"""Stated in full, so that a library's new default never changes our bytes."""
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass
class Written:
    """What a config's files hold, by split, splits without rows included."""

    rows: dict[str, int] = field(default_factory=dict)
    arrow_bytes: dict[str, int] = field(default_factory=dict)
    """Size in memory, as cards state it."""
    images: Tally = field(default_factory=Tally)


class Shards(Protocol):
    """Shards that an interrupted build has finished (``stages.shards.KeptShards``)."""

    def take(self, config: str, split: str, number: int, path: Path) -> bool:
        """Put a finished shard in its place; False if there is none."""
        ...

    def keep(self, config: str, split: str, number: int, path: Path) -> None:
        """Keep a shard that has just been written."""
        ...


def write_config(
    folder: Path,
    config: str,
    frame: pl.DataFrame,
    embedder: Embedder | None = None,
    shards: Shards | None = None,
) -> Written:
    """Write one config as ``<split>-00000-of-0000N.parquet`` files, a split without rows as no file.

    Args:
        folder: where to, created here (``data/<config>``).
        config: name of the config, which gives the columns and their types.
        frame: the config's columns plus ``split``.
        embedder: when given, image columns hold the images themselves.
        shards: finished ones, not used with images.

    Returns:
        Rows and bytes per split, and how many images were embedded and missing.

    Raises:
        ValueError: if the frame has not just these columns, or an unknown split.
    """
    _check_columns(config, frame)
    folder.mkdir(parents=True)
    done = Written()
    for split in SPLITS:
        part = frame.filter(pl.col("split") == split).select(COLUMN_ORDER[config])
        done.rows[split], done.arrow_bytes[split] = len(part), 0
        written: list[Path] = []
        for shard in _cut_shards(config, part, embedder, done.images):
            done.arrow_bytes[split] += shard.nbytes
            path = folder / f"{split}-{len(written):05d}.parquet"
            usable = shards if embedder is None else None
            if usable is None or not usable.take(config, split, len(written), path):
                rows = IMAGE_ROW_GROUP if embedder is not None else ROW_GROUP
                pq.write_table(shard, path, row_group_size=rows, **SETTINGS)
                if usable is not None:
                    usable.keep(config, split, len(written), path)
            written.append(path)
        for i, path in enumerate(written):
            path.rename(folder / f"{split}-{i:05d}-of-{len(written):05d}.parquet")
    return done


def write_rejects(path: Path, rejects: pl.DataFrame) -> None:
    """Write what was left out, with the reasons."""
    schema = pa.schema([(k, arrow_type(t)) for k, t in REJECTS_SCHEMA.items()])
    pq.write_table(
        to_arrow(rejects.select(list(REJECTS_SCHEMA)), schema), path, row_group_size=ROW_GROUP, **SETTINGS
    )


def config_arrow_schema(config: str, embed: bool = False) -> pa.Schema:
    """Return the Arrow schema of a config's files, with the Hub's feature types if images are embedded."""
    columns = config_schema(config)
    fields = [(k, IMAGE_TYPE if embed and k in IMAGE_COLUMNS else arrow_type(t)) for k, t in columns.items()]
    schema = pa.schema(fields)
    if not embed:
        return schema
    features = {k: {"_type": "Image"} if k in IMAGE_COLUMNS else _feature(t) for k, t in columns.items()}
    info = json.dumps({"info": {"features": features}}, separators=(",", ":"))
    return schema.with_metadata({"huggingface": info})


def arrow_type(dtype: pl.DataType) -> pa.DataType:
    """Translate a polars type into the plain Arrow type that every reader knows."""
    if isinstance(dtype, pl.List):
        return pa.list_(arrow_type(_instance(dtype.inner)))
    if isinstance(dtype, pl.Struct):
        return pa.struct([(f.name, arrow_type(_instance(f.dtype))) for f in dtype.fields])
    return pa.int64() if isinstance(dtype, pl.Int64) else pa.string()


def to_arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """Convert to one chunk of plain types, so that bytes don't depend on how the frame came about."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema).combine_chunks()


def _cut_shards(
    config: str, part: pl.DataFrame, embedder: Embedder | None, tally: Tally
) -> Iterator[pa.Table]:
    if not len(part):
        return
    if embedder is not None:
        yield from _cut_image_shards(config, part, embedder, tally)
        return
    schema, columns = config_arrow_schema(config), config_schema(config)
    # memory holds one shard as plain Arrow, however many there are
    whole = sum(to_arrow(spell_out(p, columns), schema).nbytes for p in part.iter_slices(ROW_GROUP))
    shards = max(math.ceil(len(part) / SHARD_ROWS), math.ceil(whole / SHARD_BYTES))
    size = math.ceil(len(part) / shards)
    for piece in part.iter_slices(size):
        yield to_arrow(spell_out(piece, columns), schema)


def _cut_image_shards(
    config: str, part: pl.DataFrame, embedder: Embedder, tally: Tally
) -> Iterator[pa.Table]:
    """Load images a few at a time, so that memory holds one shard."""
    schema = config_arrow_schema(config, embed=True)
    plain = config_arrow_schema(config)
    pieces: list[pa.Table] = []
    held = 0
    for batch in part.iter_slices(IMAGE_ROW_GROUP):
        table = to_arrow(spell_out(batch, config_schema(config)), plain)
        for name in IMAGE_COLUMNS:
            if name in batch.columns:
                sources, paths, ids = (batch[c].to_list() for c in ("source", name, f"{name}_id"))
                images = embed_column(sources, paths, ids, embedder, tally)
                table = table.set_column(
                    table.schema.get_field_index(name), name, pa.array(images, IMAGE_TYPE)
                )
        pieces.append(table.cast(schema))
        held += table.nbytes
        if held >= SHARD_BYTES:
            yield pa.concat_tables(pieces).combine_chunks()
            pieces, held = [], 0
    if pieces:
        yield pa.concat_tables(pieces).combine_chunks()


def _check_columns(config: str, frame: pl.DataFrame) -> None:
    wanted = {*COLUMN_ORDER[config], "split"}
    if set(frame.columns) != wanted:
        lacks, extra = sorted(wanted - set(frame.columns)), sorted(set(frame.columns) - wanted)
        raise ValueError(f"{config}: columns lacking {lacks}, columns too many {extra}")
    unknown = set(frame["split"].unique().to_list()) - set(SPLITS)
    if unknown:
        raise ValueError(f"{config}: unknown splits {sorted(map(str, unknown))}")


def _feature(dtype: pl.DataType) -> dict[str, Any]:
    if isinstance(dtype, pl.List):
        return {"feature": _feature(_instance(dtype.inner)), "_type": "List"}
    if isinstance(dtype, pl.Struct):
        return {f.name: _feature(_instance(f.dtype)) for f in dtype.fields}
    return {"dtype": "int64" if isinstance(dtype, pl.Int64) else "string", "_type": "Value"}


def _instance(dtype: Any) -> pl.DataType:
    """Polars holds inner types as classes or instances."""
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made
