"""An ontology of one's own: mistakes in plain words, phrases refused, names in any script, commands."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from commands import Run

from nastdata.errors import UserError
from nastdata.ontology import (
    Alternative,
    Clash,
    Condition,
    Ontology,
    OntologyError,
    Phrase,
    Place,
    Predicate,
    Region,
    Review,
    Scale,
    list_ontologies,
    load_ontology,
)
from nastdata.ontology.problems import find_denial
from nastdata.reading.parse import get_parser
from nastdata.recipe import check_recipe
from nastdata.resources import find_resource
from nastdata.sources import get_source
from nastdata.sources.base import Options

STARTER = (find_resource("ontologies") / "starter.txt").read_text(encoding="utf-8")
DOCS = Path(__file__).parents[1] / "docs" / "ontology.md"
MODELS = (Ontology, Phrase, Alternative, Scale, Region, Place, Predicate, Condition, Clash, Review)


def write(folder: Path, data: Any) -> str:
    path = folder / "mine.yaml"
    text = data if isinstance(data, str) else yaml.safe_dump(data, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def small(*conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an ontology of the given conditions, filled up to three."""
    spare = [
        {"name": f"Sign {w}", "text": f"{w} sign", "article": "a", "affirmative": {"text": f"usual {w} line"}}
        for w in ("alpha", "beta", "gamma")
    ]
    return {
        "name": "small",
        "version": 1,
        "subject": {"text": "foot radiograph", "article": "a"},
        "review": {"status": "not reviewed"},
        "conditions": [*conditions, *spare][: max(3, len(conditions))],
        **more,
    }


def find_mistakes(folder: Path, data: Any) -> list[str]:
    with pytest.raises(OntologyError) as caught:
        load_ontology(write(folder, data))
    return list(caught.value.mistakes)


@pytest.mark.parametrize("model", MODELS)
def test_the_starter_and_the_docs_explain_every_key(model: Any) -> None:
    docs = DOCS.read_text(encoding="utf-8")
    for key in model.model_fields:
        assert f"{key}:" in STARTER, key
        assert f"`{key}`" in docs, key


def test_the_starter_and_the_built_in_ones_load_and_are_read_back(tmp_path: Path) -> None:
    assert set(list_ontologies()) == {"brain_mri", "chest_xray", "knee_xray"}
    for name in (*list_ontologies(), write(tmp_path, STARTER)):
        get_parser(load_ontology(name))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "one"}, "version: is 'one', and has to be a whole number"),
        ({"subject": "foot"}, "subject: is 'foot', and has to have keys of its own"),
        ({"places": "left"}, "places: is 'left', and has to be a list"),
        ({"colour": "red"}, "colour: no such key here"),
        ({"subjct": {}}, "did you mean 'subject'"),
        ({"review": {"status": False}}, "review.status: YAML reads yes, no, on or off as a truth value"),
        ({"conditions": []}, "conditions: has 0, but a question needs three conditions"),
        ({"scales": [{"name": "size", "grades": ["big"]}]}, "scales.size.grades: has 1"),
        ({"name": " x"}, "name: is ' x': text without blanks at its ends"),
        ({"name": None}, "name: is empty"),
    ],
)
def test_mistakes_say_which_key_what_and_what_is_right(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    mistakes = find_mistakes(tmp_path, {**small(), **change})
    assert any(said in m for m in mistakes), mistakes


def test_mistakes_name_the_item_and_the_nearest(tmp_path: Path) -> None:
    bad = {"name": "Tear", "text": "tear", "article": "the", "affirmativ": {"text": "x"}, "parents": []}
    mistakes = find_mistakes(tmp_path, small(bad))
    assert any(m.startswith("conditions.Tear.article: is 'the', and has to be 'a' or 'an'") for m in mistakes)
    assert any(
        "conditions.Tear.affirmativ: no such key here (did you mean 'affirmative'?)" in m for m in mistakes
    )
    lost = {**small(), "clashes": [{"absent": "Sign alpa", "present": "Sign beta", "why": "x"}]}
    assert "did you mean 'Sign alpha'?" in find_mistakes(tmp_path, lost)[0]


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nname: y\n",
        "name: !!python/object/apply:os.system ['true']\n",
        "name: [\n",
        "- a\n- b\n",
        "just text\n",
        "",
    ],
)
def test_what_is_no_ontology_is_told_in_one_or_two_lines(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError) as caught:
        load_ontology(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) <= 2 and "Traceback" not in str(caught.value)


