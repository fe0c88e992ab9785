"""Weights load in every shape that people share them in, with random weights of a tiny architecture."""

from __future__ import annotations

import argparse
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from nastdata.errors import UserError  # noqa: E402
from nastdata.models.base import fingerprint_images, fingerprint_text  # noqa: E402
from nastdata.models.registry import load_encoder  # noqa: E402

from .conftest import make_config  # noqa: E402

TEXTS = ["There is no edema.", "There is severe pleural effusion on the left."]


@pytest.fixture(scope="module", autouse=True)
def _tiny_architectures(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("architectures")
    for name, config in {
        "tiny": make_config(),
        "tiny-quickgelu": {**make_config(), "quick_gelu": True},
        "tiny-deeper": make_config(layers=5),
        "tiny-custom": {**make_config(), "custom_text": True},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def save_plain(weights: dict[str, Any], path: Path) -> None:
    torch.save(weights, path)


def save_trainer(weights: dict[str, Any], path: Path) -> None:
    """open_clip's trainer on several GPUs: NegCLIP, NegBench's fine-tuned CLIP."""
    state = {f"module.{k}": v for k, v in weights.items()}
    torch.save({"epoch": 5, "name": "x", "state_dict": state, "optimizer": {"state": {}}}, path)


def save_half(weights: dict[str, Any], path: Path) -> None:
    """OpenAI's code under a trainer: PubMedCLIP's ``.pth``, in half precision."""
    torch.save({"epoch": 1, "state_dict": {k: v.half() for k, v in weights.items()}}, path)


def save_conclip(weights: dict[str, Any], path: Path) -> None:
    torch.save({"model": weights, "optimizer": {}, "logs": [1.0]}, path)


def save_archive(weights: dict[str, Any], path: Path) -> None:
    """OpenAI's own files: TorchScript, with three numbers among the weights."""
    holder = torch.nn.Module()
    numbers = {"input_resolution": 32, "context_length": 32, "vocab_size": 49408}
    for name, value in {**weights, **{k: torch.tensor(v) for k, v in numbers.items()}}.items():
        *parents, last = name.split(".")
        at = holder
        for parent in parents:
            if not hasattr(at, parent):
                at.add_module(parent, torch.nn.Module())
            at = getattr(at, parent)
        at.register_buffer(last, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(holder), str(path))


def save_safetensors(weights: dict[str, Any], path: Path) -> None:
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in weights.items()}, str(path))


