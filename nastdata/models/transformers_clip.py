"""Dual encoders of transformers: CLIP, SigLIP, and an image tower joined with a BERT.

PubMedCLIP, ConCLIP and many others come in the first form; RAD-DINO or another DINOv2 can be joined with a
text tower by ``VisionTextDualEncoderModel``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, first_line, need, normalize
from nastdata.models.bert_pair import BertPairEncoder
from nastdata.models.towers import StackTower, TextTower

JOINED = "vision-text-dual-encoder"
KINDS = ("clip", "siglip", "siglip2", JOINED)


class HfEncoder:
    """A dual encoder of transformers with its tokenizer and image processor."""

    def __init__(self, spec: str, model: Any, tokenizer: Any, processor: Any) -> None:
        self.spec, self.model, self.tokenizer, self.processor = spec, model, tokenizer, processor
        config = model.config.text_config
        causal = model.config.model_type == "clip"
        self.text: TextTower = StackTower(model.text_model, self._encode, causal=causal, config=config)
        self.lora_targets = r"text_model\.encoder\.layers\.\d+\.(self_attn\.\w+_proj|mlp\.fc[12])"
        self.context_length = int(config.max_position_embeddings)
        self.pad_id = int(tokenizer.pad_token_id or 0)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """See ``DualEncoder``; SigLIP was trained with padding up to its context and keeps it."""
        found = self.tokenizer(list(texts))["input_ids"]
        for text, ids in zip(texts, found, strict=True):
            if len(ids) > self.context_length:
                what = f"a text has {len(ids)} tokens, the model reads {self.context_length}"
                raise UserError(what, where=text[:80], how="shorten it, or use a model with a longer context")
        padding: bool | str = True if self.text.causal else "max_length"
        padded = self.tokenizer(
            list(texts),
            padding=padding,
            max_length=self.context_length if padding is not True else None,
            return_tensors="pt",
        )
        tokens: Tensor = padded["input_ids"]
        return tokens

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return normalize(self._encode(tokens))

    def encode_images(self, pixels: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return normalize(_pooled(self.model.get_image_features(**self._unpack(pixels))))

    def preprocess(self, image: Any) -> Tensor:
        """See ``DualEncoder``."""
        found = self.processor(images=image.convert("RGB"), return_tensors="pt")
        pixels: Tensor = found["pixel_values"][0]
        if "spatial_shapes" not in found:
            return pixels
        # SigLIP 2 of any aspect ratio: patches, which of them are padding, and their grid, in one tensor.
        mask = found["pixel_attention_mask"][0].to(pixels.dtype).unsqueeze(-1)
        shape = found["spatial_shapes"][0].to(pixels.dtype).expand(len(pixels), 2)
        return torch.cat([pixels, mask, shape], dim=-1)

    def split_tokens(self, tokens: Tensor) -> list[str]:
        """See ``DualEncoder``."""
        return [str(t).replace("</w>", "") for t in self.tokenizer.convert_ids_to_tokens(tokens.tolist())]

    @property
    def scale(self) -> float:
        """See ``DualEncoder``."""
        return float(self.model.logit_scale.exp())

    def save(self, folder: Path) -> str:
        """See ``DualEncoder``."""
        for part in (self.model, self.tokenizer, self.processor):
            part.save_pretrained(folder)
        return f"transformers:{folder}"

    def _unpack(self, pixels: Tensor) -> dict[str, Tensor]:
        if pixels.dim() != 3:
            return {"pixel_values": pixels}
        return {
            "pixel_values": pixels[..., :-3],
            "pixel_attention_mask": pixels[..., -3].long(),
            "spatial_shapes": pixels[:, 0, -2:].round().long(),
        }

    def _encode(self, tokens: Tensor) -> Tensor:
        return _pooled(self.model.get_text_features(input_ids=tokens))


class JoinedEncoder(BertPairEncoder):
    """An image tower and a BERT with a projection each, saved as one model of transformers."""

    def __init__(self, spec: str, model: Any, tokenizer: Any, processor: Any) -> None:
        super().__init__(
            spec,
            torch.nn.ModuleList([model.text_model, model.text_projection]),
            torch.nn.ModuleList([model.vision_model, model.visual_projection]),
            tokenizer,
            lambda tokens, mask: _pooled(model.get_text_features(input_ids=tokens, attention_mask=mask)),
            lambda pixels: _pooled(model.get_image_features(pixel_values=pixels)),
            lambda image: processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"][0],
            float(model.logit_scale.detach().exp()),
        )
        self._parts = (model, tokenizer, processor)

    def save(self, folder: Path) -> str:
        """See ``DualEncoder``."""
        for part in self._parts:
            part.save_pretrained(folder)
        return f"transformers:{folder}"


def load(name: str) -> DualEncoder:
    """Load a folder or a model of the Hub.

    Raises:
        UserError: if it can't be had, or is no CLIP or SigLIP.
    """
    transformers = need("transformers", "transformers")
    try:
        config = transformers.AutoConfig.from_pretrained(name)
        if config.model_type not in KINDS:
            raise UserError(
                f"a {config.model_type} model is no dual encoder",
                where=name,
                how=f"known: {', '.join(KINDS)}",
            )
        joined = config.model_type == JOINED
        kind = transformers.VisionTextDualEncoderModel if joined else transformers.AutoModel
        model = kind.from_pretrained(name)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        processor = transformers.AutoImageProcessor.from_pretrained(name)
    except (OSError, ValueError, RuntimeError) as e:
        raise UserError(f"the model can't be loaded ({first_line(e)})", where=f"transformers:{name}") from e
    make = JoinedEncoder if joined else HfEncoder
    return make(f"transformers:{name}", model, tokenizer, processor)


def _pooled(out: Any) -> Tensor:
    """Version 5 returns an output object, older versions the tensor."""
    return out if isinstance(out, Tensor) else out.pooler_output
