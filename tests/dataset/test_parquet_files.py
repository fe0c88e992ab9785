"""Rows survive the way to disk and back, and the same rows give the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_frames import SCHEMAS, frames_of, make_frame, make_frames, make_manifest, make_rejects
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nastdata.dataset import parquet
from nastdata.dataset.folder import read_dataset, write_dataset
from nastdata.dataset.parquet import write_config

HERE = Path(__file__).parents[1] / "helpers"


@pytest.mark.parametrize("config", SCHEMAS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_rows_come_back(
    tmp_path_factory: pytest.TempPathFactory, config: str, data: st.DataObject
) -> None:
    frame = data.draw(frames_of(config))
    folder = tmp_path_factory.mktemp("any") / config
    written = write_config(folder, config, frame)
    for split in ("train", "validation", "test"):
        rows = frame.filter(pl.col("split") == split).drop("split")
        files = sorted(folder.glob(f"{split}-*"))
        assert written.rows[split] == len(rows)
        assert len(files) == (1 if len(rows) else 0), "a split without rows has no file"
        if files:
            back = pq.read_table(files[0])  # independent reader
            assert back.to_pylist() == rows.to_dicts()
            assert back.column_names == list(SCHEMAS[config])


def test_types_are_those_that_every_reader_knows() -> None:
    schema = parquet.config_arrow_schema("contextual_claims")
    assert schema.field("claims").type == pa.list_(pa.string())
    assert schema.field("answer").type == pa.int64()
    assert pa.types.is_struct(schema.field("claim_facts").type.value_type)


def test_many_rows_go_into_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = make_frame("probes", 100)
    monkeypatch.setattr(parquet, "SHARD_ROWS", 25)
    write_config(tmp_path / "probes", "probes", frame)
    names = sorted(p.name for p in (tmp_path / "probes").glob("train-*"))
    assert names == [f"train-0000{i}-of-00003.parquet" for i in range(3)]
    back = pl.concat([pl.read_parquet(tmp_path / "probes" / n) for n in names])
    assert back.equals(frame.filter(pl.col("split") == "train").drop("split"))


def test_a_lacking_or_surplus_column_or_split_is_a_defect(tmp_path: Path) -> None:
    frame = make_frame("probes", 5)
    with pytest.raises(ValueError, match="lacking \\['foil'\\]"):
        write_config(tmp_path / "a", "probes", frame.drop("foil"))
    with pytest.raises(ValueError, match="too many \\['x'\\]"):
        write_config(tmp_path / "b", "probes", frame.with_columns(x=1))
    with pytest.raises(ValueError, match="unknown splits"):
        write_config(tmp_path / "c", "probes", frame.with_columns(split=pl.lit("dev")))


def test_bytes_do_not_depend_on_how_the_frame_came_about(tmp_path: Path) -> None:
    frame = make_frame("contextual_claims", 200)
    pieces = pl.concat([frame.slice(i, 7) for i in range(0, 200, 7)], rechunk=False)
    filtered = pl.concat([frame, frame]).with_row_index("n").filter(pl.col("n") < 200).drop("n")
    hashes = set()
    for name, f in (("whole", frame), ("pieces", pieces), ("filtered", filtered)):
        write_config(tmp_path / name, "contextual_claims", f)
        hashes.add(hashlib.sha256((tmp_path / name / "train-00000-of-00001.parquet").read_bytes()).digest())
    assert len(hashes) == 1


WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dataset_frames import make_frames, make_manifest, make_rejects
from nastdata.dataset.folder import write_dataset
write_dataset(Path(sys.argv[1]), make_frames(400), make_rejects(), make_manifest())
"""


def test_same_bytes_in_every_process(tmp_path: Path) -> None:
    found = []
    for seed, threads in (("0", "1"), ("1", "2"), ("77", "4")):
        out = tmp_path / seed
        env = {**os.environ, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", WRITE, str(out), str(HERE)], env=env, check=True)
        files = sorted(p for p in out.rglob("*") if p.is_file())
        found.append({p.relative_to(out): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 10


def test_load_dataset_reads_every_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    frames = make_frames(20)
    frames["probes"] = frames["probes"].with_columns(split=pl.lit("test"))
    out = write_dataset(tmp_path / "out", frames, make_rejects(), make_manifest())
    for config, frame in frames.items():
        loaded = datasets.load_dataset(str(out), config, cache_dir=str(tmp_path / "cache"))
        assert set(loaded) == set(frame["split"].unique())
        for split, rows in loaded.items():
            assert rows.to_list() == frame.filter(pl.col("split") == split).drop("split").to_dicts()


def test_read_dataset_returns_the_rows_with_their_split(tmp_path: Path) -> None:
    frames = make_frames(20)
    out = write_dataset(tmp_path / "out", frames, make_rejects(), make_manifest())
    folder = read_dataset(out)
    assert folder.configs == tuple(frames)
    for config, frame in frames.items():
        assert folder.read(config).sort("study_id").equals(frame.sort("study_id"), null_equal=True)
    assert len(folder.read("mednega", "test")) == 4


def test_manifest_ends_with_true_hashes_and_counts(tmp_path: Path) -> None:
    out = write_dataset(tmp_path / "out", make_frames(20), make_rejects(), make_manifest())
    manifest = json.loads((out / "manifest.json").read_text())
    assert list(manifest)[-1] == "outputs"
    on_disk = {
        p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in out.rglob("*")
        if p.is_file() and p.name != "manifest.json"
    }
    assert manifest["outputs"] == on_disk
    assert {"README.md", "croissant.json", "report.html", "rejects.parquet"} < set(on_disk)
    assert manifest["rows"]["mednega"] == {"train": 12, "validation": 4, "test": 4}
