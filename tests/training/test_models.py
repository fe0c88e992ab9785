"""Adapters give what the libraries themselves give, and say plainly what is wrong."""

from __future__ import annotations

import re
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


def test_siglip_2_of_any_aspect_ratio(tmp_path: Path) -> None:
    """Features equal those of its own forward pass, for a wide image and a tall one in one batch."""
    import numpy as np
    import transformers as t
    from PIL import Image

    from .conftest import WORDS, make_tokenizer

    torch.manual_seed(0)
    size = len(WORDS) + 4
    shared = {"hidden_size": 32, "intermediate_size": 64}
    text = {"vocab_size": size, "num_hidden_layers": 2, "num_attention_heads": 4, "projection_size": 32}
    text |= {"max_position_embeddings": 24, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": size - 1}
    vision = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_patches": 16, "patch_size": 8}
    config = t.Siglip2Config(text_config={**text, **shared}, vision_config={**vision, **shared})
    t.Siglip2Model(config).save_pretrained(tmp_path)
    processor = t.Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
    processor.save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 255, s, dtype=np.uint8)) for s in ((24, 60), (60, 24))]
    with torch.no_grad():
        found = encoder.encode_images(torch.stack([encoder.preprocess(p) for p in pictures]))
        inputs = processor(images=[p.convert("RGB") for p in pictures], return_tensors="pt")
        wanted = encoder.model.get_image_features(**inputs).pooler_output
    assert torch.allclose(found, torch.nn.functional.normalize(wanted, dim=-1), atol=1e-5)
    assert encoder.encode_texts(encoder.tokenize(["there is edema."])).shape == (1, 32)


def test_a_dinov2_joined_with_a_bert(tmp_path: Path) -> None:
    """RAD-DINO's kind of image tower with a text tower, in a folder that transformers has saved."""
    import numpy as np
    import transformers as t
    from PIL import Image

    from .conftest import WORDS, make_tokenizer

    torch.manual_seed(0)
    shared = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    vision = t.Dinov2Config(image_size=56, patch_size=14, mlp_ratio=2, **shared)
    text = t.BertConfig(vocab_size=len(WORDS) + 4, intermediate_size=64, max_position_embeddings=24, **shared)
    config = t.VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=16)
    model = t.VisionTextDualEncoderModel(config).eval()
    model.save_pretrained(tmp_path / "joined")
    processor = t.BitImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    processor.save_pretrained(tmp_path / "joined")
    make_tokenizer(tmp_path / "joined")
    encoder = load_encoder(f"transformers:{tmp_path / 'joined'}")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 60), dtype=np.uint8))
    tokens = encoder.tokenize(["there is no edema .", "there is edema ."])
    inputs = processor(images=picture.convert("RGB"), return_tensors="pt")
    with torch.no_grad():
        found = encoder.encode_images(encoder.preprocess(picture)[None])
        texts = encoder.encode_texts(tokens)
        mask = (tokens != encoder.pad_id).long()
        wanted = model(input_ids=tokens, attention_mask=mask, **inputs)
    assert torch.allclose(found, wanted.image_embeds, atol=1e-5)
    assert torch.allclose(texts, wanted.text_embeds, atol=1e-5)
    # what training writes is read back, and the text tower's layers can be traced and tuned
    again = load_encoder(encoder.save(tmp_path / "saved"))
    assert fingerprint_text(again) == fingerprint_text(encoder)
    assert [n for n, _ in encoder.model.named_modules() if re.fullmatch(encoder.lora_targets, n)]
