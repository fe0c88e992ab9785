"""Recipes: every mistake told at once, with the nearest key; fingerprints that mean what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nastdata.errors import UserError
from nastdata.recipe import fingerprint, list_builtin, load_recipe


def test_every_builtin_recipe_loads() -> None:
    names = {p.stem for p in list_builtin()}
    assert {"mednega", "contextual", "probes", "opposition", "train"} <= names
    for name in names:
        assert load_recipe(name).recipe == name


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(
            "mednega", [("limitt", "5"), ("writer.wordigs", "3"), ("seed", "abc"), ("splits.test", "0.5")]
        )
    text = str(caught.value)
    assert "'limitt' (did you mean 'limit'?)" in text
    assert "'writer.wordigs' (did you mean 'wordings'?)" in text
    assert "seed" in text and "'abc'" in text
    assert "add up to 1" in text
    assert len(text.splitlines()) <= 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no 'recipe' key"),
        (b"recipe: mednga\n", "did you mean 'mednega'?"),
        (b"recipe: [mednega\n", "not a readable YAML"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"- recipe\n", "no 'recipe' key"),
    ],
)
def test_bad_recipe_files(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        load_recipe(str(path))


def test_unknown_recipe_name_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'mednega'"):
        load_recipe("mednegga")


def test_setting_below_a_plain_value_is_refused() -> None:
    with pytest.raises(UserError, match="holds no settings"):
        load_recipe("mednega", [("design.kind", "paper")])


def test_fingerprint_ignores_where_the_work_runs_and_nothing_else() -> None:
    base = fingerprint(load_recipe("mednega"))
    same = [("engine", "ray"), ("workers", "3"), ("writer.max_concurrency", "2"), ("data", "{chexpert: /x}")]
    same += [("writer.batch_api", "true"), ("writer.batch_poll", "5"), ("writer.batch_requests", "9")]
    other = [
        ("seed", "1"),
        ("design", "paper"),
        ("writer.wordings", "3"),
        ("limit", "8"),
        ("writer.model", "m"),
    ]
    for change in same:
        assert fingerprint(load_recipe("mednega", [change])) == base, change
    assert len({fingerprint(load_recipe("mednega", [c])) for c in other} | {base}) == len(other) + 1


def test_fingerprint_is_the_same_in_another_process() -> None:
    code = "from nastdata.recipe import *; print(fingerprint(load_recipe('mednega')))"
    for hash_seed in ("0", "7"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": hash_seed},
            check=True,
        )
        assert done.stdout.strip() == fingerprint(load_recipe("mednega"))


def test_a_copied_recipe_is_the_same_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(list_builtin()[0].read_text())))
    assert fingerprint(load_recipe(str(path))) == fingerprint(load_recipe(list_builtin()[0].stem))
