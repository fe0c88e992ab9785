"""Layer weights from a trace, and what they do to an update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.base import fingerprint_images, fingerprint_text  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402
from nastdata.tracing.run import Trace  # noqa: E402
from nastdata.training.layer_weights import (  # noqa: E402
    copy_blocks,
    group_parameters,
    measure_update,
    read_alphas,
    scale_effects,
    scale_gradients,
)
from nastdata.training.lora import add_lora, merge  # noqa: E402
from nastdata.training.settings import LayerSettings, LoraSettings  # noqa: E402


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=12, unique=True))
def test_alphas_run_from_zero_to_one_in_the_order_of_effects(effects: list[int]) -> None:
    alphas = scale_effects(effects)
    assert alphas.min() == 0 and alphas.max() == 1
    assert np.array_equal(np.argsort(alphas), np.argsort(effects))


def test_equal_effects_mean_uniform_and_warn() -> None:
    with pytest.warns(UserWarning, match="same tracing effect"):
        assert (scale_effects([0.3] * 5) == 1).all()


def test_effects_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="not numbers"):
        scale_effects([0.1, float("nan")])


def write_trace(folder: Path, encoder: Any, effects: list[float], tower: str | None = None) -> Path:
    arrays = {"noising_mean_of_ratios": np.array([1.0, *effects])}
    Trace({"text_tower": tower or fingerprint_text(encoder), "model": "x"}, arrays).write(folder)
    return folder


def test_a_trace_of_another_model_is_refused(native: Any, tmp_path: Path) -> None:
    folder = write_trace(tmp_path, native, [0, 1, 2, 3], tower="0" * 64)
    with pytest.raises(UserError, match="another text tower"):
        read_alphas(native, LayerSettings(trace=folder))


def test_a_negative_effect_that_decides_every_weight_is_told(native: Any, tmp_path: Path) -> None:
    noisy = write_trace(tmp_path / "noisy", native, [0.01, -0.2, 0.02, 0.0])
    with pytest.warns(UserWarning, match="block 2 .*negative.*ratio_of_means"):
        assert read_alphas(native, LayerSettings(trace=noisy))[1] == 0
    clean = write_trace(tmp_path / "clean", native, [0.5, -0.2, 0.02, 0.0])
    assert read_alphas(native, LayerSettings(trace=clean))[1] == 0  # warnings are errors here


@pytest.mark.parametrize("scale", ["lr", "gradient"])
def test_a_block_without_weight_is_not_even_decayed(native_folder: Path, scale: Any) -> None:
    encoder = load_encoder(f"open_clip:{native_folder}")
    model = add_lora(encoder, LoraSettings(rank=2), seed=0)
    alphas = [1.0] * (encoder.text.depth - 1) + [0.0]
    groups = group_parameters(model.named_parameters(), alphas, LayerSettings(scale=scale), 1e-3)
    assert [g["block"] for g in groups] == list(range(encoder.text.depth - 1))


def test_alphas_come_from_the_blocks_not_the_embedding(native: Any, tmp_path: Path) -> None:
    folder = write_trace(tmp_path, native, [0.9, 0.5, 0.1, 0.3])
    assert read_alphas(native, LayerSettings(trace=folder)) == pytest.approx([1, 0.5, 0, 0.25])
    assert read_alphas(native, LayerSettings()) == pytest.approx([1, 1, 1, 1])
    assert read_alphas(native, LayerSettings(trace=folder, scale="none")) == pytest.approx([1, 1, 1, 1])


def step_model(encoder: Any, scale: str, alphas: list[float], steps: int = 5) -> dict[str, Any]:
    settings = LayerSettings(scale=scale)  # type: ignore[arg-type]
    before = copy_blocks(encoder)
    images = fingerprint_images(encoder)
    model = add_lora(encoder, LoraSettings(rank=4), seed=0)
    groups = group_parameters(model.named_parameters(), alphas, settings, 1e-2)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    texts = encoder.tokenize(["There is no edema.", "There is severe edema.", "There is no pneumothorax."])
    goal = torch.nn.functional.normalize(
        torch.randn(3, 32, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -(encoder.encode_texts(texts) * goal).sum()
        loss.backward()
        if scale == "gradient":
            scale_gradients(optimizer.param_groups)
        optimizer.step()
    with torch.no_grad():
        unmerged = encoder.encode_texts(texts)
    merge(model)
    with torch.no_grad():
        assert torch.allclose(encoder.encode_texts(texts), unmerged, atol=1e-5)
    assert fingerprint_images(encoder) == images
    return measure_update(before, encoder)


def test_only_learning_rates_steer_adam(native_folder: Path) -> None:
    """Adam undoes a scaled gradient; a scaled learning rate is obeyed; alpha 0 stays as it was."""
    alphas = [1.0, 0.01, 0.01, 0.0]
    spec = f"open_clip:{native_folder}"
    uniform = step_model(load_encoder(spec), "none", alphas)
    literal = step_model(load_encoder(spec), "gradient", alphas)
    rates = step_model(load_encoder(spec), "lr", alphas)
    assert rates["norms"][3] == 0
    # LoRA's product starts at zero, so the displacement falls faster than the learning rate
    assert rates["norms"][1] < 0.05 * uniform["norms"][1]
    assert literal["norms"][1] > 0.5 * uniform["norms"][1]
    assert rates["top3"] > literal["top3"] - 1e-9


@pytest.mark.parametrize("which", ["native", "hf_clip", "hf_siglip"])
def test_lora_reaches_every_text_block_and_nothing_else(which: str, request: pytest.FixtureRequest) -> None:
    import copy

    encoder = copy.copy(request.getfixturevalue(which))
    encoder = load_encoder(encoder.spec)
    model = add_lora(encoder, LoraSettings(rank=2), seed=0)
    learning = [n for n, p in model.named_parameters() if p.requires_grad]
    assert learning and all("lora_" in n for n in learning)
    assert not any("visual" in n or "vision" in n for n in learning)
    groups = group_parameters(model.named_parameters(), [1.0] * encoder.text.depth, LayerSettings(), 1e-3)
    assert [g["block"] for g in groups] == list(range(encoder.text.depth))
