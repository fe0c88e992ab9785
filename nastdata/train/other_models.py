"""BioViL-T (hi-ml-multimodal) and MedCLIP, where their packages are installed.

Both are BERT text encoders with a projection; they load their own weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError, name_nearest
from nastdata.train.models import DualEncoder, cut_padding, need, normalize
from nastdata.train.towers import StackTower, TextTower

LORA = r".*encoder\.layer\.\d+\..*(query|key|value|dense)"


class BertPairEncoder:
    """A BERT text encoder and an image encoder that come as two modules."""

    def __init__(
        self,
        spec: str,
        text: Any,
        images: Any,
        tokenizer: Any,
        encode_text: Callable[[Tensor, Tensor], Tensor],
        encode_image: Callable[[Tensor], Tensor],
        transform: Callable[[Any], Tensor],
        scale: float,
    ) -> None:
        self.spec, self.tokenizer = spec, tokenizer
        self.model = torch.nn.ModuleDict({"text": text, "image": images})
        self._encode_text, self._encode_image, self._transform = encode_text, encode_image, transform
        self._scale = scale
        config = text.config if hasattr(text, "config") else text.model.config
        self.text: TextTower = StackTower(text, self._encode, causal=False, config=config)
        self.lora_targets = LORA
        self.context_length = int(config.max_position_embeddings)
        self.pad_id = int(tokenizer.pad_token_id)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """See ``DualEncoder``."""
        tokens: Tensor = self.tokenizer(list(texts), padding=True, return_tensors="pt")["input_ids"]
        if tokens.shape[1] > self.context_length:
            longest = max(texts, key=len)
            raise UserError(f"a text is longer than {self.context_length} tokens", where=longest[:80])
        return cut_padding(tokens, self.pad_id)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return normalize(self._encode(tokens))

    def encode_images(self, pixels: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return normalize(self._encode_image(pixels))

    def preprocess(self, image: Any) -> Tensor:
        """See ``DualEncoder``."""
        return self._transform(image)

    def split_tokens(self, tokens: Tensor) -> list[str]:
        """See ``DualEncoder``."""
        return [str(t) for t in self.tokenizer.convert_ids_to_tokens(tokens.tolist())]

    @property
    def scale(self) -> float:
        """See ``DualEncoder``."""
        return self._scale

    def save(self, folder: Path) -> str:
        """See ``DualEncoder``: weights only, to be loaded into the package's own model."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {k: v.detach().cpu().contiguous().clone() for k, v in self.model.state_dict().items()}
        save_file(weights, str(folder / "model.safetensors"))
        return self.spec

    def _encode(self, tokens: Tensor) -> Tensor:
        return self._encode_text(tokens, (tokens != self.pad_id).long())


def load_biovil(name: str) -> DualEncoder:
    """Load ``biovil`` or ``biovil-t``.

    Raises:
        UserError: if hi-ml-multimodal is not installed, or has no such model.
    """
    need("health_multimodal", "hi-ml-multimodal")
    from health_multimodal.image.data.transforms import create_chest_xray_transform_for_inference
    from health_multimodal.image.utils import ImageModelType, get_image_inference
    from health_multimodal.text.utils import BertEncoderType, get_bert_inference

    kinds = {"biovil": ("BIOVIL", "CXR_BERT"), "biovil-t": ("BIOVIL_T", "BIOVIL_T_BERT")}
    if name not in kinds:
        raise UserError("hi-ml has no such model", where=name, how=name_nearest(name, kinds))
    image_kind, text_kind = kinds[name]
    text = get_bert_inference(BertEncoderType[text_kind])
    image = get_image_inference(ImageModelType[image_kind])
    transform = create_chest_xray_transform_for_inference(resize=512, center_crop_size=448)
    return BertPairEncoder(
        f"hi-ml:{name}",
        text.model,
        image.model,
        text.tokenizer.tokenizer if hasattr(text.tokenizer, "tokenizer") else text.tokenizer,
        lambda ids, mask: text.model.get_projected_text_embeddings(input_ids=ids, attention_mask=mask),
        lambda pixels: image.model(pixels).projected_global_embedding,
        lambda picture: transform(picture.convert("L")),
        scale=1 / 0.07,
    )


def load_med(name: str) -> DualEncoder:
    """Load MedCLIP with a ``vit`` or ``resnet`` image tower.

    Raises:
        UserError: if medclip is not installed, or has no such tower.
    """
    medclip = need("medclip", "medclip")
    towers = {"vit": "MedCLIPVisionModelViT", "resnet": "MedCLIPVisionModel"}
    if name not in towers:
        raise UserError("medclip has no such image tower", where=name, how=name_nearest(name, towers))
    model = medclip.MedCLIPModel(vision_cls=getattr(medclip, towers[name]))
    model.from_pretrained()
    processor = medclip.MedCLIPProcessor()
    return BertPairEncoder(
        f"medclip:{name}",
        model.text_model,
        model.vision_model,
        processor.tokenizer,
        lambda ids, mask: model.encode_text(ids, mask),
        lambda pixels: model.encode_image(pixels),
        lambda picture: processor(images=picture, return_tensors="pt")["pixel_values"][0],
        scale=float(model.logit_scale.exp()),
    )
