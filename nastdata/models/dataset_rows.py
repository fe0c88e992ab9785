"""Dataset folders as the training half reads them: plain columns, images as keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.errors import UserError
from nastdata.images.find import IMAGE_COLUMNS
from nastdata.images.store import ImageKey, ImageStore

Fact = tuple[Any, ...]
"""(condition, existence, location, severity, negation type): equal tuples state the same."""


@dataclass(frozen=True)
class Data:
    """One dataset folder with its images."""

    folder: DatasetFolder
    store: ImageStore
    frames: dict[str, pl.DataFrame]
    """Config -> rows with ``split``; image columns hold paths."""

    def rows(self, config: str, split: str | None = None, limit: int | None = None) -> pl.DataFrame:
        """Return rows that have an image.

        Raises:
            UserError: if the dataset lacks the config, or has no such rows.
        """
        if config not in self.frames:
            raise UserError(
                f"this dataset has no {config}",
                where=str(self.folder.path),
                how=f"it has: {', '.join(self.frames)}",
            )
        frame = self.frames[config].filter(pl.col("image").is_not_null())
        if split is not None:
            frame = frame.filter(pl.col("split") == split)
        if not len(frame):
            told = f" in split '{split}'" if split else ""
            raise UserError(
                f"no {config} rows with an image{told}",
                where=str(self.folder.path),
                how=self._tell_splits(config),
            )
        return frame if limit is None else frame.head(limit)

    def _tell_splits(self, config: str) -> str:
        """Say where rows with images are."""
        frame = self.frames[config]
        counts = dict(frame.filter(pl.col("image").is_not_null())["split"].value_counts().iter_rows())
        if not counts:
            return f"none of its {len(frame):,} rows names an image; build it from a corpus with images"
        there = ", ".join(f"{s} has {n:,}" for s, n in sorted(counts.items()))
        return f"{there}: --split {max(counts, key=lambda s: counts[s])}, or --split all"


def open_data(
    path: Path,
    roots: Mapping[str, Path] | None = None,
    phantom_size: int = 128,
    templates: Mapping[str, str] | None = None,
) -> Data:
    """Open a dataset folder (ours, or anybody's in our columns).

    Args:
        path: the folder.
        roots: source -> folder of its images.
        phantom_size: height and width of drawn images.
        templates: source -> where its images are below that folder, in fields.

    Raises:
        UserError: if it is none.
    """
    folder = read_dataset(path)
    embedded: dict[ImageKey, bytes] = {}
    frames = {}
    for config in folder.configs:
        frame = folder.read(config)
        for column in IMAGE_COLUMNS:
            if column in frame.columns and isinstance(frame.schema[column], pl.Struct):
                frame = _take_embedded(frame, column, embedded)
        frames[config] = frame
    store = ImageStore({"recipe": folder.recipe or {}}, roots, embedded, phantom_size, templates)
    for frame in frames.values():
        store.finder.learn(frame)
    return Data(folder, store, frames)


def get_keys(frame: pl.DataFrame, column: str = "image") -> list[ImageKey]:
    """Return the (source, path) of each row's image."""
    return list(zip(frame["source"].to_list(), frame[column].to_list(), strict=True))


def get_fact(fact: Mapping[str, Any], negation_type: str) -> Fact:
    """Return what a caption states, as a hashable key."""
    attributes = (fact["condition"], fact["existence"], fact["location"], fact["severity"])
    return (*attributes, negation_type)


def _take_embedded(frame: pl.DataFrame, column: str, held: dict[ImageKey, bytes]) -> pl.DataFrame:
    """Move embedded images out of the frame; rows without a path are keyed by their content's place."""
    paths: list[str | None] = []
    for i, (source, image) in enumerate(frame.select("source", column).iter_rows()):
        if image is None or image["bytes"] is None:
            paths.append(None)
            continue
        path = image["path"] or f"row-{i}"
        held[(source, path)] = image["bytes"]
        paths.append(path)
    return frame.with_columns(pl.Series(column, paths, pl.String))
