"""Attribution adds up, ablation equals removing a head, and models come out unharmed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from nastdata.cli.modelling.explain import command  # noqa: E402
from nastdata.errors import UserError  # noqa: E402
from nastdata.evaluation.embedding_maps import check_layout, lay_out  # noqa: E402
from nastdata.evaluation.explain import (  # noqa: E402
    PromptPair,
    ablate_heads,
    attribute_negation,
    attribute_tokens,
    compare_updates,
    find_negators,
    map_prompts,
    name_heads,
)
from nastdata.models.base import fingerprint_text  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402

PAIRS = [
    PromptPair(c, f"There is no {c}.", f"There is severe {c}.", i % 4, i % 2 == 0)
    for i, c in enumerate(("edema", "fracture", "pneumothorax", "consolidation", "effusion"))
]


def images() -> Any:
    return torch.nn.functional.normalize(
        torch.randn(4, 32, generator=torch.Generator().manual_seed(0)), dim=-1
    )


@pytest.mark.parametrize("which", ["native", "hf_tower", "hf_clip"])
def test_attribution_is_the_directional_derivative(which: str, request: pytest.FixtureRequest) -> None:
    """Shrinking one token's embedding by 0.1 % changes the similarity by 0.1 % of its attribution."""
    encoder = request.getfixturevalue(which)
    dim = encoder.encode_texts(encoder.tokenize(["there"])).shape[1]
    direction = torch.nn.functional.normalize(
        torch.randn(dim, generator=torch.Generator().manual_seed(1)), dim=0
    )
    tokens = encoder.tokenize(["There is no edema."])
    values = attribute_tokens(encoder, tokens, direction)
    with torch.no_grad():
        x = encoder.text.capture(tokens)[0]
        whole = torch.nn.functional.normalize(encoder.text.resume(x, tokens, 0), dim=-1)[0] @ direction
        for p in range(tokens.shape[1]):
            less = x.clone()
            less[0, p] *= 1 - 1e-3
            moved = torch.nn.functional.normalize(encoder.text.resume(less, tokens, 0), dim=-1)[0] @ direction
            assert abs(float(whole - moved)) / 1e-3 == pytest.approx(values[p], rel=0.05, abs=2e-3)


def test_the_share_is_of_the_words_of_negation(native: Any) -> None:
    found = attribute_negation(native, PAIRS, images())
    assert set(found["by_prompt"]) == {p.negated for p in PAIRS if p.absent}
    assert 0 < found["share"] < 1
    with pytest.raises(UserError, match="no negated prompt"):
        attribute_negation(native, [PromptPair("x", "clear lungs", "x", 0, True)], images())


def test_words_of_negation_are_found_in_any_tokenizers_pieces() -> None:
    assert find_negators(["<s>", "Ġno", "Ġedema", "."]) == [1]
    assert find_negators(["▁Without", "nodule", "##no"]) == [0, 2]


@pytest.mark.parametrize("which", ["native", "hf_tower", "hf_clip", "hf_siglip"])
def test_ablation_equals_zeroing_a_heads_output(which: str, request: pytest.FixtureRequest) -> None:
    encoder = request.getfixturevalue(which)
    dim = encoder.encode_texts(encoder.tokenize(["there"])).shape[1]
    films = torch.nn.functional.normalize(
        torch.randn(4, dim, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    before = fingerprint_text(encoder)
    found = ablate_heads(encoder, PAIRS[:2], films)
    assert found.shape == (encoder.text.depth, encoder.text.heads)
    assert np.abs(found).max() > 1e-6
    assert fingerprint_text(encoder) == before


def test_prompts_that_ignore_polarity_lie_on_each_other(native: Any) -> None:
    found = map_prompts(native, PAIRS, seed=0)
    assert len(found["points"]) == 10 and found["silhouette"] is not None
    same = [PromptPair(p.condition, p.negated, p.negated, p.row, p.absent) for p in PAIRS]
    assert map_prompts(native, same, seed=0)["pair_cosine"] == pytest.approx(1, abs=1e-6)
    assert found == map_prompts(native, PAIRS, seed=0)


@pytest.mark.parametrize("layout", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_layouts_keep_what_lies_apart_apart(layout: Any) -> None:
    """Two tight heaps far from each other stay two heaps, at the same places each time."""
    if layout == "umap":
        pytest.importorskip("umap", exc_type=ImportError)
    rng = np.random.default_rng(0)
    heaps = np.repeat(np.eye(2, 16), 12, axis=0) + rng.normal(0, 0.01, (24, 16))
    features = heaps / np.linalg.norm(heaps, axis=1, keepdims=True)
    points = lay_out(features, layout, seed=3)
    assert points.shape == (24, 2) and np.isfinite(points).all()
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert distance[:12, 12:].min() > distance[:12, :12].max()
    assert (lay_out(features, layout, seed=3) == points).all()
    assert (lay_out(features[:4], layout, seed=3) == 0).all()


def test_umap_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"nastdata\[umap\]"):
        check_layout("umap")
    check_layout("tsne")


def test_heads_are_named_from_the_strongest_on() -> None:
    effects = np.array([[0.0, 0.3], [-1.0, 0.1], [0.5, 0.2]])
    assert name_heads(effects, 2) == [
        {"block": 3, "head": 0, "effect": 0.5},
        {"block": 1, "head": 1, "effect": 0.3},
    ]


def test_updates_between_two_models(native_folder: Path, hf_clip: Any) -> None:
    old, new = (load_encoder(f"open_clip:{native_folder}") for _ in range(2))
    with torch.no_grad():
        new.text.blocks[2].mlp.c_fc.weight += 0.01
    found = compare_updates(old, new)
    assert found["norms"][2] > 0 and found["top3"] == 1
    assert found["shares"] == [0, 0, 1, 0]
    assert compare_updates(old, old)["shares"] == [0, 0, 0, 0]
    with pytest.raises(UserError, match="different shapes"):
        compare_updates(old, hf_clip)


def test_the_command(native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    """Two models: the second one's third block was moved."""
    model, other = f"open_clip:{native_folder}", load_encoder(f"open_clip:{native_folder}")
    with torch.no_grad():
        other.text.blocks[2].mlp.c_fc.weight += 0.01
    tuned = other.save(tmp_path / "tuned")
    args = [str(tiny[0]), "--model", model, "--model", tuned, "--out", str(tmp_path)]
    args += ["--images", f"tiny={tiny[1]}", "--cache", str(tmp_path / "c")]
    done = CliRunner().invoke(command, args, catch_exceptions=False)
    assert "attribution to the negation" in done.stdout
    assert "top 3 layers 100.0%" in done.stdout
    report = json.loads((tmp_path / "explanation.json").read_text())["models"]
    assert len(report[model]["heads"]) == 4 and len(report[model]["strongest_heads"]) == 3
    assert report[tuned]["update"]["shares"] == [0, 0, 1, 0]
    for name in ("prompts-0", "heads-0", "prompts-1", "heads-1", "update-1"):
        assert (tmp_path / f"{name}.png").stat().st_size > 2000
    assert not (tmp_path / "update-0.png").exists()
