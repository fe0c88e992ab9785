"""Are embedded images whole and made of pixels alone, and is no name of their source's headers anywhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.checks.images.names import Names, list_ids, read_names
from nastdata.checks.integrity import IMAGE_COLUMNS, Opened
from nastdata.checks.verdicts import Bad, Ledger
from nastdata.dataset.folder import DatasetFolder
from nastdata.images.find import make_roots
from nastdata.images.scan import check_decodes, find_metadata
from nastdata.records import COLUMN_ORDER

BATCH = 50
"""Rows with images held at a time."""
DECODED = 2_000
"""Distinct images of a config that are decoded to their last pixel; of the others the structure is read."""
TEXT = re.compile(rb"[\x20-\x7e\x80-\xff]{5,}|(?:[\x20-\x7e]\0){5,}")


def check_images(ledger: Ledger, opened: Opened, roots: Mapping[str, Path] | None = None) -> None:
    """Enter verdicts on the embedded images of each config, and on names in the whole folder.

    Args:
        ledger: where they go.
        opened: the folder.
        roots: source -> image root, for the names in the headers of its files; None leaves these out.

    Raises:
        UserError: if a root is no folder.
    """
    names = read_names(make_roots(roots), list_ids(opened)) if roots else None
    total = 0
    for config, splits in opened.folder.files.items():
        paths = [(split, path) for split, many in splits.items() for path in many]
        columns = [c for c in IMAGE_COLUMNS if c in COLUMN_ORDER[config]]
        if not any(_is_embedded(path, column) for _, path in paths for column in columns):
            ledger.skip("images", config, "no images are stored in it")
            continue
        checked, held, bad = _check_config(config, paths, columns, names)
        total += held
        ledger.add("images", config, checked, bad, note=_tell(checked))
    recorded = (opened.folder.manifest or {}).get("images")
    if isinstance(recorded, dict) and "embedded" in recorded and recorded["embedded"] != total:
        bad = [Bad(f"{total:,} rows hold an image, not {recorded['embedded']:,}", "manifest.json")]
        ledger.add("images", None, 1, bad)
    if names is None:
        ledger.skip("names", None, "no --image-root: the headers of the source's images are not known")
    else:
        found = list(_find_in_texts(opened.folder, names))
        ledger.add("names", None, names.headers, found, note=f"{names.headers:,} headers read")


def _check_config(
    config: str, paths: list[tuple[str, Path]], columns: list[str], names: Names | None
) -> tuple[int, int, list[Bad]]:
    """Return how many distinct images there are, how many rows hold one, and what is wrong."""
    known: dict[bytes, list[str]] = {}
    bad: list[Bad] = []
    held = 0
    for split, path in paths:
        for key, image in _read_images(path, config, columns):
            if image is None or image["bytes"] is None:
                continue
            held += 1
            digest = hashlib.sha256(image["bytes"]).digest()
            if digest not in known:
                known[digest] = _judge(image["bytes"], len(known) < DECODED, names)
            reasons = list(known[digest])
            if names is not None and names.find(str(image["path"]), single=True):
                reasons.append("its file name holds a name of the source's headers")
            bad += [Bad(reason, key, split) for reason in reasons]
    return len(known), held, bad


def _judge(data: bytes, decode: bool, names: Names | None) -> list[str]:
    out = [f"holds more than pixels: {what}" for what in find_metadata(data)]
    if decode and (why := check_decodes(data)):
        out.append(f"can't be decoded: {why}")
    if names is not None:
        runs = "\n".join(m.replace(b"\0", b"").decode("utf-8", "replace") for m in TEXT.findall(data))
        if names.find(runs, single=True):
            out.append("holds a name of the source's headers")
    return out


def _read_images(path: Path, config: str, columns: list[str]) -> Iterator[tuple[str, Any]]:
    key = COLUMN_ORDER[config][0]
    try:
        with pq.ParquetFile(path) as file:
            there = [c for c in (key, *columns) if c in file.schema_arrow.names]
            for batch in file.iter_batches(BATCH, columns=there):
                for row in batch.to_pylist():
                    for column in columns:
                        if isinstance(row.get(column), dict):
                            yield str(row.get(key)), row[column]
    except (OSError, ValueError):
        return  # rule 'readable' reports it


def _is_embedded(path: Path, column: str) -> bool:
    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError):
        return False
    return column in schema.names and pa.types.is_struct(schema.field(column).type)


def _find_in_texts(folder: DatasetFolder, names: Names) -> Iterator[Bad]:
    """Look for names in every text of the folder: documents, and the text columns of parquet files."""
    for path in sorted(p for p in folder.path.rglob("*") if p.is_file()):
        name = path.relative_to(folder.path).as_posix()
        texts = [name, *(_read_columns(path) if path.suffix == ".parquet" else [_read_text(path)])]
        for text in texts:
            if names.find(text, single=False):
                yield Bad("holds a name of the source's headers", name)
                break


def _read_columns(path: Path) -> Iterator[str]:
    import polars as pl

    try:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
        texts = [c for c, t in schema.items() if t == pl.String or t == pl.List(pl.String)]
        for column in texts:
            series = frame.select(column).collect().to_series()
            series = series.explode() if isinstance(schema[column], pl.List) else series
            yield "\n".join(series.drop_nulls().unique().to_list())
    except (pl.exceptions.PolarsError, OSError):
        return  # rule 'readable' reports it


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _tell(checked: int) -> str:
    if checked <= DECODED:
        return ""
    return f"{DECODED:,} of {checked:,} images decoded, the structure of all read"
