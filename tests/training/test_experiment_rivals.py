"""The experiment's cheap rivals score as the product's own models do; its figures on why are right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("open_clip")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from experiment import posthoc, why  # noqa: E402
from experiment.methods import BY_NAME  # noqa: E402
from experiment.rivals import RIVALS, TEXTS_OF  # noqa: E402
from experiment.sizes import MICRO, SMALL  # noqa: E402

from nastdata.models.dataset_rows import open_data  # noqa: E402
from nastdata.models.image_features import embed_images  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402
from nastdata.models.text_features import TextReader  # noqa: E402
from nastdata.progress import Progress  # noqa: E402
from nastdata.training.fit import fit  # noqa: E402
from nastdata.training.objectives.material import Material  # noqa: E402
from nastdata.training.objectives.registry import MAKERS, make_objective  # noqa: E402
from nastdata.training.parallel import join_world  # noqa: E402
from nastdata.training.settings import TrainRecipe  # noqa: E402


def open_tiny(encoder: Any, tiny: tuple[Path, Path], **given: Any) -> Material:
    recipe = TrainRecipe.model_validate({"recipe": "train", "images": {"tiny": tiny[1]}, **given})
    return Material(recipe, [open_data(tiny[0], {"tiny": tiny[1]})], encoder, join_world("cpu"))


@pytest.mark.parametrize("name", ["flip", "rewrite", "ensemble"])
def test_a_scorer_ranks_as_the_exported_model(
    name: Any,
    native: Any,
    native_folder: Path,
    tiny: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"model": f"open_clip:{native_folder}", "data": tiny[0], "cache": tmp_path / "cache"}
    material = open_tiny(native, tiny, method=name, **settings)
    monkeypatch.setattr(posthoc, "_open", lambda *_: material)
    scorer = posthoc.make_rule(name)(native, None, MICRO, 0)  # type: ignore[arg-type]
    exported = load_encoder(str(fit(material.recipe, tmp_path / "run", Progress(quiet=True))["exported"]))
    rows = material.datas[0].rows("contextual_claims", "test")
    keys = [("tiny", image) for image in dict.fromkeys(rows["image"])]
    store = material.datas[0].store
    texts = sorted({t for some in rows["claims"] for t in some})
    plain = embed_images(native, store, keys).numpy()
    ours = scorer.look(plain) @ scorer.read(texts).T
    theirs = embed_images(exported, store, keys) @ TextReader(exported).embed(texts).T
    assert ours == pytest.approx(theirs.numpy() * (ours[0, 0] / float(theirs[0, 0])), rel=1e-2, abs=1e-3)


def test_every_objective_encodes_about_as_many_texts(native: Any, tiny: tuple[Path, Path]) -> None:
    """The equal budget: what a step puts through the tower is near the size's number, never far above."""
    assert set(TEXTS_OF) == set(MAKERS)
    for size in (SMALL,):
        for name, share in TEXTS_OF.items():
            material = open_tiny(native, tiny, objective=name, **share(size.texts))
            seen = []

            def encode(texts: Any, seen: list[int] = seen) -> Any:
                seen.append(len(texts))
                return torch.nn.functional.normalize(torch.ones(len(texts), 32), dim=-1)

            make_objective(material).compute(0, encode, 1.0)
            # tiny sets have three claims instead of about six
            assert 0.3 * size.texts <= sum(seen) <= 1.1 * size.texts, name


def test_rivals_are_validated_on_claims_and_named_once() -> None:
    assert {m.data for m in RIVALS} == {"contextual"}
    assert len(BY_NAME) == len({m.name for m in BY_NAME.values()})
    for method in RIVALS:
        assert method.settings["objective"] in MAKERS and method.about


def test_correlations_and_shares_by_hand() -> None:
    up, down, flat = np.array([1.0, 2, 3, 4]), np.array([4.0, 3, 2, 1]), np.array([0.0, 0, 0, 0])
    assert why.correlate([up, up, up]) == 1
    assert why.correlate([up, down]) == -1
    assert why.correlate([up, up, down]) == pytest.approx(-1 / 3, abs=1e-4)
    assert why.correlate([up]) is None
    assert why.share_of_top(np.array([5.0, -9, 1, 2, 2])) == pytest.approx(0.9)
    assert why.share_of_top(flat) == 0
    assert why.same_top([up, up]) == 3 and why.same_top([up, down]) == 2


def test_captions_are_traced_in_other_words(native: Any, tiny: tuple[Path, Path]) -> None:
    data = open_data(tiny[0], {"tiny": tiny[1]})
    # "edema", as the tiny data has it, is not the name of the ontology
    rows = data.rows("probes", "train").filter(pl.col("condition") != "Edema")
    images = embed_images(native, data.store, [("tiny", i) for i in rows["image"]])
    found = why.trace_captions(native, rows, images, 0.0)
    assert set(found) <= set(why.TEMPLATES) and len(found) >= 3
    assert all(effects.shape == (native.text.depth,) for effects in found.values())
    # the probes' own words give the effect that a trace of the probes gives
    from nastdata.tracing.run import TraceSettings, run_trace

    trace = run_trace(native, rows, images, TraceSettings(0.0, controls=0, bootstrap=10))
    assert found["there is"] == pytest.approx(trace.arrays["noising_robust"][1:], abs=1e-6)
    rest = why.trace_captions(native, rows, images, 2.0)
    assert rest == {}


def test_the_section_on_why_tells_every_model_and_block() -> None:
    def one(shift: int) -> dict[str, Any]:
        effects = np.roll(np.array([0.9, 0.5, 0.2, 0.1]), shift).tolist()
        return {
            "blocks": 4,
            "estimators": {"robust": effects, "mean_of_ratios": effects},
            "heads": np.arange(8.0).reshape(4, 2).tolist(),
            "attention": np.arange(8.0).reshape(4, 2).tolist(),
            "share_of_top": 0.94,
            "stability": {"captions": 0.9, "conditions": 0.8, "estimators": 1.0, "heads with attention": 1.0},
        }

    compared = why.compare_bases([one(0), one(0)])
    assert compared["blocks"] == {"robust": 1.0, "mean_of_ratios": 1.0} and compared["same_head"]
    text = why.write_why([one(0), one(0)], compared)
    assert "| 1 | 90.0 | 90.0 |" in text and "| 4 | 10.0 | 10.0 |" in text
    assert "share 3 of their 3 strongest" in text and "4.1: 700.0" in text
    assert why.compare_bases([one(0)])["blocks"]["robust"] is None
    assert why.write_why([one(0)], why.compare_bases([one(0)]))
