"""Loading for users: a folder or a Hub repository, and the images of one's own copy of a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.dataset.folder import read_dataset
from nastdata.errors import UserError, name_nearest
from nastdata.images.find import IMAGE_COLUMNS, ImageFinder, Tally, make_roots


def load(dir_or_repo: str | Path, config: str, split: str | None = None) -> Any:
    """Load a dataset folder or a Hub repository through ``datasets``.

    Returns:
        ``datasets.DatasetDict``, or one ``datasets.Dataset`` if a split is named.

    Raises:
        UserError: if a folder is no dataset, or has no such config or split.
    """
    import datasets

    if not Path(dir_or_repo).is_dir():
        return datasets.load_dataset(str(dir_or_repo), config, split=split)
    folder = read_dataset(dir_or_repo)
    if config not in folder.configs:
        raise UserError(
            f"no config '{config}'", where=str(dir_or_repo), how=name_nearest(config, folder.configs)
        )
    files = folder.files[config]
    if split is not None and split.partition("[")[0] not in files:
        raise UserError(
            f"no split '{split}'", where=f"{dir_or_repo}: {config}", how=name_nearest(split, files)
        )
    if (folder.path / "README.md").is_file():
        return datasets.load_dataset(str(folder.path), config, split=split)
    named = {name: [str(p) for p in paths] for name, paths in files.items()}
    return datasets.load_dataset("parquet", data_files=named, split=split)


@dataclass(frozen=True)
class Attached:
    """Rows with image files, and an account of those that were not found."""

    rows: Any
    """What was given, with ``image_path`` (and ``distractor_image_path``): an existing file, or null."""
    found: int
    missing: int
    no_image: int
    """Rows of a source that has no image for them."""
    examples: tuple[str, ...]
    """The first images that were not found."""

    def __str__(self) -> str:
        """Return the account in one line."""
        text = f"{self.found:,} images found, {self.missing:,} missing, {self.no_image:,} rows without one"
        return text + (f"; e.g. {', '.join(self.examples)}" if self.examples else "")


def attach_images(rows: Any, roots: Mapping[str, str | Path]) -> Attached:
    """Add the files of images under the user's own image folders.

    Args:
        rows: a polars frame, or a ``datasets.Dataset`` or ``DatasetDict``, with ``source`` and ``image``.
        roots: source name -> folder of its images.

    Raises:
        UserError: if a root is no folder, or the rows have no image paths.
    """
    finder, tally = ImageFinder(make_roots(roots)), Tally()
    known: dict[tuple[str, str], str | None] = {}
    blank = 0

    def attach(part: Any) -> Any:
        nonlocal blank
        names = part.columns if isinstance(part, pl.DataFrame) else part.column_names
        if not {"source", "image"} <= set(names):
            raise UserError("rows without 'source' and 'image' columns", how="give rows of a dataset of ours")
        for column in (c for c in IMAGE_COLUMNS if c in names):
            paths: list[str | None] = []
            for source, image in zip(list(part["source"]), list(part[column]), strict=True):
                if image is not None and not isinstance(image, str):
                    raise UserError("images are embedded already", where=column, how="use them as they are")
                if image is None:
                    blank += 1
                    paths.append(None)
                    continue
                key = (source, image)
                if key not in known:
                    path = finder.find(source, image)
                    known[key] = None if path is None else str(path)
                tally.count(source, image, known[key] is not None)
                paths.append(known[key])
            part = _add_column(part, f"{column}_path", paths)
        return part

    attached: Any
    if isinstance(rows, Mapping):
        make: Any = type(rows)
        attached = make({name: attach(part) for name, part in rows.items()})
    else:
        attached = attach(rows)
    return Attached(attached, tally.found, tally.missing, blank, tuple(tally.examples))


def _add_column(part: Any, name: str, values: list[str | None]) -> Any:
    if isinstance(part, pl.DataFrame):
        return part.with_columns(pl.Series(name, values, pl.String))
    from datasets import Features, Value

    if name in part.column_names:
        part = part.remove_columns(name)
    return part.add_column(name, values, feature=Features({name: Value("string")})[name])
