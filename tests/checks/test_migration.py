"""Folders that version 0.1 really built are read, checked, and brought up to date."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from folders import edit_rows

import nastdata
from nastdata.checks.integrity import OLDER
from nastdata.checks.migration import SOUND, migrate
from nastdata.dataset.manifest import FORMAT

KINDS = ("mednega", "contextual", "probes", "opposition")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folders, as built on 28 November by the commit before 0.2 began."""
    with tarfile.open(Path(__file__).parents[1] / "data" / "folders-0.1.tar.xz") as file:
        file.extractall(tmp_path, filter="data")
    return tmp_path


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_old_folders_are_read_as_they_are(old: Path) -> None:
    for kind in KINDS:
        dataset = nastdata.load(old / kind)
        assert dataset.manifest["format"] in OLDER
        assert all(len(dataset.rows(c)) > 0 for c in dataset.configs)
        assert "nastdata migrate" in dataset.folder.notes[0]
        report = dataset.validate(audit=False, expectations=False)
        assert not SOUND & set(report.failed_rules)
        warned = [v.note for v in report.verdicts if v.outcome == "warned"]
        assert warned and "format 1" in warned[0]


@pytest.mark.parametrize("kind", KINDS)
def test_migrated_folders_are_as_new(old: Path, kind: str) -> None:
    folder = old / kind
    data = {p: p.read_bytes() for p in folder.rglob("*.parquet")}
    before = read(folder)
    found = migrate(folder)
    assert (found.before, found.after) == (1, FORMAT) and found.done
    assert {p: p.read_bytes() for p in folder.rglob("*.parquet")} == data
    after = read(folder)
    assert after["format"] == FORMAT and after["nastdata"] == before["nastdata"]
    assert after["migrated"]["fingerprint"] == before["fingerprint"]
    assert set(after["bindings"]) == set(after["rows"])
    assert (folder / "ontology.yaml").is_file()
    report = nastdata.load(folder).validate(audit=False, expectations=False)
    assert report.failed_rules == found.failed_rules and not SOUND & set(found.failed_rules)
    assert {v.outcome for v in report.verdicts if v.rule in SOUND} == {"passed"}
    assert nastdata.load(folder).folder.notes == ()
    assert migrate(folder).done is False
    assert read(folder) == after


def test_a_contextual_recipe_says_what_0_1_did(old: Path) -> None:
    migrate(old / "contextual")
    recipe = read(old / "contextual")["recipe"]
    assert recipe["claims"]["max_share"] is None and recipe["captions"]["max_share"] is None


def test_changed_files_are_not_blessed(old: Path) -> None:
    folder = old / "mednega"
    edit_rows(folder, "mednega", lambda rows: rows.pop())
    before = read(folder)
    with pytest.raises(nastdata.UserError, match="not the file that was built"):
        migrate(folder)
    assert read(folder) == before


def test_rows_that_break_a_rule_are_reported(old: Path, run: Any) -> None:
    """Hashes written anew do not hide it: the rows are read back."""
    from nastdata.dataset.manifest import dump_manifest, hash_outputs

    folder = old / "contextual"

    def lie(rows: list[dict[str, Any]]) -> None:
        rows[0]["caption"] = "There is no pneumothorax, but a tension pneumothorax on the left."

    edit_rows(folder, "contextual_captions", lie)
    manifest = read(folder)
    manifest["outputs"] = hash_outputs(folder)
    (folder / "manifest.json").write_bytes(dump_manifest(manifest))
    done = run("migrate", str(folder))
    assert done.returncode == 1 and "round_trip" in done.stderr
    assert read(folder)["format"] == FORMAT


def test_a_folder_that_is_not_sound_stays_as_it_is(old: Path) -> None:
    from nastdata.dataset.manifest import dump_manifest

    folder = old / "probes"
    manifest = read(folder)
    manifest["sources"][0]["terms"]["licence"] = "mit"
    (folder / "manifest.json").write_bytes(dump_manifest(manifest))
    with pytest.raises(nastdata.UserError, match="provenance"):
        migrate(folder)
    assert read(folder) == manifest and not (folder / "ontology.yaml").exists()


def test_formats_of_tomorrow_are_refused(old: Path, run: Any) -> None:
    folder = old / "probes"
    manifest = read(folder)
    manifest["format"] = FORMAT + 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for words in (("migrate",), ("validate", "--no-audit"), ("report",)):
        done = run(*words, str(folder))
        assert done.returncode != 0
        assert f"format {FORMAT + 1}" in done.stdout + done.stderr, words
    (folder / "manifest.json").unlink()
    done = run("migrate", str(folder))
    assert done.returncode == 2 and "no manifest.json" in done.stderr


def test_the_command(old: Path, run: Any) -> None:
    done = run("migrate", *(str(old / k) for k in ("opposition", "probes")))
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.count("format 1 -> 2") == 2 and "ontology.yaml" in done.stdout
    assert run("migrate", str(old / "probes")).stdout.strip().endswith("up to date (format 2)")