DENYING = (
    *("no blood products", "heart without enlargement", "absence of fluid", "lungs free of consolidation"),
    *("negative study", "not enlarged ventricles", "neither fluid nor air", "bone devoid of lesions"),
    *("lack of signal", "fracture ruled out", "ventricles that aren't enlarged", "non-enlarged heart"),
)


@pytest.mark.parametrize("text", DENYING)
@pytest.mark.parametrize("where", ["text", "synonyms"])
def test_an_affirmative_phrase_with_a_denial_is_refused(tmp_path: Path, text: str, where: str) -> None:
    phrase = {"text": text} if where == "text" else {"text": "clear field", "synonyms": [text]}
    mistakes = find_mistakes(tmp_path, small({"name": "Bleed", "text": "hemorrhage", "affirmative": phrase}))
    assert len(mistakes) == 1 and f"'{text}' holds a denial" in mistakes[0]


@pytest.mark.parametrize(
    "text", ["normal heart size", "device-free chest", "notable clarity", "noble margin", "northern line"]
)
def test_other_words_are_no_denial(text: str) -> None:
    assert find_denial(text) is None


PLACES = [{"name": "here", "phrase": "alpha sign"}]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        # the place's phrase is another finding's name
        ({"places": PLACES}, "places.here.phrase: .* is read as .*Sign alpha present"),
        # so is the grade
        (
            {"scales": [{"name": "s", "grades": ["alpha sign", "huge"]}]},
            "scales.s.grades: .*not 'alpha sign'",
        ),
    ],
)
def test_what_is_not_read_back_is_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    x = {"name": "X", "text": "x sign", "affirmative": {"text": "clear field"}}
    x |= {"places": ["here"]} if "places" in more else {"scale": "s"}
    ontology = load_ontology(write(tmp_path, small(x, **more)))
    with pytest.raises(OntologyError, match=said):
        get_parser(ontology)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "x; y"}, "conditions.X.text: 'x; y' holds ';'"),
        ({"text": "---"}, "conditions.X.text: '---' has no letter"),
        ({"affirmative": {"text": "grade (A)"}}, "conditions.X.affirmative.text: 'grade (A)' holds '('"),
        ({"places": ["p"]}, "places.p.phrase: 'without doubt' holds a denial"),
    ],
)
def test_what_no_sentence_can_hold_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    x = {"name": "X", "text": "x sign", "affirmative": {"text": "clear field"}, **change}
    mistakes = find_mistakes(tmp_path, small(x, places=[{"name": "p", "phrase": "without doubt"}]))
    assert any(said in m for m in mistakes), mistakes


NAMES = (
    "Köhler disease",
    "Sjögren syndrome",
    "β-thalassämie",
    "Ménière sign",
    "骨折",
    "перелом",
    "كسر",
    "हड्डी टूटना",
)


