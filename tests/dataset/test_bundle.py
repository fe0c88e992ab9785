"""Bundles: what they hold and what they must not, and that a rebuild is the original byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from dataset_frames import make_terms
from servers import serve

from nastdata.dataset.folder import read_dataset, write_dataset
from nastdata.errors import UserError
from nastdata.ontology import load_ontology
from nastdata.publishing.bundle import write_bundle, write_physionet
from nastdata.publishing.rebuild import read_bundle, recall_recipe


def with_terms(folder: Path, out: Path, publish: str) -> Path:
    opened = read_dataset(folder)
    manifest = dict(opened.manifest or {})
    manifest["sources"] = [{**s, "terms": make_terms(publish)} for s in manifest["sources"]]
    rejects = opened.read_rejects()
    assert rejects is not None
    return write_dataset(out, {n: opened.read(n) for n in opened.configs}, rejects, manifest)


def data_of(folder: Path) -> dict[str, str]:
    files = [*(folder / "data").rglob("*.parquet"), folder / "rejects.parquet"]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_rebuild_is_the_original(mednega_build: Path, tmp_path: Path, run: Any) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "again"
    assert run("bundle", str(mednega_build), "--out", str(bundle)).returncode == 0
    done = run("build", "--from-bundle", str(bundle), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "the same bytes as the original" in done.stdout
    assert data_of(out) == data_of(mednega_build)


def test_a_rebuild_of_something_else_is_told(mednega_build: Path, tmp_path: Path, run: Any) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(mednega_build, bundle)
    content = json.loads((bundle / "bundle.json").read_text())
    name = next(iter(content["outputs"]))
    content["outputs"][name] = "0" * 64
    (bundle / "bundle.json").write_text(json.dumps(content))
    sums = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n"
        for p in sorted(bundle.iterdir())
        if p.name != "SHA256SUMS.txt"
    ]
    (bundle / "SHA256SUMS.txt").write_text("".join(sums))
    done = run("build", "--from-bundle", str(bundle), "--out", str(tmp_path / "again"))
    assert done.returncode == 1 and name in done.stderr and "Traceback" not in done.stderr


def test_it_holds_recipe_ontology_wordings_and_ids(mednega_build: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(mednega_build, bundle)
    manifest = json.loads((mednega_build / "manifest.json").read_text())
    assert yaml.safe_load((bundle / "recipe.yaml").read_text()) == manifest["recipe"]
    rows = pl.concat([pl.read_parquet(p) for p in (mednega_build / "data" / "mednega").glob("*.parquet")])
    texts = set(rows["negated_choices"].explode()) | set(rows["affirmative_choices"].explode())
    assert set(pl.read_parquet(bundle / "wordings.parquet")["text"]) == texts
    ids = pl.read_parquet(bundle / "ids.parquet")
    assert set(ids["study_id"]) == set(rows["study_id"]) and len(ids) == ids["study_id"].n_unique()
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS.txt"], cwd=bundle, check=True)


@pytest.mark.parametrize("publish", ["private", "no"])
def test_restricted_sources_leave_no_identifier_in_it(
    mednega_build: Path, tmp_path: Path, publish: str
) -> None:
    folder = with_terms(mednega_build, tmp_path / "d", publish)
    bundle = tmp_path / "bundle"
    done = write_bundle(folder, bundle)
    assert not (bundle / "ids.parquet").exists() and any("identifiers" in n for n in done.notes)
    rows = read_dataset(folder).read("mednega")
    secrets = {v.encode() for c in ("patient_id", "study_id", "image_id", "image") for v in rows[c].to_list()}
    for file in bundle.rglob("*"):
        content = file.read_bytes()
        if file.suffix == ".parquet":
            content = pl.read_parquet(file).write_csv().encode()
        assert not [s for s in secrets if s in content], file.name


def test_same_folder_same_bundle(mednega_build: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_bundle(mednega_build, tmp_path / name)
    assert (tmp_path / "a" / "SHA256SUMS.txt").read_bytes() == (
        tmp_path / "b" / "SHA256SUMS.txt"
    ).read_bytes()


def test_the_recipe_comes_back(mednega_build: Path, tmp_path: Path) -> None:
    write_bundle(mednega_build, tmp_path / "bundle")
    recipe = recall_recipe(read_bundle(tmp_path / "bundle"))
    manifest = json.loads((mednega_build / "manifest.json").read_text())
    back = recipe.model_dump(mode="json")
    assert {k: v for k, v in back.items() if k in manifest["recipe"] and k != "writer"} == {
        k: v for k, v in manifest["recipe"].items() if k != "writer"
    }


def test_a_changed_ontology_goes_along(mednega_build: Path, tmp_path: Path) -> None:
    """A user's own ontology file is used from the bundle, wherever it lay."""
    write_bundle(mednega_build, tmp_path / "bundle")
    content = read_bundle(tmp_path / "bundle")
    other = {**content.content, "ontology": {**content.content["ontology"], "sha256": "0" * 64}}
    recipe = recall_recipe(type(content)(content.path, other))
    assert Path(recipe.ontology) == tmp_path / "bundle" / "ontology.yaml"


