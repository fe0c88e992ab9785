"""`nastdata validate` as a user meets it: exit codes, saved rows, folders of others, unusable input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import folders
import polars as pl
import pytest
from click.testing import CliRunner, Result

from nastdata.checks.run import validate_folder
from nastdata.checks.verdicts import FAILURES_SCHEMA, RULES
from nastdata.cli import main
from nastdata.cli.checking.validate import command
from nastdata.errors import CheckFailedError, UserError


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dir") / "mednega"
    return folders.build_small("mednega", out, phantom_patients="300", limit="40")


def call(*args: str) -> Result:
    return CliRunner().invoke(command, [str(a) for a in args])


def test_the_whole_gate_passes_on_a_good_folder(good: Path) -> None:
    done = call(good, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["passed"] and told["failed_rules"] == [] and told["failures"] is None
    ran = {v["rule"] for v in told["verdicts"] if v["outcome"] == "passed"}
    assert {"hashes", "round_trip", "groups", "patients", "plane", "hierarchy"} <= ran
    assert {v["rule"] for v in told["verdicts"]} <= set(RULES)
    assert not list(good.parent.glob("*.failures.parquet"))


def test_failing_rows_are_saved_beside_the_folder(good: Path, tmp_path: Path) -> None:
    folder = folders.copy_folder(good, tmp_path / "bad")
    folders.edit_rows(folder, "mednega", lambda rows: rows[0].update(question="Is there no edema?"))
    before = sorted(p for p in folder.rglob("*"))
    done = call(folder, "--no-audit")
    assert isinstance(done.exception, CheckFailedError)
    assert "hashes" in str(done.exception) and "questions" in str(done.exception)
    saved = pl.read_parquet(tmp_path / "bad.failures.parquet")
    assert dict(saved.schema) == FAILURES_SCHEMA
    row = saved.filter(pl.col("rule") == "questions").row(0, named=True)
    assert row["split"] == "train" and row["text"] == "Is there no edema?" and row["key"]
    assert sorted(p for p in folder.rglob("*")) == before, "the folder itself is left alone"


def test_failures_go_where_they_are_asked_for(good: Path, tmp_path: Path) -> None:
    folder = folders.copy_folder(good, tmp_path / "bad")
    (folder / "README.md").write_text("x")
    call(folder, "--no-audit", "--failures", tmp_path / "here.parquet")
    assert len(pl.read_parquet(tmp_path / "here.parquet")) == 1
    call(folder, "--no-audit")
    assert (tmp_path / "bad.failures.parquet").is_file()
    shutil.copy(good / "README.md", folder / "README.md")
    call(folder, "--no-audit")
    assert not (tmp_path / "bad.failures.parquet").exists(), "what no longer fails is taken away"
    assert (tmp_path / "here.parquet").is_file(), "a file of the user's own is not"


def test_exit_codes(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def code(*args: object) -> int:
        with pytest.raises(SystemExit) as e:
            main(["validate", *map(str, args)])
        return int(str(e.value.code))

    assert code(good, "--no-audit") == 0
    broken = folders.copy_folder(good, tmp_path / "broken")
    (broken / "README.md").write_text("x")
    assert code(broken, "--no-audit") == 1
    assert code(tmp_path / "nowhere") == 2
    assert code(tmp_path) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_without_a_manifest_is_checked_as_far_as_it_can_be(good: Path, tmp_path: Path) -> None:
    folder = folders.copy_folder(good, tmp_path / "plain")
    for name in ("manifest.json", "README.md", "croissant.json", "report.html", "rejects.parquet"):
        (folder / name).unlink()
    report = validate_folder(folder, audit=False, expectations=False)
    assert report.passed
    skipped = {v.rule: v.note for v in report.verdicts if v.outcome == "skipped"}
    assert {"manifest", "hashes", "rows", "rejects"} <= set(skipped)
    assert "no manifest" in skipped["manifest"]
    ran = {v.rule for v in report.verdicts if v.outcome == "passed"}
    assert {"columns", "keys", "round_trip", "groups", "patients"} <= ran


def test_a_folder_of_others_needs_nothing_but_our_columns(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    (folder / "data" / "contextual_captions").mkdir(parents=True)
    fact = {"condition": "Edema", "existence": "absent", "location": None, "severity": None}
    row = {"caption_id": "a", "source": "here", "patient_id": "1", "study_id": "2", "image_id": "3"}
    row |= {"image": None, "caption": "There is no pulmonary edema.", "polarity": "negated"}
    row |= {"negation_type": "existence", "fact": fact, "realizer": "template"}
    from nastdata.frames import config_schema

    def write(rows: list[dict]) -> None:
        frame = pl.DataFrame(rows, schema=config_schema("contextual_captions"), orient="row")
        frame.write_parquet(folder / "data" / "contextual_captions" / "test-00000-of-00001.parquet")

    write([row])
    assert validate_folder(folder, expectations=False).passed
    liar = {
        **row,
        "caption_id": "b",
        "study_id": "4",
        "image_id": "5",
        "caption": "There is pulmonary edema.",
    }
    write([row, liar])
    report = validate_folder(folder, expectations=False)
    assert report.failed_rules == ("round_trip",)
    assert report.failures["key"].to_list() == ["b"]


def test_malformed_rows_do_not_keep_the_rest_from_being_checked(good: Path, tmp_path: Path) -> None:
    folder = folders.copy_folder(good, tmp_path / "bad")

    def change(rows: list[folders.Row]) -> None:
        rows[0]["choice_labels"] = rows[0]["choice_labels"][:3]
        rows[-1]["negated_choices"][0] = "There is no hiatal hernia."

    folders.edit_rows(folder, "mednega", change)
    assert {"options", "round_trip"} <= set(
        validate_folder(folder, audit=False, expectations=False).failed_rules
    )


def test_a_table_needs_its_columns_named(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text("caption,topic\nThere is no edema.,chest\n")
    done = call(path, "--text", "caption")
    assert isinstance(done.exception, UserError) and "--condition and --existence" in str(done.exception)
    path.write_text("caption,finding,label\nThere is no edema.,Edema,0\n")
    named = ["--text", "caption", "--condition", "finding", "--existence", "label"]
    assert call(path, *named).exit_code == 0
    path.write_text("caption,finding,label\nThere is edema.,Edema,0\n")
    done = call(path, *named, "--json")
    assert isinstance(done.exception, CheckFailedError)
    assert json.loads(done.stdout)["failed_rules"] == ["round_trip"]
    assert len(pl.read_parquet(tmp_path / "captions.csv.failures.parquet")) == 1


def test_columns_of_a_folder_are_wrong_use(good: Path) -> None:
    done = call(good, "--text", "caption")
    assert isinstance(done.exception, UserError)


def test_every_rule_is_told_in_the_docs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "validate.md").read_text(encoding="utf-8")
    assert [r for r in RULES if f"`{r}`" not in docs] == []