def test_names_in_any_script_end_to_end(tmp_path: Path, run: Run) -> None:
    conditions = [
        {
            "name": name,
            "text": name,
            "scale": "extent",
            "places": ["left", "right", "ταρσός"],
            "affirmative": {"text": f"usual {word} line", "article": "a"},
        }
        for name, word in zip(
            NAMES, ("alpha", "beta", "gamma", "delta", "eta", "theta", "iota", "kappa"), strict=True
        )
    ]
    data = small(
        *conditions,
        scales=[{"name": "extent", "grades": ["small", "große"]}],
        regions=[{"name": "ταρσός"}],
        places=[
            {"name": "left", "side": "left", "phrase": "on the left", "adjective": "left", "mirror": "right"},
            {
                "name": "right",
                "side": "right",
                "phrase": "on the right",
                "adjective": "right",
                "mirror": "left",
            },
            {"name": "ταρσός", "region": "ταρσός", "phrase": "in the ταρσός"},
        ],
    )
    file = write(tmp_path, data)
    out = tmp_path / "out"
    settings = ("--set", f"ontology={file}", "--set", "phantom_patients=150", "--set", "audit.enabled=false")
    done = run("build", "contextual", *settings, "--limit", "120", "--out", str(out))
    assert done.returncode == 0, done.stderr
    rows = pl.read_parquet(out / "data" / "contextual_captions" / "*.parquet")
    assert {n for n in NAMES if rows["caption"].str.contains(n, literal=True).any()} == set(NAMES)
    assert rows["caption"].str.contains("ταρσός").any() and rows["caption"].str.contains("(?i)große").any()
    assert pl.read_parquet(out / "rejects.parquet").is_empty()
    assert run("validate", str(out), "--no-audit").returncode == 0
    sentence = "There is no Köhler disease. 骨折 is on the left.\n"
    parsed = json.loads(run("parse", "--json", "--ontology", file, input=sentence).stdout)
    assert parsed["labels"] == {"Köhler disease": 0, "骨折": 1}
    # the same file typed with separate accents is the same ontology
    other = tmp_path / "other"
    other.mkdir()
    decomposed = write(other, unicodedata.normalize("NFD", Path(file).read_text(encoding="utf-8")))
    assert load_ontology(decomposed).fingerprint == load_ontology(file).fingerprint


def test_the_phantom_draws_only_chests_and_says_so(tmp_path: Path, ontology: Ontology, run: Run) -> None:
    phantom = get_source("phantom")
    knee = load_ontology("knee_xray")
    options = Options(phantom_patients=20)
    for load in (phantom.load_labels, phantom.load_facts):
        chest, other = load(None, ontology, options), load(None, knee, options)
        assert chest.frame["image"].null_count() == 0 and not chest.notes
        assert other.frame["image"].null_count() == len(other.frame)
        assert "draws chest radiographs only" in str(other.notes)
    done = run(
        "preview", "mednega", "--set", "ontology=knee_xray", "--set", "phantom_patients=100", "-n", "1"
    )
    assert done.returncode == 0 and "draws chest radiographs only" in done.stderr


def test_ontology_new_and_check(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "wrist.yaml"
    assert run("ontology", "new", "-o", str(file)).returncode == 0
    assert file.read_text(encoding="utf-8") == STARTER
    again = run("ontology", "new", "-o", str(file))
    assert again.returncode == 2 and "exists already" in again.stderr
    done = run("ontology", "check", str(file))
    assert done.returncode == 0, done.stderr
    assert "questions with four options" in done.stdout and "claim sets" in done.stdout
    assert "note" in done.stdout and done.stdout.splitlines()[-1].startswith("ready: ")


def test_ontology_check_lists_mistakes_a_line_each(tmp_path: Path, run: Run) -> None:
    bad = {"name": "Bleed", "text": "hemorrhage", "affirmative": {"text": "no blood products"}}
    file = write(tmp_path, {**small(bad), "colour": 1})
    done = run("ontology", "check", file)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1 and "colour" in done.stdout
    file = write(tmp_path, small(bad))
    done = run("ontology", "check", file)
    assert done.returncode == 1 and "'no blood products' holds a denial" in done.stdout
    for command in (("preview", "mednega"), ("build", "mednega", "--out", str(tmp_path / "out"))):
        refused = run(*command, "--set", f"ontology={file}", "--set", "phantom_patients=50")
        assert refused.returncode == 2 and "holds a denial" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert run("ontology", "check", str(tmp_path / "none.yaml")).returncode == 2


def test_ontology_show(run: Run) -> None:
    listed = run("ontology", "show").stdout
    assert all(name in listed for name in list_ontologies())
    shown = run("ontology", "show", "knee_xray").stdout
    assert "Joint Effusion" in shown and "flat suprapatellar recess" in shown
    assert json.loads(run("ontology", "show", "brain_mri", "--json").stdout)["name"] == "brain_mri"
    text = (find_resource("ontologies") / "brain_mri.yaml").read_text(encoding="utf-8")
    assert run("ontology", "show", "brain_mri", "--yaml").stdout == text


def test_a_recipe_takes_a_built_in_ontology_by_name() -> None:
    recipe = check_recipe({"recipe": "mednega", "ontology": "knee_xray"}, where="test")
    assert load_ontology(recipe.ontology).name == "knee_xray"
