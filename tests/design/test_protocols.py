"""Protocols end to end, judged from the folder: images in pairs with the same texts; what fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.audit.choices import read_protocols
from nastdata.audit.run import audit_frames
from nastdata.checks.run import validate_folder
from nastdata.ontology import load_ontology
from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.recipe import AuditSettings, load_recipe

ONTOLOGY = load_ontology("chest_xray")


def make(out: Path, **settings: str) -> Path:
    given = {"phantom_patients": "400", "audit.enabled": "false", "images": "none", **settings}
    build(load_recipe("protocols", given.items()), out, Progress(quiet=True))
    return out


def read(folder: Path) -> pl.DataFrame:
    parts = [
        pl.read_parquet(p).with_columns(pl.lit(p.name.split("-")[0]).alias("split"))
        for p in sorted((folder / "data/protocols").glob("*.parquet"))
    ]
    return pl.concat(parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("protocols") / "paired", per_condition="12")


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, Any]]:
    return read(folder).to_dicts()


def test_a_group_is_two_images_with_the_same_texts(rows: list[dict[str, Any]]) -> None:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group_id"], []).append(row)
    assert len(groups) > 200
    for a, b in groups.values():
        assert (a["question"], a["choices"], a["split"]) == (b["question"], b["choices"], b["split"])
        assert {a["answer"], b["answer"]} == {0, 1}
        assert a["patient_id"] != b["patient_id"]


def test_all_protocols_polarities_and_both_answers(rows: list[dict[str, Any]]) -> None:
    kinds = Counter((r["protocol"], r["polarity"]) for r in rows)
    assert set(kinds) == {
        ("presence_yes_no", "affirmative"),
        ("presence_yes_no", "negated"),
        ("which_present", "affirmative"),
        ("which_absent", "negated"),
        ("two_way", "affirmative"),
        ("two_way", "negated"),
        ("two_way", "mixed"),
        ("report_alignment", "mixed"),
    }
    for condition in {r["condition"] for r in rows}:
        yes_no = [r for r in rows if r["protocol"] == "presence_yes_no" and r["condition"] == condition]
        assert sum(r["answer"] for r in yes_no) * 2 == len(yes_no)


def test_answers_agree_with_the_labels_of_the_source(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Labels are read from the source itself, and options by eye, without our reader or design."""
    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    loaded = get_source("phantom").load_labels(None, ONTOLOGY, Options(seed=0, phantom_patients=400))
    labels = {r["study_id"]: r for r in loaded.frame.to_dicts()}
    names = {c.text.lower(): c.name for c in ONTOLOGY.conditions}
    for row in rows:
        truth = labels[row["study_id"]]
        said = row["choices"][row["answer"]]
        if row["protocol"] == "presence_yes_no":
            present = said == ("Yes" if "show" in row["question"] else "No")
            assert truth[row["condition"]] == int(present)
        elif row["protocol"].startswith("which"):
            other = row["choices"][1 - row["answer"]]
            present = row["protocol"] == "which_present"
            assert truth[names[said.lower()]] == int(present)
            assert truth[names[other.lower()]] == int(not present)
        else:
            sentences = [s.strip() for s in said.split(".") if s.strip()]
            assert len(sentences) == (4 if row["protocol"] == "report_alignment" else 1)
            for sentence in sentences:
                body = sentence.lower().removeprefix("there is ").removeprefix("there are ")
                present = not body.startswith("no ")
                name = body.removeprefix("no ") if not present else body
                name = name if name in names else name.partition(" ")[2]
                assert truth[names[name]] == int(present), (said, row["study_id"])


def test_two_reports_differ_in_one_finding(rows: list[dict[str, Any]]) -> None:
    some = [r for r in rows if r["protocol"] == "report_alignment"]
    assert some
    for row in some:
        first, second = (r.split(". ") for r in row["choices"])
        assert sum(a != b for a, b in zip(first, second, strict=True)) == 1


def test_the_gate_lets_it_pass_and_finds_damage(folder: Path, tmp_path: Path) -> None:
    from folders import copy_folder, edit_rows, seal

    assert validate_folder(folder, audit=False).passed
    damaged = copy_folder(folder, tmp_path / "damaged")

    def swap(rows: list[dict[str, Any]]) -> None:
        rows[0]["answer"] = 1 - rows[0]["answer"]
        at = next(i for i, r in enumerate(rows) if r["protocol"] == "two_way")
        rows[at]["choices"] = rows[at]["choices"][::-1]

    edit_rows(damaged, "protocols", swap)
    seal(damaged)
    report = validate_folder(damaged, audit=False, expectations=False)
    told = " ".join(f["reason"] for f in report.failures.to_dicts())
    assert not report.passed
    assert "not right just once" in told
    assert "does not say its fact" in told


def test_blind_solvers_are_at_chance_on_every_protocol(folder: Path) -> None:
    report = audit_frames({"protocols": read(folder)}, AuditSettings(seeds=1, folds=3), 0, ONTOLOGY)
    assert report.verdict["passed"]
    assert {s.subset for s in report.solvers} >= {"presence_yes_no", "two_way", "report_alignment"}
    texts = [s for s in report.solvers if s.reads != "around"]
    assert all(abs(s.accuracy - 0.5) <= 0.025 for s in texts), report.summary()
    assert not any(s.above_chance for s in report.solvers)


def test_the_unpaired_design_is_condemned_by_the_same_audit(tmp_path: Path) -> None:
    frame = read(make(tmp_path / "unpaired", design="unpaired", per_condition="20"))
    assert set(frame["protocol"]) == {"unpaired_presence"}
    for row in frame.to_dicts():  # the rule of a few lines that never sees an image
        positives = {c.removeprefix("No ").lower() for c in row["choices"] if c.startswith("No ")}
        chosen = [i for i, c in enumerate(row["choices"]) if c.lower() in positives]
        assert chosen == [row["answer"]]
    report = audit_frames({"protocols": frame}, AuditSettings(seeds=1, folds=3), 0, ONTOLOGY)
    assert not report.verdict["passed"]
    assert "unpaired_presence" in report.verdict["failures"][0]
    assert max(s.accuracy for s in report.solvers) > 0.99


def test_same_seed_same_rows(folder: Path, tmp_path: Path) -> None:
    assert read(make(tmp_path / "again", per_condition="12")).equals(read(folder))


def test_a_limit_takes_whole_groups_of_every_kind(tmp_path: Path) -> None:
    frame = read(make(tmp_path / "few", limit="100"))
    assert 90 <= len(frame) <= 100
    assert set(frame.group_by("group_id").len()["len"]) == {2}
    assert frame["protocol"].n_unique() == 5


def test_solvers_see_the_question_and_nothing_of_the_image(folder: Path) -> None:
    choices = read_protocols(read(folder))
    assert set(choices.texts) == {"option"}
    assert any("Does this chest radiograph show" in t for t in choices.texts["option"].distinct)
