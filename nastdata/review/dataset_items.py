"""From a sample of a dataset folder to items: rows read by their place, with texts, facts and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.dataset.folder import DatasetFolder
from nastdata.dataset.manifest import hash_file
from nastdata.errors import UserError
from nastdata.images.find import IMAGE_COLUMNS
from nastdata.images.store import ImageStore
from nastdata.records import COLUMN_ORDER
from nastdata.review.items import Item, digest_row, show_row
from nastdata.review.questions import pick_questions
from nastdata.review.sample import Drawn, Sample

MALFORMED = (KeyError, IndexError, TypeError, ValueError)
SENTENCES = 12
"""Sentences of a report that are shown at most."""


def describe_subject(folder: DatasetFolder) -> dict[str, Any]:
    """Return what ties a review to a dataset: the sha256 of its data files and its recipe's fingerprint."""
    manifest = folder.manifest or {}
    known = manifest.get("outputs") or {}
    files = {}
    for paths in (p for splits in folder.files.values() for p in splits.values()):
        for path in paths:
            name = path.relative_to(folder.path).as_posix()
            files[name] = known.get(name) or hash_file(path)
    return {
        "kind": "dataset",
        "name": folder.path.resolve().name,
        "fingerprint": manifest.get("fingerprint"),
        "files": dict(sorted(files.items())),
    }


def make_items(folder: DatasetFolder, sample: Sample, store: ImageStore | None) -> list[Item]:
    """Return the items of a sample, numbered in its order.

    Args:
        folder: that the sample was drawn from.
        sample: which rows.
        store: finds images; None where none can be had.

    Raises:
        UserError: if a sampled row is malformed, naming the rule to run.
    """
    rows = read_rows(folder.path, sample.drawn)
    sentences = _read_sentences(folder.path)
    if store is not None:
        for config in folder.configs:
            _learn(store, config, [r for d, r in zip(sample.drawn, rows, strict=True) if d.config == config])
    items = []
    for n, (drawn, row) in enumerate(zip(sample.drawn, rows, strict=True), 1):
        try:
            shown = show_row(drawn.config, row)
            condition, polarity, kind, writer = drawn.stratum
            pictures, why = _find_pictures(drawn.config, row, store)
            items.append(
                Item(
                    n,
                    drawn.config,
                    drawn.key,
                    condition,
                    polarity,
                    kind,
                    writer,
                    pick_questions(drawn.config, bool(pictures)),
                    digest_row(drawn.config, row),
                    shown.title,
                    shown.stem,
                    tuple(shown.lines),
                    pictures,
                    why,
                    drawn.place,
                    str(row["source"]),
                    str(row["study_id"]),
                    sentences.get((str(row["source"]), str(row["study_id"])), ()),
                )
            )
        except MALFORMED as e:
            raise UserError(
                f"a row that can't be shown ({type(e).__name__})",
                where=f"{folder.path}/{drawn.place.file}, row {drawn.place.row}: {drawn.key}",
                how=f"nastdata validate {folder.path} says what is wrong with it",
            ) from e
    return items


def read_rows(folder: Path, drawn: Iterable[Drawn]) -> list[dict[str, Any]]:
    """Return the rows at some places, without the bytes of embedded images.

    Image columns hold the path, or for an embedded image ``True`` or None.
    """
    wanted = list(drawn)
    by_file: dict[str, list[int]] = {}
    for at, d in enumerate(wanted):
        by_file.setdefault(d.place.file, []).append(at)
    out: list[dict[str, Any]] = [{}] * len(wanted)
    for name, places in by_file.items():
        config = wanted[places[0]].config
        with pq.ParquetFile(folder / name) as file:
            for at, row in _read_places(file, config, {at: wanted[at].place.row for at in places}):
                out[at] = row
    return out


def _read_places(
    file: pq.ParquetFile, config: str, places: Mapping[int, int]
) -> Iterable[tuple[int, dict[str, Any]]]:
    columns = [c for c in COLUMN_ORDER[config] if c in file.schema_arrow.names]
    held = [c for c in columns if c in IMAGE_COLUMNS and pa.types.is_struct(file.schema_arrow.field(c).type)]
    plain = [c for c in columns if c not in held]
    start = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        inside = {at: row - start for at, row in places.items() if start <= row < start + size}
        if inside:
            table = file.read_row_group(group, columns=plain).take(list(inside.values()))
            there = {c: _has_image(file, group, c) for c in held}
            for i, (at, row) in enumerate(zip(inside, table.to_pylist(), strict=True)):
                for c in held:
                    row[c] = there[c][list(inside.values())[i]] or None
                yield at, row
        start += size


def _has_image(file: pq.ParquetFile, group: int, column: str) -> list[bool]:
    """Say which rows of a group hold an image, reading it only if some hold none."""
    meta = file.metadata.row_group(group)
    for i in range(meta.num_columns):
        chunk = meta.column(i)
        if chunk.path_in_schema == f"{column}.bytes" and chunk.statistics is not None:
            if chunk.statistics.has_null_count and chunk.statistics.null_count == 0:
                return [True] * meta.num_rows
    values = file.read_row_group(group, columns=[column])[column]
    return [v is not None and v["bytes"] is not None for v in values.to_pylist()]


def _find_pictures(
    config: str, row: Mapping[str, Any], store: ImageStore | None
) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the pictures that can be shown, or none and why."""
    found, why = [], ""
    for column in (c for c in IMAGE_COLUMNS if c in COLUMN_ORDER[config]):
        image = row.get(column)
        if image is None:
            why = "the row has none"
        elif image is True:
            found.append((column, str(row[f"{column}_id"])))
        elif store is None:
            why = f"no image folder was given (--image-root {row['source']}=FOLDER)"
        else:
            file = store.locate(str(row["source"]), str(image))
            if file.path or file.data or file.order:
                found.append((column, str(row[f"{column}_id"])))
            else:
                why = f"{file.reason} under the image folder"
    wanted = sum(c in COLUMN_ORDER[config] for c in IMAGE_COLUMNS)
    return (tuple(found), "") if len(found) == wanted else ((), why)


def _learn(store: ImageStore, config: str, rows: list[dict[str, Any]]) -> None:
    """Let templates of image paths know the ids of the rows."""
    import polars as pl

    columns = ("source", "image", "patient_id", "study_id", "image_id")
    plain = [{c: r[c] for c in columns} for r in rows if isinstance(r.get("image"), str)]
    if plain:
        store.finder.learn(pl.DataFrame(plain, schema=dict.fromkeys(columns, pl.String)))


def _read_sentences(folder: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return (source, study) -> sentences of its report, of those that the build wrote beside the folder."""
    path = folder.resolve().with_name(f"{folder.resolve().name}.sentences.csv")
    if not path.is_file():
        return {}
    import polars as pl

    try:
        frame = pl.read_csv(path, infer_schema=False)
        rows = frame.select("source", "study", "sentence").iter_rows()
    except (pl.exceptions.PolarsError, OSError) as e:
        raise UserError(
            f"not readable ({str(e).splitlines()[0]})", where=str(path), how="build again, or move it away"
        ) from e
    out: dict[tuple[str, str], tuple[str, ...]] = {}
    for source, study, sentence in rows:
        if sentence and len(out.get((source, study), ())) < SENTENCES:
            out[source, study] = (*out.get((source, study), ()), sentence)
    return out
