"""PMC-CLIP, from its published files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder
from nastdata.models.bert_pair import BertPairEncoder, fill, load_hf, load_tokenizer
from nastdata.models.open_clip_weights import read_weights
from nastdata.text_input.plain_files import open_file

FILES = ("text_encoder.pth", "image_encoder(resnet50).pth", "text_projection_layer.pth")
BERT = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"


def _read_projection(path: Path) -> Tensor:
    open_file(path).close()
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # of a damaged file, torch and pickle raise nearly anything
        raise UserError("not a readable checkpoint", where=str(path), how="download it again") from e
    if not isinstance(found, Tensor) or found.dim() != 2:
        raise UserError("not the projection of PMC-CLIP", where=str(path), how="download it again")
    return found


def load(name: str) -> DualEncoder:
    """Load PMC-CLIP from a folder with its three published files.

    They are ``text_encoder.pth``, ``image_encoder(resnet50).pth`` and ``text_projection_layer.pth``; besides,
    the folder ``bert`` (configuration and tokenizer of BiomedBERT), or the Hub's.

    Raises:
        UserError: if a file is missing or does not fit.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.transform import PreprocessCfg, image_transform_v2

    folder, _, tuned = name.partition("@")
    files = [Path(folder) / n for n in FILES]
    for file in files:
        if not file.is_file():
            raise UserError("a file of PMC-CLIP is missing", where=str(file), how=f"all: {', '.join(FILES)}")
    bert = load_hf(Path(folder) / "bert", BERT, read_weights(files[0]), files[0])
    tokenizer = load_tokenizer(Path(folder) / "bert", BERT)
    found = _read_projection(files[2])
    projection = torch.nn.Linear(*found.shape, bias=False)
    projection.weight.data = found.detach().float().T.contiguous()
    weights = read_weights(files[1])
    resnet = ModifiedResNet(**measure_resnet(weights))
    fill(resnet, weights, files[1])
    text = torch.nn.ModuleDict({"bert": bert, "projection": projection})

    def encode(ids: Tensor, mask: Tensor) -> Tensor:
        features: Tensor = projection(bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0])
        return features

    transform = image_transform_v2(PreprocessCfg(size=resnet.image_size), is_train=False)
    encoder = BertPairEncoder(
        f"pmc-clip:{folder}", text, resnet, tokenizer, encode, resnet, transform, scale=math.exp(4.4292)
    )
    if tuned:
        encoder.load(Path(tuned))
    return encoder


def measure_resnet(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of open_clip's ``ModifiedResNet`` that such weights belong to."""
    layers = [len({n.split(".")[1] for n in weights if n.startswith(f"layer{i}.")}) for i in range(1, 5)]
    width = weights["layer1.0.conv1.weight"].shape[0]
    grid = round((weights["attnpool.positional_embedding"].shape[0] - 1) ** 0.5)
    return {
        "layers": layers,
        "output_dim": weights["attnpool.c_proj.weight"].shape[0],
        "heads": width * 32 // 64,
        "image_size": grid * 32,
        "width": width,
    }
