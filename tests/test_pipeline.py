"""The main job end to end, judged from the folder alone by code that shares nothing with the build."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

KNEE = Path(__file__).parent / "data" / "knee.yaml"
SMALL = ["--set", "phantom_patients=600", "--limit", "400"]


def hash_tree(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def read_rows(folder: Path) -> list[dict[str, Any]]:
    rows = []
    for path in sorted((folder / "data" / "mednega").glob("*.parquet")):
        split = path.name.split("-")[0]
        rows += [{**r, "split": split} for r in pl.read_parquet(path).to_dicts()]
    return rows


@pytest.fixture(scope="module")
def built(run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "mednega"
    done = run("build", "mednega", "--out", str(folder), *SMALL)
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout and "nastdata audit" in done.stdout
    return folder


def test_every_group_is_four_truths_over_one_set_of_texts(built: Path) -> None:
    rows = read_rows(built)
    assert len(rows) >= 200
    groups = defaultdict(list)
    for r in rows:
        groups[r["group_id"]].append(r)
    for group in groups.values():
        assert len(group) == 4
        assert len({r["split"] for r in group}) == 1
        assert (
            len({frozenset(zip(r["negated_choices"], r["affirmative_choices"], strict=True)) for r in group})
            == 1
        )
        truths = {tuple(r["choice_labels"]["ABCD".index(r["answer"])]) for r in group}
        assert truths == {tuple(v) for v in group[0]["choice_labels"]}
        assert len({r["question"] for r in group}) == 1


def test_no_patient_in_two_splits_no_study_twice(built: Path) -> None:
    rows = read_rows(built)
    splits = defaultdict(set)
    for r in rows:
        splits[r["source"], r["patient_id"]].add(r["split"])
    assert all(len(s) == 1 for s in splits.values())
    assert max(Counter(r["study_id"] for r in rows).values()) == 1


def test_options_differ_and_say_their_labels(built: Path, ontology: Any) -> None:
    """Read back in a crude way of its own: which names stand in the affirmative text."""
    names = {c.name: c for c in ontology.conditions}
    for r in read_rows(built):
        assert len(set(r["negated_choices"])) == 4 and len(set(r["affirmative_choices"])) == 4
        for labels, text in zip(r["choice_labels"], r["affirmative_choices"], strict=True):
            for condition, label in zip(r["conditions"], labels, strict=True):
                said = names[condition].text.rstrip("s") in text.lower()
                others = [a.text for a in names[condition].affirmative if a.text in text.lower()]
                assert said == bool(label) and bool(others) != bool(label), (condition, label, text)


def test_manifest_accounts_for_every_row_and_file(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    for source in manifest["counts"]["sources"].values():
        assert source["rows_in"] == source["used"] + source["rejected"] + sum(source["left_out"].values())
    text = manifest["counts"]["text"]["mednega"]
    assert text["items_in"] == text["accepted"] + text["rejected"]
    assert text["accepted"] == len(read_rows(built))
    assert manifest["audit"]["verdict"]["passed"]
    assert str(built.parent) not in (built / "manifest.json").read_text(), "no path of this machine"


def test_load_dataset_reads_the_folder(built: Path, tmp_path: Path) -> None:
    code = (
        "from datasets import load_dataset\n"
        f"d = load_dataset({str(built)!r}, 'mednega')\nprint(sum(map(len, d.values())))"
    )
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == len(read_rows(built))


def test_same_seed_same_bytes(built: Path, run: Any, tmp_path: Path) -> None:
    other = tmp_path / "again"
    env = {**os.environ, "PYTHONHASHSEED": "3", "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = run("build", "mednega", "--out", str(other), *SMALL, "--set", "workers=1", env=env)
    assert done.returncode == 0, done.stderr
    assert hash_tree(other) == hash_tree(built)


def test_another_seed_is_another_dataset(built: Path, run: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert run("build", "mednega", "--out", str(other), *SMALL, "--seed", "1").returncode == 0
    assert read_rows(other) != read_rows(built)


def test_limit_keeps_the_balance(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    done = run("build", "mednega", "--out", str(folder), "--set", "phantom_patients=600", "--limit", "50")
    assert done.returncode == 0, done.stderr
    rows = read_rows(folder)
    assert 0 < len(rows) <= 50 and set(Counter(r["group_id"] for r in rows).values()) == {4}


def test_another_organ(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "knee"
    done = run("build", "mednega", "--out", str(folder), *SMALL, "--set", f"ontology={KNEE}")
    assert done.returncode == 0, done.stderr
    rows = read_rows(folder)
    assert rows
    assert not any("lung" in t.lower() for r in rows for t in [*r["negated_choices"], r["question"]])


def test_preview_shows_and_writes_nothing(run: Any, tmp_path: Path) -> None:
    done = run("preview", "mednega", "-n", "2", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[mednega]") == 2 and done.stdout.count(" * ") == 2
    assert not list(tmp_path.iterdir())


def test_foreign_folder_is_refused_and_untouched(run: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    done = run("build", "mednega", "--out", str(tmp_path / "mine"), *SMALL)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) <= 2
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.real
def test_paper_design_on_the_real_labels_leaks_and_says_so(
    run: Any, real_labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "paper"
    done = run("build", "mednega", "--source", "chexpert", "--set", "design=paper", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    manifest = json.loads((folder / "manifest.json").read_text())
    studies = manifest["counts"]["design"]["studies"]
    assert (studies["eligible"], studies["eligible_patients"]) == (3908, 3570)
    assert 0.75 <= max(s["accuracy"] for s in manifest["audit"]["solvers"]) <= 0.88
    assert "warning" in done.stderr


@pytest.mark.real
def test_balanced_design_on_the_real_labels(run: Any, real_labels: Path, tmp_path: Path) -> None:
    folder = tmp_path / "balanced"
    done = run("build", "mednega", "--source", "chexpert", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    rows = read_rows(folder)
    assert len(rows) >= 7_000
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["counts"]["text"]["mednega"]["rejected"] == 0
    assert max(s["accuracy"] for s in manifest["audit"]["solvers"]) <= 0.27
    counts = Counter(
        (
            r["split"],
            *r["conditions"],
            *sorted(map(tuple, r["choice_labels"])),
            *r["choice_labels"]["ABCD".index(r["answer"])],
        )
        for r in rows
    )
    cells = defaultdict(set)
    for (split, a, b, c, *rest), n in counts.items():
        cells[split, a, b, c, *rest[:4]].add(n)
    assert all(len(n) == 1 for n in cells.values()), "every member is the truth equally often"


def test_a_small_build_of_many_patients_says_how_many_it_looked_at(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "few"
    many = ("--set", "phantom_patients=1500", "--set", "audit.enabled=false")
    done = run("build", "mednega", *many, "--limit", "24", "--out", str(out))
    assert done.returncode == 0, done.stderr
    design = json.loads((out / "manifest.json").read_text())["counts"]["design"]
    assert design["patients"]["of"] == 1500 and 300 < design["patients"]["drawn"] < 900
    assert 20 <= len(read_rows(out)) <= 24
    assert 1000 <= design["studies"]["in"] < 1010


def test_a_preview_is_the_head_of_a_limited_build(run: Any, tmp_path: Path) -> None:
    done = run("preview", "contextual", "-n", "1", "--set", "phantom_patients=300", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    settings = ("--limit", "100", "--set", "phantom_patients=300", "--set", "audit.enabled=false")
    built = run("build", "contextual", *settings, "--out", str(out))
    assert built.returncode == 0, built.stderr
    (file,) = (out / "data" / "contextual_captions").glob("train-*.parquet")
    first = pl.read_parquet(file).row(0, named=True)
    assert first["caption"] in done.stdout and first["study_id"] in done.stdout