@pytest.mark.parametrize("file", ["recipe.yaml", "wordings.parquet", "ontology.yaml"])
def test_damage_is_found(mednega_build: Path, tmp_path: Path, file: str) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(mednega_build, bundle)
    (bundle / file).write_bytes((bundle / file).read_bytes() + b"\n")
    with pytest.raises(UserError, match="damaged"):
        read_bundle(bundle)


def test_the_recipe_of_a_bundle_is_not_to_be_changed(mednega_build: Path, tmp_path: Path, run: Any) -> None:
    write_bundle(mednega_build, tmp_path / "bundle")
    done = run("build", "--from-bundle", str(tmp_path / "bundle"), "--seed", "3")
    assert done.returncode == 2 and "seed" in done.stderr
    done = run("build", "--from-bundle", str(tmp_path), "--out", str(tmp_path / "x"))
    assert done.returncode == 2 and "no bundle" in done.stderr
    done = run("build")
    assert done.returncode == 2 and "mednega" in done.stderr


def test_physionet_copy_has_rows_terms_and_checksums(mednega_build: Path, tmp_path: Path) -> None:
    folder = with_terms(mednega_build, tmp_path / "d", "no")
    done = write_physionet(folder, tmp_path / "p")
    assert data_of(tmp_path / "p") == data_of(folder)
    assert "Some Agreement" in (tmp_path / "p" / "LICENSE.txt").read_text()
    assert done.notes and "PhysioNet only" in done.notes[0]
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS.txt"], cwd=tmp_path / "p", check=True)
    with pytest.raises(UserError, match="rows themselves"):
        read_bundle(tmp_path / "p")


def test_other_things_are_left_alone(mednega_build: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    for write in (write_bundle, write_physionet):
        with pytest.raises(UserError, match="holds other things"):
            write(mednega_build, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_answers_of_a_language_model_go_along_and_a_rebuild_asks_nothing(tmp_path: Path, run: Any) -> None:
    bundle, here, there = tmp_path / "bundle", str(tmp_path / "here"), str(tmp_path / "there")
    with serve() as (url, served):
        settings = {
            "writer.base_url": url,
            "writer.model": "local-test",
            "writer.wordings": "1",
            "writer.max_fallback": "1",
            "audit.enabled": "false",
            "phantom_patients": "300",
            "negation_types": "[existence]",
            "claims.enabled": "false",
        }
        options = [x for key, value in settings.items() for x in ("--set", f"{key}={value}")]
        env = {**os.environ, "OPENAI_API_KEY": "test", "XDG_CACHE_HOME": here}
        command = ("build", "contextual", "--realizer", "openai", "--limit", "12", *options)
        done = run(*command, "--out", str(tmp_path / "first"), env=env)
        assert done.returncode == 0, done.stderr
        made = run("bundle", str(tmp_path / "first"), "--out", str(bundle), env=env)
        assert made.returncode == 0 and "not all answers" not in made.stderr, made.stderr
        asked = len([b for b in served.bodies if "hello" not in b["messages"][-1]["content"]])
        assert asked and (bundle / "answers.jsonl").read_text().count("\n") >= asked
        env["XDG_CACHE_HOME"] = there
        again = run("build", "--from-bundle", str(bundle), "--out", str(tmp_path / "second"), env=env)
        assert again.returncode == 0, again.stderr
        now = len([b for b in served.bodies if "hello" not in b["messages"][-1]["content"]])
    assert now == asked
    assert data_of(tmp_path / "second") == data_of(tmp_path / "first")


@pytest.mark.parametrize("key", ["outputs", "sources", "ontology", "nastdata", "libraries"])
def test_a_bundle_without_a_part_is_refused(key: str, tmp_path: Path) -> None:
    whole = {"kind": "rebuild", "outputs": {}, "sources": [], "ontology": {"sha256": ""}, "nastdata": ""}
    content = {**whole, "libraries": {}}
    (tmp_path / "SHA256SUMS.txt").write_text("")
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    read_bundle(tmp_path)
    del content[key]
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"not a bundle of nastdata \({key}: field required\)"):
        read_bundle(tmp_path)


def test_an_ontology_named_as_no_file_can_be_is_refused() -> None:
    for name in ("\0", "\ud800", "a" * 5_000):
        with pytest.raises(UserError, match="no such ontology"):
            load_ontology(name)
