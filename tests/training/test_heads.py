"""Heads: exchanging one's output, weights of heads, a second trace midway, SGD, buckets of texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tiny_training import make_recipe  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.text_features import TextReader, bucket  # noqa: E402
from nastdata.progress import Progress  # noqa: E402
from nastdata.tracing.heads import exchange_heads, trace_heads  # noqa: E402
from nastdata.tracing.patching import CaptionPair, patch_pairs  # noqa: E402
from nastdata.tracing.run import Trace, read_trace  # noqa: E402
from nastdata.tracing.samples import score_samples  # noqa: E402
from nastdata.training.fit import fit  # noqa: E402
from nastdata.training.head_weights import share_heads  # noqa: E402
from nastdata.training.layer_weights import group_parameters, read_alphas  # noqa: E402
from nastdata.training.lora import add_lora  # noqa: E402
from nastdata.training.settings import LayerSettings, LoraSettings  # noqa: E402
from nastdata.training.trainer import Trainer  # noqa: E402

QUIET = Progress(quiet=True)
PAIRS = [
    CaptionPair("There is severe edema.", "There is no edema."),
    CaptionPair("There is no pneumothorax.", "There is severe pneumothorax."),
]
TOWERS = ("native", "hf_tower", "hf_clip")


def run_with_outputs(encoder: Any, result: Any, layer: int) -> Any:
    """The caption's feature with the whole attention output of a block replaced by the foil's."""
    tower = encoder.text
    held: list[Any] = []
    module = tower.attention_output(layer)
    hook = module.register_forward_hook(lambda _m, _a, out: held.append(out))
    with torch.no_grad():
        tower.resume(tower.capture(result.tokens[1:])[layer], result.tokens[1:], layer)
    hook.remove()

    def put(_m: Any, _a: Any, out: Any) -> Any:
        return held[0]

    with torch.no_grad():
        states = tower.capture(result.tokens[:1])[layer]
        hook = module.register_forward_hook(put)
        feature = tower.resume(states, result.tokens[:1], layer)
        hook.remove()
    return torch.nn.functional.normalize(feature.float(), dim=-1)[0]


@pytest.mark.parametrize("name", TOWERS)
def test_all_heads_exchanged_are_the_whole_attention_exchanged(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = request.getfixturevalue(name)
    tower = encoder.text
    (result,), _ = patch_pairs(encoder, PAIRS[:1])
    # taken as one wide head, the exchange must be that of the attention's whole output
    monkeypatch.setattr(tower, "heads", 1)
    if name == "native":
        heads = tower.blocks[0].attn.num_heads
        usual = type(tower).read_heads
        monkeypatch.setattr(type(tower), "read_heads", lambda self, t: _with_heads(self, usual, t, heads))
    one = exchange_heads(encoder, result)[:, 0]
    for layer in range(tower.depth):
        assert torch.allclose(one[layer], run_with_outputs(encoder, result, layer), atol=2e-5)


def _with_heads(tower: Any, read: Any, tokens: Any, heads: int) -> Any:
    tower.heads = heads
    try:
        return read(tower, tokens)
    finally:
        tower.heads = 1


@pytest.mark.parametrize("name", TOWERS)
def test_a_head_whose_output_is_not_read_has_no_effect(name: str, request: pytest.FixtureRequest) -> None:
    encoder = request.getfixturevalue(name)
    tower = encoder.text
    weight = tower.project_heads(1)
    width = weight.shape[1] // tower.heads
    kept = weight.data.clone()
    weight.data[:, width : 2 * width] = 0
    try:
        (result,), _ = patch_pairs(encoder, PAIRS[:1])
        changed = exchange_heads(encoder, result) - result.plain[0]
    finally:
        weight.data.copy_(kept)
    assert changed[1, 1].abs().max() < 1e-6
    assert changed[1, 0].abs().max() > 1e-6


def test_effects_of_heads_are_shares_of_d_by_three_estimators(native: Any) -> None:
    results, _ = patch_pairs(native, PAIRS)
    images = torch.nn.functional.normalize(
        torch.randn(40, 32, generator=torch.Generator().manual_seed(1)), dim=-1
    )
    pairs = [PAIRS[i % 2] for i in range(40)]
    samples = score_samples(native, pairs, dict(zip(PAIRS, results, strict=True)), images)
    conditions = [("Edema", "Pneumothorax")[i % 2] for i in range(40)]
    found = trace_heads(native, samples, conditions, 50, 0)
    i, block, head = 7, 2, 1
    lost = samples.pair[i].plain[0] - exchange_heads(native, samples.pair[i])[block, head]
    effect = float(images[i] @ lost)
    assert found["heads_mean_of_ratios"].shape == (native.text.depth, native.text.heads)
    assert np.isfinite(found["heads_robust"]).all()
    alone = trace_heads(
        native,
        type(samples)(
            [samples.pair[i]], images[[i]], samples.d[[i]], samples.noised[[i]], samples.denoised[[i]]
        ),
        [conditions[i]],
        2,
        0,
    )
    for kind in ("mean_of_ratios", "ratio_of_means", "robust"):
        assert alone[f"heads_{kind}"][block, head] == pytest.approx(effect / samples.d[i], rel=1e-3, abs=1e-5)


def write_trace(folder: Path, encoder: Any, heads: Any) -> Path:
    from nastdata.models.base import fingerprint_text

    arrays = {"heads_robust": np.asarray(heads, dtype=np.float64)}
    effects = np.concatenate([[1.0], np.linspace(0.5, 0.1, encoder.text.depth)])
    for way in ("noising", "denoising"):
        for kind in ("robust", "mean_of_ratios", "ratio_of_means"):
            arrays[f"{way}_{kind}"] = effects
    Trace({"text_tower": fingerprint_text(encoder), "model": "m"}, arrays).write(folder)
    return folder


@pytest.mark.parametrize("name", ["native", "hf_clip"])
def test_heads_learn_in_proportion_to_their_weights(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    encoder = request.getfixturevalue(name)
    depth, heads = encoder.text.depth, encoder.text.heads
    effects = np.tile(np.linspace(0.0, 1.0, heads), (depth, 1))
    trace = write_trace(tmp_path / "trace", encoder, effects)
    layers = LayerSettings(trace=trace, level="head", floor=0)
    alphas = read_alphas(encoder, layers)
    assert alphas.shape == (depth, heads) and alphas.min() == 0 and alphas.max() == 1
    model = add_lora(encoder, LoraSettings(rank=2), 0)
    shares = share_heads(model.named_parameters(), alphas, layers)
    names = {id(p): n for n, p in model.named_parameters()}
    assert shares and not [names[id(p)] for p in shares if ".mlp." in names[id(p)]]
    groups = group_parameters(model.named_parameters(), alphas, layers, 1.0)
    assert [g["base"] for g in groups] == pytest.approx([alphas[0].mean()] * depth)
    for parameter, factors in shares.items():
        wide = (torch.ones_like(parameter) * factors * alphas[0].mean()).unique()
        assert np.allclose(np.sort(wide.numpy()), np.sort(np.unique(alphas[0])), atol=1e-6)


class Killed(BaseException):
    """Stands for a kill: nothing in the program may catch it."""


@pytest.fixture(scope="module")
def traced(native_folder: Path, tiny: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nastdata.models.dataset_rows import get_keys, open_data
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.tracing.run import TraceSettings, run_trace

    encoder = load_encoder(f"open_clip:{native_folder}")
    data = open_data(tiny[0], {"tiny": tiny[1]})
    probes = data.rows("probes")
    features = embed_images(encoder, data.store, get_keys(probes))
    folder = tmp_path_factory.mktemp("trace")
    run_trace(encoder, probes, features, TraceSettings(1e-6, controls=1, bootstrap=20)).write(folder)
    return folder


def test_a_trace_holds_effects_of_heads_and_trains_by_them(
    traced: Path, native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    assert read_trace(traced).arrays["heads_robust"].ndim == 2
    recipe = make_recipe(native_folder, tiny, tmp_path, layers={"trace": traced, "level": "head"})
    about = fit(recipe, tmp_path / "run", QUIET)
    assert np.asarray(about["alphas"]).ndim == 2
    other = fit(make_recipe(native_folder, tiny, tmp_path, layers={"trace": traced}), tmp_path / "b", QUIET)
    assert about["update"] != other["update"]


def test_a_second_trace_changes_the_weights_and_survives_a_kill(
    traced: Path,
    native_folder: Path,
    tiny: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = {"probes": tiny[0], "at": 0.5, "threshold": 1e-6}
    layers = {"trace": traced, "floor": 0, "retrace": again}
    recipe = make_recipe(native_folder, tiny, tmp_path, layers=layers)
    whole = fit(recipe, tmp_path / "whole", QUIET)
    assert whole["alphas_retraced"] and whole["alphas_retraced"] != whole["alphas"]
    usual = Trainer._step

    def die(self: Any, step: int) -> dict[str, float]:
        if step == 5:
            raise Killed
        return usual(self, step)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Trainer, "_step", die)
        fit(recipe, tmp_path / "cut", QUIET)
    cut = fit(recipe, tmp_path / "cut", QUIET)
    for key in ("alphas_retraced", "update", "best", "text_tower_after"):
        assert cut[key] == whole[key]


def test_scaled_gradients_do_something_under_sgd_only(
    native_folder: Path, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    """Adam's step does not depend on the gradient's scale; a plain step does (the paper's section on it)."""
    moved = {}
    for optimizer, rate in (("adamw", 1e-3), ("sgd", 0.05)):
        for scale in ("none", "gradient"):
            recipe = make_recipe(
                native_folder,
                tiny,
                tmp_path,
                optimizer=optimizer,
                learning_rate=rate,
                clip_norm=None,
                layers={"scale": scale, "weights": [1, 0.01, 0.01, 0.01]},
            )
            out = tmp_path / f"{optimizer}-{scale}"
            fit(recipe, out, QUIET)
            line = json.loads((out / "log.jsonl").read_text().splitlines()[0])
            moved[optimizer, scale] = line["update_norm"]
    assert moved["adamw", "gradient"] == pytest.approx(moved["adamw", "none"], rel=0.05)
    assert moved["sgd", "gradient"] < 0.8 * moved["sgd", "none"]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"level": "head", "direction": "denoising"}, "noising only"),
        ({"level": "head", "scale": "gradient"}, "scale must be lr"),
        ({"level": "head", "weights": [1, 1]}, "level must be layer"),
        ({"retrace": {"probes": "x"}}, "needs a first trace"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(layers: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LayerSettings.model_validate(layers)


def test_a_trace_without_heads_is_refused_by_name(native: Any, tmp_path: Path) -> None:
    trace = write_trace(tmp_path, native, np.ones((4, 4)))
    with pytest.raises(UserError, match="'ratio_of_means' of heads"):
        read_alphas(native, LayerSettings(trace=trace, level="head", estimator="ratio_of_means"))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(0, 500))
def test_buckets_hold_every_row_once_and_never_cost_more_than_one(lengths: list[int], overhead: int) -> None:
    runs = bucket(lengths, overhead)
    assert sorted(i for run in runs for i in run) == list(range(len(lengths)))
    cost = sum(overhead + len(run) * max(lengths[i] for i in run) for run in runs)
    assert cost <= overhead + len(lengths) * max(lengths)
    assert len(bucket(lengths, 10**9)) == 1


def test_texts_in_buckets_have_the_features_of_texts_alone(
    native: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nastdata.models.text_features as text_features

    texts = [
        "There is no edema.",
        "No.",
        "There is severe left pleural effusion in the right and left of the lung.",
    ] * 3
    monkeypatch.setattr(text_features.bucket, "__defaults__", (1,))
    reader = TextReader(native)
    together = reader.encode(texts)
    alone = torch.cat([native.encode_texts(reader.read([t])) for t in texts])
    assert torch.allclose(together, alone, atol=1e-6)
