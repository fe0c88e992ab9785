"""Probes and opposition end to end, judged from the folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

SMALL = ["--set", "phantom_patients=300"]


def read(folder: Path, config: str) -> pl.DataFrame:
    return pl.concat(
        pl.read_parquet(p).with_columns(split=pl.lit(p.name.split("-")[0]))
        for p in sorted((folder / "data" / config).glob("*.parquet"))
    )


def test_probes_are_equally_long_and_differ_in_polarity(run: Any, tmp_path: Path) -> None:
    tokenizer = pytest.importorskip("open_clip.tokenizer")
    folder = tmp_path / "probes"
    done = run("build", "probes", "--out", str(folder), *SMALL)
    assert done.returncode == 0, done.stderr
    rows = read(folder, "probes").to_dicts()
    assert {r["negation_in"] for r in rows} == {"correct", "foil"}
    encode = tokenizer.SimpleTokenizer().encode
    for correct, foil, side in {(r["correct"], r["foil"], r["negation_in"]) for r in rows}:
        assert len(encode(correct)) == len(encode(foil))
        assert (" no " in correct) == (side == "correct") and (" no " in foil) == (side == "foil")


def test_opposition_pairs_opposite_films_of_other_patients(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "opposition"
    done = run(
        "build", "opposition", "--out", str(folder), *SMALL, "--set", "conditions=[Pneumothorax,Edema]"
    )
    assert done.returncode == 0, done.stderr
    rows = read(folder, "opposition").to_dicts()
    assert {r["condition"] for r in rows} == {"Pneumothorax", "Edema"}
    state: dict[tuple[str, str], set[str]] = {}
    other = {"positive": "negative", "negative": "positive"}
    for r in rows:
        state.setdefault((r["condition"], r["image_id"]), set()).add(r["polarity"])
        state.setdefault((r["condition"], r["distractor_image_id"]), set()).add(other[r["polarity"]])
        assert r["image_id"] != r["distractor_image_id"]
        assert r["prompt"] != r["distractor_prompt"]
    assert all(len(s) == 1 for s in state.values()), "a film is either with or without the finding"


def test_ninety_nine_prompts_of_each_condition(run: Any, ontology: Any) -> None:
    for condition in ("Pneumothorax", "Support Devices"):
        done = run("prompts", condition)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert len(rows) == len({r[1] for r in rows}) == 99
        assert set(Counter((r[2], r[3]) for r in rows)) == {
            (style, polarity) for style in ("structured", "natural") for polarity in ("positive", "negative")
        }
    wrong = run("prompts", "Pneumothrax")
    assert wrong.returncode == 2 and "did you mean 'Pneumothorax'" in wrong.stderr
