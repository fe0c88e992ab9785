"""Contextual builds end to end, judged from the folder alone by a small logic of its own."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from trees import make_tree

SMALL = ["--set", "phantom_patients=400", "--set", "audit.folds=3"]


@pytest.fixture(scope="module")
def built(run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "contextual"
    done = run("build", "contextual", "--out", str(folder), *SMALL)
    assert done.returncode == 0, done.stderr
    return folder


def read(folder: Path, config: str) -> list[dict[str, Any]]:
    rows = []
    for path in sorted((folder / "data" / config).glob("*.parquet")):
        rows += [{**r, "split": path.name.split("-")[0]} for r in pl.read_parquet(path).to_dicts()]
    return rows


def test_claim_sets_are_of_the_promised_form(built: Path) -> None:
    rows = read(built, "contextual_claims")
    assert len(rows) > 300
    for r in rows:
        k = len(r["claims"])
        assert 2 <= k <= 7 and len(set(r["claims"])) == k
        assert k == len(r["claim_facts"]) == len(r["claim_negations"]) == len(r["altered"])
        assert [i for i, a in enumerate(r["altered"]) if a is None] == [r["answer"]]
        assert set(r["altered"]) <= {None, "existence", "location", "severity"}
        if r["set_kind"] == "same_condition":
            assert {f["condition"] for f in r["claim_facts"]} == {r["condition"]}


def test_sets_that_share_texts_have_every_member_true_equally_often(built: Path) -> None:
    families: dict[tuple[str, frozenset[str]], Counter[str]] = defaultdict(Counter)
    for r in read(built, "contextual_claims"):
        families[r["split"], frozenset(r["claims"])][r["claims"][r["answer"]]] += 1
    for (_, texts), truths in families.items():
        assert set(truths) == texts and len(set(truths.values())) == 1


def test_no_plain_false_claim_is_true_of_the_study(built: Path) -> None:
    """What is true of a film by any set's answer is never false of it in another set."""
    true, false = defaultdict(set), defaultdict(set)
    for r in read(built, "contextual_claims"):
        for i, (fact, negation) in enumerate(zip(r["claim_facts"], r["claim_negations"], strict=True)):
            key = (*fact.values(), negation)
            (true if i == r["answer"] else false)[r["study_id"]].add(key)
    for study, stated in true.items():
        assert not stated & false[study]
        absent = {k[0] for k in stated if k[1] == "absent" and k[2] is None and k[3] is None}
        present = {k[0] for k in stated if k[1] == "present"}
        assert not absent & present


def test_polarity_of_captions_hangs_on_nothing_they_name(built: Path) -> None:
    cells: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for r in read(built, "contextual_captions"):
        fact = r["fact"]
        cells[r["split"], fact["condition"], fact["location"], fact["severity"]][r["polarity"]] += 1
        assert (r["negation_type"] == "none") == (r["polarity"] == "affirmative")
    assert cells and all(c["affirmative"] == c["negated"] for c in cells.values())


def test_captions_name_their_condition_and_place(built: Path, ontology: Any) -> None:
    names = {c.name: c for c in ontology.conditions}
    for r in read(built, "contextual_captions")[:3000]:
        c = names[r["fact"]["condition"]]
        words = {c.text.split()[-1].rstrip("s"), *(s.split()[-1].rstrip("s") for s in c.synonyms)}
        assert any(w[:-2].lower() in r["caption"].lower() for w in words), r["caption"]
        for side in ("left", "right"):
            if side in (r["fact"]["location"] or ""):
                assert side in r["caption"].lower()


def test_no_patient_in_two_splits(built: Path) -> None:
    splits = defaultdict(set)
    for config in ("contextual_claims", "contextual_captions"):
        for r in read(built, config):
            splits[r["patient_id"]].add(r["split"])
    assert all(len(s) == 1 for s in splits.values())


def test_rows_are_accounted_for_and_audit_is_in_the_manifest(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    for config, report in manifest["counts"]["text"].items():
        assert report["rows_in"] == report["accepted"] + report["rejected"]
        assert report["accepted"] == len(read(built, config))
    kinds = {s["subset"] for s in manifest["audit"]["solvers"]}
    assert {"existence", "location"} <= kinds
    assert manifest["audit"]["verdict"]["passed"]


def test_naive_design_leaks_and_the_audit_says_so(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "naive"
    done = run("build", "contextual", "--out", str(folder), *SMALL, "--set", "claims.balanced=false")
    assert done.returncode == 0, done.stderr
    solvers = json.loads((folder / "manifest.json").read_text())["audit"]["solvers"]
    assert max(s["accuracy"] - s["chance"] for s in solvers) > 0.15
    assert "warning" in done.stderr


def test_same_seed_same_bytes(built: Path, run: Any, tmp_path: Path) -> None:
    def tree(folder: Path) -> dict[str, str]:
        files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    other = tmp_path / "again"
    env = {**os.environ, "PYTHONHASHSEED": "11", "POLARS_MAX_THREADS": "1"}
    done = run("build", "contextual", "--out", str(other), *SMALL, "--set", "workers=1", env=env)
    assert done.returncode == 0, done.stderr
    assert tree(other) == tree(built)


def test_mimic_and_cad_chest_from_a_tree_of_the_real_layout(run: Any, tmp_path: Path) -> None:
    root = make_tree(tmp_path / "mimic", studies=1500).root
    for recipe, source in (("mednega", "mimic-cxr"), ("contextual", "cad-chest")):
        folder = tmp_path / recipe
        extra = ["--set", "splits.keep_own=true", "--set", "audit.folds=3"]
        done = run("build", recipe, "--source", source, "--data", str(root), "--out", str(folder), *extra)
        assert done.returncode == 0, done.stderr
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["sources"][0]["terms"]["may_publish"] == "no"
        config = next((folder / "data").iterdir())
        row = pl.read_parquet(next(config.glob("*.parquet"))).to_dicts()[0]
        assert row["image"].startswith("files/p1")
