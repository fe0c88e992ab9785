"""Nothing empties in silence: what came out empty is said with the next step, and is no success."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from commands import Run
from own_tables import describe

from nastdata.assemble.emptiness import explain_empty, find_blank, find_empty_splits
from nastdata.errors import NothingMadeError
from nastdata.frames import FACTS_SCHEMA
from nastdata.pipeline import make
from nastdata.progress import Progress
from nastdata.recipe import load_recipe

SPLITS = ("train", "validation", "test")


def facts(rows: list[tuple[str, str, str | None]], splits: list[str]) -> pl.DataFrame:
    cells = [
        {
            **{"source": "s", "patient_id": f"p{i}", "study_id": f"e{i}", "image_id": f"e{i}"},
            **{"condition": "Edema", "existence": existence, "location": place, "severity": grade},
        }
        for i, (existence, place, grade) in enumerate(rows)
    ]
    frame = pl.DataFrame(cells, schema=FACTS_SCHEMA)
    return frame.with_columns(pl.Series("split", splits, pl.String))


def test_an_empty_config_says_why_and_what_to_do() -> None:
    recipe = load_recipe("contextual")
    studies = facts([("present", None, None), ("absent", None, None)], ["train", "train"])
    empty = pl.DataFrame({"split": []}, schema={"split": pl.String})
    told = explain_empty({"contextual_claims": empty, "contextual_captions": empty}, studies, recipe)
    assert told["contextual_claims"].startswith(
        "a set of two claims needs a finding with two different states"
    )
    assert "2 facts with no places and no grades" in told["contextual_claims"]
    assert "--set claims.enabled=false" in told["contextual_claims"]
    assert "--set captions.balanced=false" in told["contextual_captions"]
    nothing = explain_empty({"contextual_captions": empty}, studies.clear(), recipe)
    assert "labels are blank" in nothing["contextual_captions"]


def test_captions_that_a_study_number_would_give_away_are_named() -> None:
    sorted_by_label = facts([("present", None, None)] * 2 + [("absent", None, None)] * 2, ["train"] * 4)
    empty = pl.DataFrame({"split": []}, schema={"split": pl.String})
    why = explain_empty({"contextual_captions": empty}, sorted_by_label, load_recipe("contextual"))
    assert "is the table sorted by label?" in why["contextual_captions"]
    alone = explain_empty({"contextual_captions": empty}, sorted_by_label[:2], load_recipe("contextual"))
    assert "sorted by label" not in alone["contextual_captions"]


@pytest.mark.parametrize(
    ("there", "patients", "limit", "told"),
    [
        (["train"], ["train"] * 5, None, "5 patients did not reach all splits"),
        (["train"], ["train"], None, "1 patient did not reach all splits"),
        (["train"], list(SPLITS), "8", "a limit of 8 leaves nothing for it. Raise --limit"),
        (["train", "test"], list(SPLITS), None, "its patients (validation 1) were too few or too alike"),
    ],
)
def test_an_empty_split_says_why(there: list[str], patients: list[str], limit: str | None, told: str) -> None:
    recipe = load_recipe("contextual", [("limit", limit)] if limit else [])
    studies = facts([("present", None, None)] * len(patients), patients)
    (warning,) = find_empty_splits({"c": pl.DataFrame({"split": there})}, studies, recipe)
    assert told in warning and warning.startswith("c: no rows in ")


def test_full_splits_and_splits_without_a_share_are_no_matter() -> None:
    full = pl.DataFrame({"split": list(SPLITS)})
    studies = facts([("present", None, None)] * 3, list(SPLITS))
    assert find_empty_splits({"c": full}, studies, load_recipe("contextual")) == []
    shares = [("splits.train", "1"), ("splits.validation", "0"), ("splits.test", "0")]
    recipe = load_recipe("contextual", shares)
    assert find_empty_splits({"c": full.head(1)}, studies, recipe) == []


def test_conditions_of_which_nothing_is_said_are_named() -> None:
    none = {"present": 0, "absent": 0, "uncertain": 0, "blank": 9}
    labels = {"Edema": none, "Fracture": {**none, "uncertain": 1}, "Pneumonia": none}
    assert find_blank("s", {"labels": labels}) == [
        "s: says nothing of Edema, Pneumonia: blank in every study, so no row will be about them"
    ]
    assert find_blank("s", {"labels": {"Fracture": {**none, "absent": 2}}}) == []


def table(folder: Path, rows: list[str]) -> Path:
    (folder / "films.csv").write_text("pid,image,effusion,ptx,broken rib\n" + "\n".join(rows) + "\n")
    return describe(folder)


def test_existence_alone_makes_captions_and_says_that_there_are_no_claims(run: Run, tmp_path: Path) -> None:
    table(tmp_path, [f"{i},{i}.png,1,0,0" for i in range(3)])
    args = (
        "build",
        "contextual",
        "--source",
        "mine.yaml",
        "--set",
        "captions.balanced=false",
        "--out",
        "out",
    )
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "contextual_claims: none: a set of two claims needs a finding with two different states"
        in done.stdout
    )
    assert "warning: contextual_captions: no rows in " in done.stderr
    assert [p.name for p in (tmp_path / "out" / "data").iterdir()] == ["contextual_captions"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["rows"]) == ["contextual_captions"]
    assert "contextual_claims" in manifest["empty_configs"] and manifest["warnings"]
    checked = run("validate", "out", "--no-audit", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("recipe", ["contextual", "mednega", "opposition", "probes"])
def test_what_cannot_be_made_at_all_ends_with_1_and_no_folder(run: Run, tmp_path: Path, recipe: str) -> None:
    table(tmp_path, ["1,a.png,,,", "2,b.png,,,"])
    before = sorted(p.name for p in tmp_path.iterdir())
    done = run("build", recipe, "--source", "mine.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and "mine" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_nothing_made_is_told_to_those_who_call_it(tmp_path: Path) -> None:
    path = table(tmp_path, ["1,a.png,,,", "2,b.png,,,"])
    with pytest.raises(NothingMadeError, match="contextual_claims and contextual_captions: none"):
        make(load_recipe("contextual", [("source", str(path))]), Progress(quiet=True))
