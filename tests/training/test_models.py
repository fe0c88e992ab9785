"""Adapters give what the libraries themselves give, and say plainly what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.base import fingerprint_images, fingerprint_text  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402

TEXTS = ["There is no edema.", "There is severe pleural effusion on the left."]


def test_native_features_equal_open_clip(native: Any) -> None:
    import open_clip

    full = open_clip.get_tokenizer(native.spec.replace("open_clip:", "local-dir:"))(TEXTS)
    cut = native.tokenize(TEXTS)
    assert cut.shape[1] < full.shape[1]
    with torch.no_grad():
        wanted = native.model.encode_text(full, normalize=True)
        assert torch.allclose(native.encode_texts(cut), wanted, atol=1e-6)


def test_bert_tower_features_equal_open_clip(hf_tower: Any) -> None:
    cut = hf_tower.tokenize(TEXTS)
    full = torch.nn.functional.pad(cut, (0, 64 - cut.shape[1]))
    with torch.no_grad():
        wanted = hf_tower.model.encode_text(full, normalize=True)
        assert torch.allclose(hf_tower.encode_texts(cut), wanted, atol=1e-5)


@pytest.mark.parametrize("which", ["native", "hf_tower", "hf_clip", "hf_siglip"])
def test_states_resume_to_the_same_features(which: str, request: pytest.FixtureRequest) -> None:
    encoder = request.getfixturevalue(which)
    tokens = encoder.tokenize(TEXTS)
    with torch.no_grad():
        wanted = encoder.encode_texts(tokens)
        states = encoder.text.capture(tokens)
        assert len(states) == encoder.text.depth + 1
        for layer, state in enumerate(states):
            got = torch.nn.functional.normalize(encoder.text.resume(state, tokens, layer), dim=-1)
            assert torch.allclose(got, wanted, atol=1e-5), layer


@pytest.mark.parametrize("which", ["native", "hf_tower", "hf_clip", "hf_siglip"])
def test_images_and_tokens(which: str, request: pytest.FixtureRequest) -> None:
    import numpy as np
    from PIL import Image

    encoder = request.getfixturevalue(which)
    picture = Image.fromarray(np.full((40, 50), 90, dtype=np.uint8))
    pixels = torch.stack([encoder.preprocess(picture)])
    with torch.no_grad():
        features = encoder.encode_images(pixels)
    assert features.norm(dim=-1) == pytest.approx(1, abs=1e-5)
    pieces = encoder.split_tokens(encoder.tokenize(TEXTS[:1])[0])
    assert ("no" in pieces and "edema" in " ".join(pieces).replace(" ", "")) or "##" in " ".join(pieces)
    assert encoder.scale > 0


@pytest.mark.parametrize("which", ["native", "hf_tower", "hf_clip", "hf_siglip"])
def test_a_text_over_the_context_is_refused(which: str, request: pytest.FixtureRequest) -> None:
    encoder = request.getfixturevalue(which)
    with pytest.raises(UserError, match="tokens"):
        encoder.tokenize(["there is no edema . " * 200])


def test_fingerprints_tell_towers_apart(native: Any, native_folder: Path) -> None:
    same = load_encoder(f"open_clip:{native_folder}")
    assert fingerprint_text(native) == fingerprint_text(same)
    assert fingerprint_text(native) != fingerprint_images(native)
    images = fingerprint_images(same)
    with torch.no_grad():
        same.model.positional_embedding[0, 0] += 1e-3
    assert fingerprint_text(native) != fingerprint_text(same)
    assert fingerprint_images(same) == images


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("openclip:ViT-B-32", "did you mean 'open_clip'"),
        ("open_clip:ViT-B-23", "did you mean"),
        ("open_clip:/no/such/folder", "no such folder"),
        ("transformers:/no/such/folder", "can't be loaded"),
        ("hi-ml:biovil-t", "pip install hi-ml-multimodal"),
        ("medclip:vit", "no MedCLIP weights here"),
        ("medclip:vti@/no/such", "did you mean 'vit'"),
        ("pmc-clip:/no/such", "a file of PMC-CLIP is missing"),
        ("open_clip:ViT-B-32@/no/such.pt", "no such checkpoint file"),
        ("open_clip:ViT-B-32@opneai", "did you mean 'openai'"),
        ("ViT-B-32", "no such kind"),
    ],
)
def test_a_wrong_name_is_told(spec: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load_encoder(spec)
