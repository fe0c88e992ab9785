"""Rules on texts, standard scores as cosines, and runs that leave the tower as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_training import make_recipe  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.evaluation.run import EvaluateSettings, evaluate  # noqa: E402
from nastdata.models.base import fingerprint_images, fingerprint_text  # noqa: E402
from nastdata.models.dataset_rows import open_data  # noqa: E402
from nastdata.models.post_hoc.heads import RuleHead  # noqa: E402
from nastdata.models.post_hoc.reference import Reference  # noqa: E402
from nastdata.models.post_hoc.rules import Rules, Term  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402
from nastdata.models.text_features import TextReader  # noqa: E402
from nastdata.ontology import load_ontology  # noqa: E402
from nastdata.progress import Progress  # noqa: E402
from nastdata.records import Fact  # noqa: E402
from nastdata.training.fit import fit  # noqa: E402
from nastdata.training.settings import TrainRecipe  # noqa: E402
from nastdata.writing.grammar.facts import FactGrammar  # noqa: E402

ONTOLOGY = load_ontology("chest_xray")
RULES = Rules(ONTOLOGY)
QUIET = Progress(quiet=True)


@pytest.mark.parametrize(
    ("text", "flipped", "rewritten"),
    [
        (
            "There is no pleural effusion.",
            [(-1, "There is a pleural effusion.")],
            [(1, "Sharp costophrenic angles.")],
        ),
        ("There is a fracture.", [(1, "There is a fracture.")], [(1, "There is a fracture.")]),
        ("Free of edema.", [(-1, "There is pulmonary edema.")], None),
        (
            "There is no large pleural effusion.",
            [(-1, "There is a large pleural effusion.")],
            [(-1, "There is a large pleural effusion.")],
        ),
        (
            "The pleural effusion is not large.",
            [(0.5, "There is a pleural effusion."), (-0.5, "There is a large pleural effusion.")],
            None,
        ),
        (
            "Edema, no fracture.",
            [(0.5, "There is pulmonary edema."), (-0.5, "There is a fracture.")],
            [(0.5, "There is pulmonary edema."), (0.5, "Intact bony structures.")],
        ),
        (
            "No fracture, normal heart size.",
            [(-0.5, "There is a fracture."), (0.5, "Normal heart size.")],
            [(0.5, "Intact bony structures."), (0.5, "Normal heart size.")],
        ),
        ("Sharp costophrenic angles.", [(1, "Sharp costophrenic angles.")], None),
        # what isn't read, or isn't sure, is left as it is
        ("There is no dog.", [(1, "There is no dog.")], None),
        ("Possible edema, no fracture.", [(1, "Possible edema, no fracture.")], None),
        ("", [(1, "")], None),
    ],
)
def test_rules_by_example(text: str, flipped: list[Any], rewritten: list[Any] | None) -> None:
    assert [(t.weight, t.text) for t in RULES.flip(text)] == flipped
    if rewritten is not None:
        assert [(t.weight, t.text) for t in RULES.rewrite(text)] == rewritten


FACTS = [
    Fact(c.name, e, None, s, d)
    for c in ONTOLOGY.conditions
    for e, s, d in (("present", None, None), ("absent", None, None), ("present", "g", "severity"))
    if s is None or c.scale
]


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(FACTS), st.integers(0, 50), st.sampled_from(("flip", "rewrite", "ensemble")))
def test_weights_add_up_and_the_sign_is_the_polarity(fact: Fact, pick: int, name: Any) -> None:
    """However a fact is worded: its affirmation scores with a plus, its denial with a minus."""
    if fact.severity is not None:
        scale = next(s for s in ONTOLOGY.scales if s.name == ONTOLOGY.condition_by_name[fact.condition].scale)
        fact = Fact(fact.condition, "present", None, scale.grades[-1], "severity")
    texts = [s.text for s in FactGrammar(ONTOLOGY).list_sentences(fact)]
    terms = RULES.get(name)(texts[pick % len(texts)])
    assert sum(abs(t.weight) for t in terms) == pytest.approx(1)
    signed = sum(t.weight for t in terms)
    if fact.denies:
        assert signed == pytest.approx(0)
    elif fact.existence == "present" or name == "rewrite":
        assert signed == pytest.approx(1) or (name == "rewrite" and signed == pytest.approx(-1))
    else:
        assert signed == pytest.approx(-1)
    # what it is scored by denies nothing
    for term in terms:
        assert RULES.flip(term.text) == (Term(1.0, term.text),)


def unit(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, 8, generator=generator), dim=-1)


def test_a_standard_score_has_mean_0_and_spread_1_over_the_reference() -> None:
    images, texts = unit(500, seed=0), unit(5, seed=1)
    vectors, constants = Reference.measure(images).standardise(texts)
    scores = (images @ vectors.T + constants).numpy()
    assert scores.mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert scores.std(axis=0) == pytest.approx(1, rel=1e-4)
    raw = (images @ texts.T).numpy()
    assert scores == pytest.approx((raw - raw.mean(axis=0)) / raw.std(axis=0), abs=1e-4)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_cosines_of_a_rule_rank_as_its_sums_of_scores(power: float) -> None:
    """Less the mean, divided by the spread to some power; every cosine by one and the same number."""
    images, said = unit(60, seed=0), {"x": unit(1, seed=1)[0], "y": unit(1, seed=2)[0]}
    terms = {"not x": (Term(-1, "x"),), "x": (Term(1, "x"),), "both": (Term(0.5, "x"), Term(-0.5, "y"))}
    reference = Reference.measure(images)
    head = RuleHead(terms.__getitem__, reference, power)
    texts = head.read(list(terms), lambda some: torch.stack([said[t] for t in some]))
    looked = head.look(images)
    assert torch.allclose(texts.norm(dim=-1), torch.ones(3)) and torch.allclose(
        looked.norm(dim=-1), torch.ones(60)
    )
    z = {}
    for name, vector in said.items():
        raw = images @ vector
        z[name] = (raw - raw.mean()) / raw.std(correction=0) ** power
    wanted = torch.stack([-z["x"], z["x"], 0.5 * z["x"] - 0.5 * z["y"]], dim=1)
    found = looked @ texts.T
    ratio = found / wanted
    assert ratio.flatten().numpy() == pytest.approx(float(ratio[0, 0]), rel=1e-3)
    assert np.array_equal(found.argmax(dim=1), wanted.argmax(dim=1))


def make_rule(model: Path, tiny: tuple[Path, Path], folder: Path, **given: Any) -> TrainRecipe:
    usual: dict[str, Any] = {"steps": 20, "validate_every": 5, "learning_rate": 0.1}
    return make_recipe(model, tiny, folder, **usual | given)


@pytest.mark.parametrize("method", ["flip", "rewrite", "ensemble", "linear"])
def test_a_run_exports_what_evaluate_takes(
    method: str, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe = make_rule(native_folder, tiny, tmp_path, method=method)
    about = fit(recipe, tmp_path / "run", QUIET)
    again = fit(recipe, tmp_path / "again", QUIET)
    assert about["history"] == again["history"]
    assert about["text_tower"] == about["text_tower_after"]
    assert json.loads((tmp_path / "run/run.json").read_text())["best"] == about["best"]
    if about["failed"]:
        assert method == "linear" and "exported" not in about
        return
    encoder = load_encoder(about["exported"])
    assert about["exported"] == f"post-hoc:{tmp_path / 'run/model'}"
    data = open_data(tiny[0], {"tiny": tiny[1]})
    found = evaluate(encoder, data, EvaluateSettings("test"), tmp_path / "cache")
    base = evaluate(load_encoder(recipe.model), data, EvaluateSettings("test"), tmp_path / "cache")
    assert [o.name for o in found] == [o.name for o in base]
    assert not all(np.array_equal(a.values, b.values) for a, b in zip(found, base, strict=True))
    # the same without a cache: no image feature was taken for another model's
    plain = evaluate(encoder, data, EvaluateSettings("test"), None)
    assert all(np.array_equal(a.values, b.values) for a, b in zip(found, plain, strict=True))
    with pytest.raises(UserError, match="not traced, trained or explained"):
        _ = encoder.text


def test_flipped_prompts_rank_images_the_other_way_round(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    about = fit(make_rule(native_folder, tiny, tmp_path, method="flip"), tmp_path / "run", QUIET)
    reader = TextReader(load_encoder(about["exported"]))
    yes, no = reader.embed(["There is pulmonary edema.", "No edema is seen."])
    head = load_encoder(about["exported"]).head  # type: ignore[attr-defined]
    images = head.look(unit(40, seed=3).repeat(1, 4))
    assert torch.allclose(images @ yes, -(images @ no), atol=1e-6)


def test_a_linear_map_learns_what_the_objective_asks(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    about = fit(make_rule(native_folder, tiny, tmp_path, method="linear", steps=40), tmp_path / "r", QUIET)
    scores = [h["claim_accuracy"] for h in about["history"]]
    assert about["failed"] is None and max(scores) > scores[0]
    inner = load_encoder(f"open_clip:{native_folder}")
    assert fingerprint_text(inner) == about["text_tower"]
    assert fingerprint_images(load_encoder(about["exported"])) == fingerprint_images(inner)


def test_folders_that_lie_are_refused(native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    about = fit(make_rule(native_folder, tiny, tmp_path, method="flip"), tmp_path / "run", QUIET)
    model = tmp_path / "run/model"
    facts = json.loads((model / "post_hoc.json").read_text())
    with pytest.raises(UserError, match="no post-hoc model here"):
        load_encoder(f"post-hoc:{tmp_path}")
    for wrong, told in (
        ({**facts, "base_text_tower": "0"}, "has changed"),
        ({**facts, "head": "magic"}, "no such head"),
        ({**facts, "base": f"post-hoc:{model}"}, "on a post-hoc model"),
        ([], "damaged"),
        ({**facts, "head": "linear"}, "another shape"),
    ):
        (model / "post_hoc.json").write_text(json.dumps(wrong))
        with pytest.raises(UserError, match=told):
            load_encoder(about["exported"])
    (model / "post_hoc.json").write_text(json.dumps(facts))
    (model / "head.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="damaged"):
        load_encoder(about["exported"])


def test_layer_weights_are_refused_where_no_layer_learns() -> None:
    with pytest.raises(ValueError, match="only lora changes layers"):
        TrainRecipe.model_validate({"recipe": "train", "method": "flip", "layers": {"weights": [1, 2]}})
