"""MedCLIP, rebuilt from its published weights: its own package does not import with transformers 5.

The text feature is the mean, over tokens and over the states of layers 1, 2 and the last, sent through a
projection. The package averages padding too, so that a text's feature depends on the batch that it is in;
here padding is left out, which is what the package gives for a text that stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nastdata.errors import UserError, name_nearest
from nastdata.models.base import DualEncoder, need
from nastdata.models.bert_pair import BertPairEncoder, fill, load_hf, load_tokenizer, take_part
from nastdata.models.open_clip_weights import read_weights
from nastdata.models.towers import StackTower, TextTower, take_states

FILE = "pytorch_model.bin"
TOWERS = ("vit", "resnet")
BERT = "emilyalsentzer/Bio_ClinicalBERT"
SWIN = "microsoft/swin-tiny-patch4-window7-224"
SIZE, MEAN, STD = 224, 0.5862785803043838, 0.27950088968644304
LONGEST = 77


def load(name: str) -> DualEncoder:
    """Load ``vit@FOLDER`` or ``resnet@FOLDER``; ``vit@FOLDER@TUNED`` with what ``nastdata train`` wrote.

    FOLDER holds ``pytorch_model.bin``; besides, the folders ``bert`` (configuration and tokenizer of
    Bio_ClinicalBERT) and ``swin`` (configuration), or the Hub's.

    Raises:
        UserError: if there is no such tower, or the weights are missing or don't fit.
    """
    kind, _, rest = name.partition("@")
    given, _, tuned = rest.partition("@")
    if kind not in TOWERS:
        raise UserError("medclip has no such image tower", where=name, how=name_nearest(kind, TOWERS))
    folder = Path(given or f"pretrained/medclip-{kind}")
    if not (folder / FILE).is_file():
        how = f"unpack MedCLIP's published weights and name their folder: medclip:{kind}@FOLDER"
        raise UserError("no MedCLIP weights here", where=str(folder / FILE), how=how)
    weights = read_weights(folder / FILE)
    bert_weights = take_part(weights, "text_model.model.")
    head = weights.get("text_model.projection_head.weight")
    if head is None or "logit_scale" not in weights:
        raise UserError("no weights of MedCLIP", where=str(folder / FILE))
    text = MedText(load_hf(folder / "bert", BERT, bert_weights, folder / FILE), head)
    tokenizer = load_tokenizer(folder / "bert", BERT)
    images = _load_images(kind, folder, take_part(weights, "vision_model."))
    scale = float(weights["logit_scale"].exp())
    encoder = MedEncoder(
        f"medclip:{kind}@{folder}", text, images, tokenizer, text, images, prepare_image, scale=scale
    )
    encoder.context_length = min(encoder.context_length, LONGEST)
    if tuned:
        encoder.load(Path(tuned))
    return encoder


class MedText(nn.Module):
    """MedCLIP's text encoder; parameters are named as in the package."""

    def __init__(self, bert: Any, head: Tensor) -> None:
        super().__init__()
        self.model = bert
        self.projection_head = nn.Linear(*reversed(head.shape), bias=False)
        self.projection_head.weight.data.copy_(head)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (batch, dim) features of (batch, length) token ids."""
        states: list[Tensor] = []
        blocks = self.model.encoder.layer
        # registered last, so that a patch on the same block is seen
        hooks = [b.register_forward_hook(lambda _m, _a, o: states.append(take_states(o))) for b in blocks[:2]]
        try:
            last = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        finally:
            for hook in hooks:
                hook.remove()
        return self.pool([*states[:2], last], mask)

    def pool(self, states: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Return (batch, dim) features of the states of layers 1, 2 and the last."""
        mean = torch.stack(list(states)).mean(dim=0)
        real = mask[:, :, None].to(mean.dtype)
        features: Tensor = self.projection_head((mean * real).sum(dim=1) / real.sum(dim=1))
        return features


class MedTower(StackTower):
    """Goes on from a layer with the states of layers 1 and 2 of the run itself where they lie below it."""

    def __init__(self, text: MedText, encode: Any, pad_id: int) -> None:
        super().__init__(text, encode, causal=False, config=text.model.config)
        self.pad_id = pad_id

    def resume(
        self, states: Tensor, tokens: Tensor, layer: int, prefix: Sequence[Tensor] | None = None
    ) -> Tensor:
        """See ``TextTower``; a prefix is not taken."""
        if prefix is not None:
            raise ValueError("this tower keeps no prefix")
        text: MedText = self.module
        mask = (tokens != self.pad_id).long()
        by_layer = dict(enumerate(self.capture(tokens))) if layer > 1 else {}
        by_layer[layer] = states
        hooks = [
            block.register_forward_hook(lambda _m, _a, o, at=i: by_layer.update({at: take_states(o)}))
            for i, block in enumerate(self.blocks[layer:], start=layer + 1)
        ]
        try:
            with self._replace_below(states, layer):
                text.model(input_ids=tokens, attention_mask=mask)
        finally:
            for hook in hooks:
                hook.remove()
        return text.pool([by_layer[1], by_layer[2], by_layer[self.depth]], mask)


class MedEncoder(BertPairEncoder):
    """A ``BertPairEncoder`` with MedCLIP's tower."""

    def _make_tower(self, text: Any, config: Any) -> TextTower:
        return MedTower(text, self._encode, int(self.tokenizer.pad_token_id))


class MedSwin(nn.Module):
    """MedCLIP's Swin image encoder; parameters are named as in the package."""

    def __init__(self, swin: Any) -> None:
        super().__init__()
        self.model = swin
        self.projection_head = nn.Linear(swin.num_features, 512, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (batch, 512) features of (batch, 1, 224, 224) pixels."""
        features: Tensor = self.projection_head(self.model(pixels.repeat(1, 3, 1, 1)).pooler_output)
        return features


class MedResnet(nn.Module):
    """MedCLIP's ResNet-50 image encoder; parameters are named as in the package."""

    def __init__(self) -> None:
        super().__init__()
        self.model = need("torchvision", "torchvision").models.resnet50()
        self.model.fc = nn.Linear(self.model.fc.in_features, 512, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (batch, 512) features of (batch, 1, 224, 224) pixels."""
        features: Tensor = self.model(pixels.repeat(1, 3, 1, 1))
        return features


def prepare_image(picture: Any) -> Tensor:
    """Turn a PIL image into (1, 224, 224): grey, padded to a square with black, resized, normalised."""
    import numpy as np
    from PIL import Image

    side = max(SIZE, *picture.size)
    square = Image.new("L", (side, side), 0)
    width, height = picture.size
    square.paste(picture.convert("L"), ((side - width) // 2, (side - height) // 2))
    pixels = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return torch.from_numpy((pixels - np.float32(MEAN)) / np.float32(STD))[None]


def _load_images(kind: str, folder: Path, weights: dict[str, Tensor]) -> Any:
    where = folder / FILE
    if kind == "resnet":
        images: Any = MedResnet()
        fill(images, weights, where)
        return images
    images = MedSwin(load_hf(folder / "swin", SWIN, take_part(weights, "model."), where))
    fill(images.projection_head, take_part(weights, "projection_head."), where)
    return images