SHAPES: dict[str, tuple[str, Callable[[dict[str, Any], Path], None], float]] = {
    "plain": ("w.pt", save_plain, 0),
    "trainer": ("negclip.pth", save_trainer, 0),
    "half": ("PubMedCLIP_ViT32.pth", save_half, 2e-2),
    "conclip": ("conclip.pt", save_conclip, 0),
    "archive": ("ViT-B-32.pt", save_archive, 0),
    "safetensors": ("model.safetensors", save_safetensors, 0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_checkpoint_of_every_shape_is_the_model_itself(shape: str, native: Any, tmp_path: Path) -> None:
    name, save, tolerance = SHAPES[shape]
    save({k: v.clone() for k, v in native.model.state_dict().items()}, tmp_path / name)
    loaded = load_encoder(f"open_clip:tiny@{tmp_path / name}")
    with torch.no_grad():
        wanted, got = (e.encode_texts(e.tokenize(TEXTS)) for e in (native, loaded))
    assert torch.allclose(got, wanted, atol=tolerance or 1e-7)
    if not tolerance:
        assert fingerprint_text(loaded) == fingerprint_text(native)
        assert fingerprint_images(loaded) == fingerprint_images(native)
    again = load_encoder(loaded.save(tmp_path / "saved"))
    assert fingerprint_text(again) == fingerprint_text(loaded)


def test_a_checkpoint_fits_the_other_way_of_holding_the_text_tower(native: Any, tmp_path: Path) -> None:
    """Architectures with ``.text`` read weights that were written without it."""
    save_trainer(native.model.state_dict(), tmp_path / "w.pt")
    loaded = load_encoder(f"open_clip:tiny-custom@{tmp_path / 'w.pt'}")
    with torch.no_grad():
        wanted, got = (e.encode_texts(e.tokenize(TEXTS)) for e in (native, loaded))
    assert torch.allclose(got, wanted, atol=1e-6)


def test_the_architectures_name_decides_the_activation_of_a_file(native: Any, tmp_path: Path) -> None:
    save_plain(native.model.state_dict(), tmp_path / "w.pt")
    plain, quick = (load_encoder(f"open_clip:{a}@{tmp_path / 'w.pt'}") for a in ("tiny", "tiny-quickgelu"))
    saved = load_encoder(quick.save(tmp_path / "saved"))
    with torch.no_grad():
        found = [e.encode_texts(e.tokenize(TEXTS)) for e in (plain, quick, saved)]
    assert not torch.allclose(found[0], found[1], atol=1e-4)
    assert torch.equal(found[1], found[2])


@pytest.mark.parametrize(("tag", "quick"), [("openai", True), ("laion2b_s34b_b79k", False)])
def test_a_tag_brings_its_own_activation(
    tag: str, quick: bool, native: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """open_clip only warns that OpenAI's weights were trained with QuickGELU, and runs them without it."""
    given: dict[str, Any] = {}

    def create(arch: str, **settings: Any) -> Any:
        given.update(settings)
        return native.model, None, native.preprocess

    monkeypatch.setattr(open_clip, "create_model_and_transforms", create)
    encoder: Any = load_encoder(f"open_clip:ViT-B-32@{tag}")
    assert given == {"pretrained": tag, "force_quick_gelu": quick}
    assert encoder.config["model_cfg"].get("quick_gelu", False) is quick
    assert "quick_gelu" not in open_clip.get_model_config("ViT-B-32")


def save_object(weights: dict[str, Any], path: Path) -> None:
    torch.save({"args": argparse.Namespace(lr=1.0), "state_dict": weights}, path)


def save_cut(weights: dict[str, Any], path: Path) -> None:
    save_plain(weights, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def save_text(_weights: dict[str, Any], path: Path) -> None:
    path.write_text("<html>sign in to download</html>")


def save_numbers(_weights: dict[str, Any], path: Path) -> None:
    torch.save({"epoch": 3}, path)


@pytest.mark.parametrize(
    ("save", "arch", "says"),
    [
        (save_plain, "tiny-deeper", r"does not fit the architecture \(12 weights missing"),
        (save_object, "tiny", "holds more than weights"),
        (save_cut, "tiny", "not a readable checkpoint"),
        (save_text, "tiny", "not a readable checkpoint"),
        (save_numbers, "tiny", "no weights in this checkpoint"),
    ],
)
def test_a_file_that_is_no_such_checkpoint_is_told(
    save: Any, arch: str, says: str, native: Any, tmp_path: Path
) -> None:
    save(native.model.state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=says):
        load_encoder(f"open_clip:{arch}@{tmp_path / 'w.pt'}")


def write_bert(folder: Path, minilm: Path, layers: int = 3) -> Any:
    """A random BERT with MiniLM's words; returns it."""
    import transformers

    torch.manual_seed(1)
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64
    )
    model = transformers.BertModel(config)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1:
                p.normal_(std=0.3)
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(minilm / name, folder / name)
    return model.eval()


@pytest.fixture(scope="module")
def pmc_folder(minilm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PMC-CLIP's three files, small, named and shaped as it publishes them."""
    from open_clip.modified_resnet import ModifiedResNet

    folder = tmp_path_factory.mktemp("pmc")
    bert = write_bert(folder / "bert", minilm_folder)
    old = {"embeddings.position_ids": torch.arange(512)[None]}
    torch.save({**bert.state_dict(), **old}, folder / "text_encoder.pth")
    resnet = ModifiedResNet(layers=[1, 1, 1, 1], output_dim=24, heads=8, image_size=64, width=16)
    torch.save(resnet.state_dict(), folder / "image_encoder(resnet50).pth")
    torch.save(torch.nn.Parameter(torch.randn(32, 24)), folder / "text_projection_layer.pth")
    return folder


@pytest.fixture(scope="module")
def medclip_folder(minilm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MedCLIP's one file with a ResNet tower, its text half small."""
    import torchvision

    folder = tmp_path_factory.mktemp("medclip")
    bert = write_bert(folder / "bert", minilm_folder)
    resnet = torchvision.models.resnet50()
    resnet.fc = torch.nn.Linear(2048, 512, bias=False)
    weights = {f"text_model.model.{k}": v for k, v in bert.state_dict().items()}
    weights |= {f"vision_model.model.{k}": v for k, v in resnet.state_dict().items()}
    weights["text_model.model.embeddings.position_ids"] = torch.arange(512)[None]
    weights["text_model.projection_head.weight"] = torch.randn(512, 32)
    weights["logit_scale"] = torch.tensor(2.0)
    torch.save(weights, folder / "pytorch_model.bin")
    return folder


def test_pmc_clip_is_its_three_files(pmc_folder: Path, tmp_path: Path) -> None:
    encoder: Any = load_encoder(f"pmc-clip:{pmc_folder}")
    projection = torch.load(pmc_folder / "text_projection_layer.pth").detach()
    with torch.no_grad():
        for text in TEXTS:
            ids = encoder.tokenizer([text], return_tensors="pt")["input_ids"]
            state = encoder.model["text"]["bert"](input_ids=ids).last_hidden_state[:, 0]
            wanted = torch.nn.functional.normalize(state @ projection, dim=-1)
            assert torch.allclose(encoder.encode_texts(encoder.tokenize([text])), wanted, atol=1e-5)
    check_pair(encoder, tmp_path)


def test_medclip_averages_three_layers(medclip_folder: Path, tmp_path: Path) -> None:
    encoder: Any = load_encoder(f"medclip:resnet@{medclip_folder}")
    head = torch.load(medclip_folder / "pytorch_model.bin")["text_model.projection_head.weight"]
    with torch.no_grad():
        alone = []
        for text in TEXTS:
            ids = encoder.tokenizer([text], return_tensors="pt")["input_ids"]
            states = encoder.model["text"].model(input_ids=ids, output_hidden_states=True).hidden_states
            mean = torch.stack([states[1], states[2], states[-1]]).mean(dim=0).mean(dim=1)
            alone.append(torch.nn.functional.normalize(mean @ head.T, dim=-1)[0])
        together = encoder.encode_texts(encoder.tokenize(TEXTS))
    assert torch.allclose(together, torch.stack(alone), atol=1e-5), "padding must not count"
    assert encoder.scale == pytest.approx(float(torch.tensor(2.0).exp()))
    check_pair(encoder, tmp_path)


def check_pair(encoder: Any, tmp_path: Path) -> None:
    """Tracing equals single patches; LoRA reaches the text blocks only; what is saved loads again."""
    from nastdata.training.layer_weights import find_block
    from nastdata.training.lora import add_lora, merge
    from nastdata.training.settings import LoraSettings

    from .test_tracing import PAIRS, check_against_loop

    check_against_loop(encoder, PAIRS[:1])
    before, images = fingerprint_text(encoder), fingerprint_images(encoder)
    model = add_lora(encoder, LoraSettings(rank=2), seed=0)
    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert {find_block(n) for n in learning} == {0, 1, 2} and not any("image" in n for n in learning)
    for p in learning.values():
        p.data.normal_(std=0.1)
    merge(model)
    again = load_encoder(encoder.save(tmp_path / "tuned"))
    assert before != fingerprint_text(encoder) == fingerprint_text(again)
    assert fingerprint_images(again) == images
    from PIL import Image

    pixels = again.preprocess(Image.new("L", (70, 50), 90))[None]
    with torch.no_grad():
        assert again.encode_images(pixels).norm() == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match="no weights here"):
        load_encoder(f"{encoder.spec}@{tmp_path / 'nowhere'}")


def test_weights_of_another_medclip_are_told(medclip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(medclip_folder / "bert", tmp_path / "bert")
    weights = torch.load(medclip_folder / "pytorch_model.bin")
    for spoil, says in (
        (lambda w: w.pop("logit_scale"), "no weights of MedCLIP"),
        (lambda w: w.pop("text_model.model.encoder.layer.1.output.dense.weight"), "don't fit, first encoder"),
        (lambda w: w.pop("vision_model.model.layer1.0.conv1.weight"), r"don't fit, first model\.layer1"),
    ):
        spoilt = dict(weights)
        spoil(spoilt)
        torch.save(spoilt, tmp_path / "pytorch_model.bin")
        with pytest.raises(UserError, match=says):
            load_encoder(f"medclip:resnet@{tmp_path}")
