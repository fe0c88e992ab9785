"""Layer weights from a trace, and what they do to an update."""

from __future__ import annotations

import warnings
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
from nastdata.tracing.agreement import (  # noqa: E402
    correlate_estimators,
    describe_agreement,
    list_disputed,
)
from nastdata.tracing.run import Trace  # noqa: E402
from nastdata.tracing.samples import ROLES, Samples  # noqa: E402
from nastdata.tracing.sums import sum_up  # noqa: E402
from nastdata.training.layer_weights import (  # noqa: E402
    copy_blocks,
    group_parameters,
    measure_update,
    read_alphas,
    scale_gradients,
)
from nastdata.training.lora import add_lora, merge  # noqa: E402
from nastdata.training.settings import LayerSettings, LoraSettings  # noqa: E402
from nastdata.training.weight_shape import describe_weights, shape_weights  # noqa: E402

PAPER = LayerSettings(floor=0, clip_negative=False, estimator="mean_of_ratios")
"""The published rule."""
EFFECTS = st.lists(st.integers(-1000, 1000), min_size=2, max_size=12, unique=True)


@given(EFFECTS)
def test_published_alphas_run_from_zero_to_one_in_the_order_of_effects(effects: list[int]) -> None:
    alphas = shape_weights(np.array(effects), PAPER)
    assert alphas.min() == 0 and alphas.max() == 1
    assert np.array_equal(np.argsort(alphas), np.argsort(effects))


@given(EFFECTS, st.floats(0.01, 0.9), st.floats(0.2, 5), st.sampled_from(["min_max", "mean_one"]))
def test_a_floor_freezes_no_block_and_keeps_the_order(
    effects: list[int], floor: float, temperature: float, normalise: Any
) -> None:
    settings = LayerSettings(floor=floor, temperature=temperature, normalise=normalise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = shape_weights(np.array(effects), settings)
    assert weights.min() >= floor * weights.max() - 1e-12 > 0
    assert (np.diff(weights[np.argsort(effects)]) >= -1e-12).all()
    if normalise == "mean_one":
        assert weights.mean() == pytest.approx(1)
    negative = weights[np.array(effects) <= 0]
    assert np.ptp(negative) < 1e-9 if len(negative) else True  # negative effects count as none


def test_negative_effects_have_no_mean_to_scale_by() -> None:
    with pytest.raises(UserError, match="clip_negative"):
        shape_weights(np.array([-1.0, 2.0]), LayerSettings(normalise="mean_one", clip_negative=False))


def test_equal_effects_mean_uniform_and_warn() -> None:
    with pytest.warns(UserWarning, match="same tracing effect"):
        assert (shape_weights(np.full(5, 0.3), PAPER) == 1).all()


def test_effects_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="not numbers"):
        shape_weights(np.array([0.1, float("nan")]), PAPER)


def test_weights_of_ones_own(native: Any) -> None:
    depth = native.text.depth
    own = tuple(float(i) for i in range(depth))
    assert read_alphas(native, LayerSettings(weights=own)).tolist() == list(own)
    assert "block 1 frozen" in describe_weights(read_alphas(native, LayerSettings(weights=own)), 1.0)
    with pytest.raises(UserError, match=f"{depth + 1} weights for a text tower of {depth} blocks"):
        read_alphas(native, LayerSettings(weights=(*own, 1.0)))
    for wrong in ({"weights": own, "trace": Path("x")}, {"weights": [0.0] * depth}, {"weights": [-1.0]}):
        with pytest.raises(ValueError, match="weights"):
            LayerSettings(**wrong)


def test_estimators_that_disagree_in_sign_are_named(native: Any, tmp_path: Path) -> None:
    """As in the trace that gave block 1 -0.161 [-0.318, -0.005] and +0.075 [0.043, 0.144]."""
    arrays = {
        "noising_mean_of_ratios": np.array([1.0, -0.161, 0.3, 0.2, 0.1]),
        "noising_mean_of_ratios_interval": np.array(
            [[0.9, -0.318, 0.2, 0.1, 0.0], [1.1, -0.005, 0.4, 0.3, 0.2]]
        ),
        "noising_ratio_of_means": np.array([1.0, 0.075, 0.3, 0.2, 0.1]),
        "noising_ratio_of_means_interval": np.array(
            [[0.9, 0.043, 0.2, 0.1, 0.0], [1.1, 0.144, 0.4, 0.3, 0.2]]
        ),
    }
    assert list_disputed(arrays, "noising") == [1]
    assert describe_agreement(arrays)["disputed_blocks"] == {"noising": [1], "denoising": []}
    assert correlate_estimators(arrays)["noising_mean_of_ratios / noising_ratio_of_means"] == 1
    Trace({"text_tower": fingerprint_text(native), "model": "x"}, arrays).write(tmp_path)
    with pytest.warns(UserWarning, match="disagree in the sign of block 1"):
        read_alphas(native, LayerSettings(trace=tmp_path, estimator="ratio_of_means"))
    with pytest.raises(UserError, match="no estimate 'robust'"):
        read_alphas(native, LayerSettings(trace=tmp_path))


@given(st.integers(0, 1000))
def test_the_robust_mean_is_not_moved_by_a_pair_with_d_near_zero(seed: int) -> None:
    draw = np.random.default_rng(seed)
    d = draw.uniform(0.5, 1.5, 60)
    effect = 0.3 * d + draw.normal(0, 0.02, 60)
    d[0], effect[0] = 1e-3, -0.05  # a ratio of -50
    samples = make_samples(d, effect)
    found = sum_up(samples, np.ones(60, bool), ["c"] * 60, 20, 0)
    assert found["noising_mean_of_ratios"][0] < 0
    assert found["noising_robust"][0] == pytest.approx(0.3, abs=0.03)


def make_samples(d: Any, effect: Any) -> Samples:
    """Samples of one layer with an effect at the negation alone."""
    roles = np.full((len(d), 1, len(ROLES)), np.nan)
    roles[:, 0, ROLES.index("negation")] = effect
    return Samples(pair=[], images=torch.zeros(0), d=d, noised=roles, denoised=roles)


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
        assert read_alphas(native, PAPER.model_copy(update={"trace": noisy}))[1] == 0
    clean = write_trace(tmp_path / "clean", native, [0.5, -0.2, 0.02, 0.0])
    assert read_alphas(native, PAPER.model_copy(update={"trace": clean}))[1] == 0  # warnings are errors
    clipped = LayerSettings(trace=noisy, estimator="mean_of_ratios")
    assert read_alphas(native, clipped) == pytest.approx([0.5, 0.1, 1.0, 0.1])


@pytest.mark.parametrize("scale", ["lr", "gradient"])
def test_a_block_without_weight_is_not_even_decayed(native_folder: Path, scale: Any) -> None:
    encoder = load_encoder(f"open_clip:{native_folder}")
    model = add_lora(encoder, LoraSettings(rank=2), seed=0)
    alphas = [1.0] * (encoder.text.depth - 1) + [0.0]
    groups = group_parameters(model.named_parameters(), alphas, LayerSettings(scale=scale), 1e-3)
    assert [g["block"] for g in groups] == list(range(encoder.text.depth - 1))


def test_alphas_come_from_the_blocks_not_the_embedding(native: Any, tmp_path: Path) -> None:
    folder = write_trace(tmp_path, native, [0.9, 0.5, 0.1, 0.3])
    published = PAPER.model_copy(update={"trace": folder})
    assert read_alphas(native, published) == pytest.approx([1, 0.5, 0, 0.25])
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
