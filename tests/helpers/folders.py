"""Small good folders, and ways to damage them, for the tests of the gate. Knows nothing of the gate."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.recipe import load_recipe

Row = dict[str, Any]
SPLITS = ("train", "validation", "test")


def build_small(recipe: str, out: Path, **settings: str) -> Path:
    """Build a folder from the phantom source, without an audit."""
    given = {"source": "phantom", "audit.enabled": "false", "images": "none", **settings}
    build(load_recipe(recipe, given.items()), out, Progress(quiet=True))
    return out


def copy_folder(source: Path, to: Path) -> Path:
    shutil.copytree(source, to)
    return to


def shard(folder: Path, config: str, split: str = "train") -> Path:
    return folder / "data" / config / f"{split}-00000-of-00001.parquet"


def edit_rows(folder: Path, config: str, change: Callable[[list[Row]], None], split: str = "train") -> None:
    """Let ``change`` alter the rows of a split in place, and write them with the same types."""
    path = shard(folder, config, split)
    frame = pl.read_parquet(path)
    rows = frame.to_dicts()
    change(rows)
    pl.DataFrame(rows, schema=frame.schema, orient="row").write_parquet(path)


def edit_frame(folder: Path, config: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = shard(folder, config)
    change(pl.read_parquet(path)).write_parquet(path)


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def seal(folder: Path) -> None:
    """Do what a careful forger does: record hashes and row counts of what is there now."""

    def record(manifest: dict[str, Any]) -> None:
        files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "manifest.json"]
        manifest["outputs"] = {
            p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
        }
        for config in manifest["rows"]:
            counts = {s: 0 for s in SPLITS}
            for path in (folder / "data" / config).glob("*.parquet"):
                split = path.name.split("-")[0]
                counts[split] = counts.get(split, 0) + len(pl.read_parquet(path, columns=[0]))
            manifest["rows"][config] = counts
            manifest["counts"]["text"][config]["accepted"] = sum(counts.values())

    edit_manifest(folder, record)
