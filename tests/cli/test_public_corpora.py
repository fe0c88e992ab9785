"""The newcomer's path with public corpora whose files are at hand: sources, build, validate, publish."""

from __future__ import annotations

import gzip
import importlib.util
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands import Run

QUICK = ("--set", "audit.enabled=false", "--set", "writer.wordings=4")
VINDR = {"Cardiomegaly": "Cardiomegaly", "Pneumothorax": "Pneumothorax", "Consolidation": "Consolidation"}
ADJUDICATED = {"Fracture": "Fracture", "Pneumothorax": "Pneumothorax", "Airspace opacity": "Lung Opacity"}
Truth = dict[tuple[str, str], int]


def ok(done: Any, code: int = 0) -> str:
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return str(done.stdout + done.stderr)


def find(name: str) -> Path:
    spec = importlib.util.find_spec("torchxrayvision")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / name


def read_vindr() -> Truth:
    """Image and finding -> present if two of three readers saw it, absent if none did."""
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    readers: dict[str, set[str]] = defaultdict(set)
    with gzip.open(find("vinbigdata-train.csv.gz"), "rt") as stream:
        next(stream)
        for line in stream:
            image, name, _, reader = line.split(",")[:4]
            readers[image].add(reader)
            seen[image, name].add(reader)
    out = {}
    for image in readers:
        for name, condition in VINDR.items():
            votes = len(seen.get((image, name), ()))
            if votes != 1:
                out[image, condition] = int(votes > 1)
    return out


def read_adjudicated() -> Truth:
    """Image and finding -> the radiologists' YES or NO."""
    table = pl.read_csv(find("google2019_nih-chest-xray-labels.csv.gz"), infer_schema=False)
    return {
        (row["Image Index"], condition): {"YES": 1, "NO": 0}[row[name]]
        for row in table.iter_rows(named=True)
        for name, condition in ADJUDICATED.items()
    }


@pytest.mark.parametrize(
    ("source", "read", "ending", "refused", "code"),
    [
        ("vindr-cxr", read_vindr, "", "allow no hub, public or private", 2),
        ("nih-adjudicated", read_adjudicated, ".png", "do not allow publication", 2),
    ],
)
def test_from_a_public_corpus_to_a_checked_dataset_in_four_commands(
    run: Run, tmp_path: Path, source: str, read: Any, ending: str, refused: str, code: int
) -> None:
    listed = ok(run("sources", cwd=tmp_path))
    (line,) = [line for line in listed.splitlines() if line.startswith(source)]
    assert line.endswith("ready")
    ok(run("build", "mednega", "--source", source, "--out", "out", *QUICK, cwd=tmp_path))
    said = ok(run("validate", "out", "--no-audit", "--against", "auto", cwd=tmp_path))
    assert "against_source" in said
    assert refused in ok(run("publish", "out", "--repo", "doe/x", "--dry-run", cwd=tmp_path), code)
    # the right options say what the file says, for the findings that are named alike
    truth = read()
    rows = pl.read_parquet(tmp_path / "out" / "data" / "mednega" / "*.parquet")
    checked: Counter[bool] = Counter()
    for row in rows.iter_rows(named=True):
        right = dict(zip(row["conditions"], row["choice_labels"]["ABCD".index(row["answer"])], strict=True))
        for condition, label in right.items():
            known = truth.get((row["image_id"] + ending, condition))
            if known is not None:
                checked[known == label] += 1
    assert checked[False] == 0 and checked[True] > 100
