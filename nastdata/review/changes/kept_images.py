"""Images that a dataset holds already, carried over as they are to a changed one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.dataset.folder import DatasetFolder
from nastdata.images.find import IMAGE_COLUMNS
from nastdata.records import COLUMN_ORDER

BATCH = 500


class KeptImages:
    """Hands out images of a folder's parquet files by a name (an ``Embedder``); a few are read at a time.

    Args:
        folder: whose image columns hold images.
    """

    def __init__(self, folder: DatasetFolder) -> None:
        self._folder = folder
        self._places: dict[str, tuple[Path, int, int, str]] = {}
        self._held: tuple[tuple[Path, int, str], list[Any]] | None = None

    def name_images(self, config: str) -> dict[tuple[str, str, str], str | None]:
        """Return (split, key, column) -> the name of a row's image, None where it has none."""
        names: dict[tuple[str, str, str], str | None] = {}
        key = COLUMN_ORDER[config][0]
        for split, paths in self._folder.files[config].items():
            for path in paths:
                with pq.ParquetFile(path) as file:
                    columns = list_embedded(file.schema_arrow)
                    for group in range(file.num_row_groups):
                        table = file.read_row_group(group, columns=[key, *columns])
                        for column in columns:
                            present = table[column].combine_chunks().field("bytes").is_valid().to_pylist()
                            for at, (k, there) in enumerate(
                                zip(table[key].to_pylist(), present, strict=True)
                            ):
                                name = f"{path}:{group}:{at}:{column}"
                                if there:
                                    self._places[name] = (path, group, at, column)
                                names[split, k, column] = name if there else None
        return names

    def embed(self, source: str, image: str) -> dict[str, bytes | str | None] | None:
        """Return an image as the old files hold it."""
        place = self._places.get(image)
        if place is None:
            return None
        path, group, at, column = place
        if self._held is None or self._held[0] != (path, group, column):
            with pq.ParquetFile(path) as file:
                held = file.read_row_group(group, columns=[column])[column].to_pylist()
            self._held = ((path, group, column), held)
        found: dict[str, bytes | str | None] = self._held[1][at]
        return found

    def describe(self) -> dict[str, Any]:
        """Return the old folder's account of its images, without what the new one counts itself."""
        old = dict((self._folder.manifest or {}).get("images") or {})
        for key in ("embedded", "missing", "examples"):
            old.pop(key, None)
        return old


def list_embedded(schema: pa.Schema) -> list[str]:
    """Return the image columns that hold images."""
    return [c for c in IMAGE_COLUMNS if c in schema.names and pa.types.is_struct(schema.field(c).type)]


def read_frames(folder: DatasetFolder) -> tuple[dict[str, pl.DataFrame], KeptImages | None]:
    """Return a folder's rows with their split; embedded images are left where they are, under a name.

    Raises:
        UserError: if a file is damaged.
    """
    images = KeptImages(folder)
    frames: dict[str, pl.DataFrame] = {}
    any_embedded = False
    for config in folder.configs:
        first = next(p for paths in folder.files[config].values() for p in paths)
        embedded = list_embedded(pq.read_schema(first))
        if not embedded:
            frames[config] = folder.read(config)
            continue
        any_embedded = True
        frames[config] = _read_without(folder, config, embedded, images.name_images(config))
    return frames, images if any_embedded else None


def _read_without(
    folder: DatasetFolder,
    config: str,
    embedded: list[str],
    names: Mapping[tuple[str, str, str], str | None],
) -> pl.DataFrame:
    key = COLUMN_ORDER[config][0]
    plain = [c for c in COLUMN_ORDER[config] if c not in embedded]
    frame = folder.scan(config).select(*plain, "split").collect()
    for column in embedded:
        found = [names[s, k, column] for s, k in frame.select("split", key).iter_rows()]
        frame = frame.with_columns(pl.Series(column, found, pl.String))
    return frame.select(*COLUMN_ORDER[config], "split")
