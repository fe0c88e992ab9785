"""``nastdata sources``: what each corpus needs, where it was looked for, what was found, its terms."""

from __future__ import annotations

import json
from pathlib import Path

from commands import Run
from trees import make_tree

from nastdata.sources import list_sources


def test_sources_lists_every_corpus(run: Run) -> None:
    done = run("sources")
    assert done.returncode == 0 and not done.stderr
    for name in list_sources():
        assert f"\n{name} " in f"\n{done.stdout}"
    assert "looked in" in done.stdout and "LLM service" in done.stdout


def test_sources_finds_a_tree(run: Run, tmp_path: Path) -> None:
    make_tree(tmp_path, 5)
    done = run("sources", "--data", str(tmp_path), "--json")
    rows = {r["name"]: r for r in json.loads(done.stdout)}
    assert set(rows) == set(list_sources())
    assert len(rows["mimic-cxr"]["found"]) == 3 and len(rows["cad-chest"]["found"]) == 3
    assert not rows["openi"]["usable"] and rows["phantom"]["usable"]
    assert rows["mimic-cxr"]["terms"]["may_publish"] == "no"


def test_sources_refuses_a_missing_folder(run: Run, tmp_path: Path) -> None:
    done = run("sources", "--data", str(tmp_path / "x"))
    assert done.returncode == 2 and "no such folder" in done.stderr


def test_bad_input_ends_with_two_plain_lines(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "train.csv"
    bad.write_text("Path,Edma\na,1\n", encoding="utf-8")
    out = tmp_path / "out"
    done = run("build", "mednega", "--source", "chexpert", "--data", str(bad), "--out", str(out))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and str(bad) in done.stderr
    assert not out.exists()
