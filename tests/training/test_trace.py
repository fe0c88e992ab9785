"""A trace says where negation is carried, how sure it is, and what it left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch")

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.base import fingerprint_text  # noqa: E402
from nastdata.models.dataset_rows import get_keys, open_data  # noqa: E402
from nastdata.models.image_features import embed_images  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402
from nastdata.tracing.run import Trace, TraceSettings, read_trace, run_trace  # noqa: E402

SETTINGS = TraceSettings(threshold=1e-4, controls=2, bootstrap=100)


@pytest.fixture(scope="module")
def traced(native_folder: Path, tiny: tuple[Path, Path]) -> tuple[Any, pl.DataFrame, Any, Trace]:
    encoder = load_encoder(f"open_clip:{native_folder}")
    data = open_data(tiny[0], {"tiny": tiny[1]})
    probes = data.rows("probes")
    features = embed_images(encoder, data.store, get_keys(probes))
    return encoder, probes, features, run_trace(encoder, probes, features, SETTINGS)


def test_the_effect_equals_the_formula(traced: Any) -> None:
    """CTE(l, p) = (S_corr - S_patched) / d, averaged over pairs with d above the threshold."""
    encoder, probes, features, trace = traced
    with torch.no_grad():
        ratios = []
        for i, row in enumerate(probes.iter_rows(named=True)):
            both = torch.cat([encoder.tokenize([row["correct"]]), encoder.tokenize([row["foil"]])])
            z = encoder.encode_texts(both)
            d = float(features[i] @ z[0] - features[i] @ z[1])
            if d > SETTINGS.threshold:
                p = int((both[0] != both[1]).nonzero()[0])
                states = encoder.text.capture(both)
                x = states[2][:1].clone()
                x[0, p] = states[2][1, p]
                patched = torch.nn.functional.normalize(encoder.text.resume(x, both[:1], 2), dim=-1)[0]
                ratios.append(float(features[i] @ z[0] - features[i] @ patched) / d)
    counts = trace.facts["segments_by_negation_in"]
    assert sum(c["correct"] for c in counts.values()) == len(ratios) > 10
    assert trace.arrays["noising_mean_of_ratios"][2] == pytest.approx(np.mean(ratios), rel=1e-3)


def test_everything_is_counted_and_bounded(traced: Any) -> None:
    encoder, probes, _, trace = traced
    rows = trace.facts["rows"]
    assert rows["given"] == len(probes) == rows["traced"] + rows["left_out_unequal_tokens"]
    segments = trace.facts["segments_by_negation_in"]
    assert sum(n for c in segments.values() for n in c.values()) == rows["traced"]
    for kind in ("mean_of_ratios", "ratio_of_means"):
        low, high = trace.arrays[f"noising_{kind}_interval"]
        value = trace.arrays[f"noising_{kind}"]
        assert (low <= value + 1e-9).all() and (value <= high + 1e-9).all()
        assert value[0] == pytest.approx(1, abs=1e-3)
        assert trace.arrays[f"denoising_{kind}"][0] == pytest.approx(1, abs=1e-3)
    assert trace.arrays["text_space_control"].shape == (2, encoder.text.depth + 1)
    assert trace.facts["text_tower"] == fingerprint_text(encoder), "tracing must leave the model as it was"
    assert trace.facts["attribution_correlation"] > 0.3


def test_a_trace_is_reproduced_to_the_byte_and_read_back(traced: Any, tmp_path: Path) -> None:
    encoder, probes, features, trace = traced
    again = run_trace(encoder, probes, features, SETTINGS)
    trace.write(tmp_path / "a")
    again.write(tmp_path / "b")
    arrays = [(tmp_path / n / "trace.safetensors").read_bytes() for n in "ab"]
    assert arrays[0] == arrays[1]
    assert {**trace.facts, "git_revision": None} == {**again.facts, "git_revision": None}
    back = read_trace(tmp_path / "a")
    assert back.facts == json.loads(json.dumps(trace.facts))
    assert np.array_equal(back.arrays["attention"], trace.arrays["attention"])


def test_no_difference_anywhere_is_told(traced: Any) -> None:
    encoder, probes, features, _ = traced
    with pytest.raises(UserError, match="no caption scores above"):
        run_trace(encoder, probes, features, TraceSettings(threshold=5.0))


def test_films_that_tell_nothing_apart_are_told(traced: Any) -> None:
    """d is 0 for every pair: no film feature has any part along the texts."""
    encoder, probes, features, _ = traced
    with pytest.raises(UserError, match=r"no caption scores above its foil by more than 0\.01 \(largest"):
        run_trace(encoder, probes, torch.zeros_like(features))


def test_pairs_of_unequal_length_only_are_told(traced: Any) -> None:
    encoder, probes, features, _ = traced
    odd = probes.with_columns(foil=pl.lit("There is no sign of any such thing."))
    with pytest.raises(UserError, match="equal token counts"):
        run_trace(encoder, odd, features)


def test_a_caption_over_the_context_is_told(traced: Any) -> None:
    encoder, probes, features, _ = traced
    long = probes.with_columns(correct=pl.lit("severe " * 80))
    with pytest.raises(UserError, match="82 tokens, the model reads 32"):
        run_trace(encoder, long, features)


def test_a_damaged_or_missing_trace_is_told(traced: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trace here"):
        read_trace(tmp_path)
    traced[3].write(tmp_path)
    whole = (tmp_path / "trace.safetensors").read_bytes()
    (tmp_path / "trace.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_trace(tmp_path)


def test_features_are_kept_and_a_broken_cache_is_no_harm(traced: Any, tiny: Any, tmp_path: Path) -> None:
    encoder, probes, features, _ = traced
    data = open_data(tiny[0], {"tiny": tiny[1]})
    keys = get_keys(probes)[:6]
    first = embed_images(encoder, data.store, keys, tmp_path)
    assert torch.allclose(first, features[:6], atol=1e-5)
    (cached,) = tmp_path.glob("*.safetensors")
    assert torch.equal(embed_images(encoder, Namer(data.store), keys, tmp_path), first)
    cached.write_bytes(cached.read_bytes()[:100])
    assert torch.equal(embed_images(encoder, data.store, keys, tmp_path), first)


class Namer:
    """Knows names only: loading would fail."""

    def __init__(self, store: Any) -> None:
        self.identify = store.identify


def test_a_missing_image_is_named(traced: Any, tiny: Any) -> None:
    data = open_data(tiny[0])
    with pytest.raises(UserError, match=r"tiny: films/i000\.png"):
        embed_images(traced[0], data.store, get_keys(data.rows("probes"))[:1])


def test_embedded_images_are_read(tiny: Any, tmp_path: Path) -> None:
    """``images=embed``: the image column is a struct of bytes and path."""
    folder, root = tiny
    frame = pl.read_parquet(folder / "data/probes/train-00000-of-00001.parquet").head(4)
    cells = [{"bytes": (root / p).read_bytes(), "path": p} for p in frame["image"]]
    (tmp_path / "data/probes").mkdir(parents=True)
    made = frame.with_columns(pl.Series("image", cells, pl.Struct({"bytes": pl.Binary, "path": pl.String})))
    made.write_parquet(tmp_path / "data/probes/train-00000-of-00001.parquet")
    data = open_data(tmp_path)
    keys = get_keys(data.rows("probes"))
    assert data.store.load(keys[0]).size == (48, 48)
    assert len({data.store.identify(k) for k in keys}) == len(set(keys))


def test_phantom_films_are_drawn_from_the_manifests_seed() -> None:
    from nastdata.images.store import ImageStore

    recipe = {"seed": 3, "phantom_patients": 20, "ontology": "chest_xray"}
    store = ImageStore({"recipe": recipe}, phantom_size=64)
    from nastdata.ontology import load_ontology
    from nastdata.sources.phantom.source import draw_phantoms

    for image in draw_phantoms(load_ontology("chest_xray"), 3, 20).labels["image"]:
        assert store.load(("phantom", image)).size == (64, 64)
    with pytest.raises(UserError, match="no such image"):
        store.load(("phantom", "phantom/nobody/none.png"))


def test_pictures_are_drawn(traced: Any, tmp_path: Path) -> None:
    from nastdata.evaluation.plots import plot_trace

    for path in plot_trace(traced[3], tmp_path):
        assert path.stat().st_size > 3000
