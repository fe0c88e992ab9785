"""``nastdata audit`` on folders."""

from __future__ import annotations

import json
from pathlib import Path

import audit_items as made
import polars as pl
import pytest
from click.testing import CliRunner

from nastdata.cli.checking.audit import command
from nastdata.errors import CheckFailedError, UserError


def write(folder: Path, frame: pl.DataFrame, manifest: bool = True) -> Path:
    for split in ("train", "test"):
        path = folder / "data" / "mednega" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.filter(pl.col("split") == split).drop("split").write_parquet(path)
    if manifest:
        made_from = {"nastdata": "0", "recipe": {"recipe": "mednega", "seed": 3}, "rows": {}}
        (folder / "manifest.json").write_text(json.dumps(made_from))
    return folder


def test_json_only_and_exit_zero(tmp_path: Path) -> None:
    folder = write(tmp_path, made.make_balanced(40), manifest=False)
    done = CliRunner().invoke(command, [str(folder), "--json", "--seeds", "1"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["verdict"]["passed"]


def test_no_write_leaves_the_manifest(tmp_path: Path) -> None:
    folder = write(tmp_path, made.make_balanced(40))
    before = (folder / "manifest.json").read_bytes()
    done = CliRunner().invoke(command, [str(folder), "--no-write", "--seeds", "1"])
    assert done.exit_code == 0 and "boosting" in done.stdout
    assert (folder / "manifest.json").read_bytes() == before


def test_a_leak_is_a_failed_check(tmp_path: Path) -> None:
    leaky = made.make_paper(made.draw_studies(500)).with_columns(pl.lit("balanced").alias("design"))
    done = CliRunner().invoke(command, [str(write(tmp_path, leaky)), "--no-write", "--seeds", "1"])
    assert isinstance(done.exception, CheckFailedError)


@pytest.mark.parametrize("damage", ["none", "column", "bytes"])
def test_bad_folders_are_told_plainly(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "d"
    if damage != "none":
        frame = made.make_balanced(4)
        write(folder, frame.drop("group_id") if damage == "column" else frame, manifest=False)
    if damage == "bytes":
        for path in folder.rglob("*.parquet"):
            path.write_bytes(path.read_bytes()[:100])
    done = CliRunner().invoke(command, [str(folder), "--no-write"])
    assert isinstance(done.exception, UserError)
