"""BioViL and BioViL-T, through hi-ml-multimodal."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from nastdata.errors import UserError, name_nearest
from nastdata.models.base import DualEncoder, first_line, need
from nastdata.models.bert_pair import BertPairEncoder


def load(name: str) -> DualEncoder:
    """Load ``biovil`` or ``biovil-t``; ``biovil-t@FOLDER`` with the weights that ``nastdata train`` wrote.

    The package's own text engine cuts the full stop off and sends the class token of the last layer through
    the projection; here too, without its masked-word head and its tokenizer call that transformers 5 lacks.

    Raises:
        UserError: if hi-ml-multimodal is not installed, or has no such model.
    """
    with warnings.catch_warnings():
        # it imports timm by an old path
        warnings.simplefilter("ignore", FutureWarning)
        need("health_multimodal", "hi-ml-multimodal")
        from health_multimodal.image.data.io import remap_to_uint8
        from health_multimodal.image.utils import ImageModelType, get_image_inference
        from health_multimodal.text.utils import BertEncoderType, get_bert_inference

    kinds = {"biovil": ("BIOVIL", "CXR_BERT"), "biovil-t": ("BIOVIL_T", "BIOVIL_T_BERT")}
    kind, _, tuned = name.partition("@")
    if kind not in kinds:
        raise UserError("hi-ml has no such model", where=name, how=name_nearest(kind, kinds))
    image_kind, text_kind = kinds[kind]
    try:
        text = get_bert_inference(BertEncoderType[text_kind])
        image = get_image_inference(ImageModelType[image_kind])
    except (OSError, RuntimeError, ValueError) as e:
        raise UserError(f"the model can't be loaded ({first_line(e)})", where=f"hi-ml:{name}") from e

    def encode(ids: Tensor, mask: Tensor) -> Tensor:
        states = text.model.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        features: Tensor = text.model.cls_projection_head(states[:, 0])
        return features

    def transform(picture: Any) -> Tensor:
        from PIL import Image

        pixels: Tensor = image.transform(Image.fromarray(remap_to_uint8(np.array(picture))).convert("L"))
        return pixels

    encoder = BertPairEncoder(
        f"hi-ml:{kind}",
        text.model,
        image.model,
        text.tokenizer,
        encode,
        lambda pixels: image.model(pixels).projected_global_embedding,
        transform,
        scale=1 / 0.07,
        cut_end="!?.",
    )
    if tuned:
        encoder.load(Path(tuned))
    return encoder
