"""A small CLIP from scratch: 64 px images, a small convnet, twelve text layers; minutes on two cores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastdata.models.base import need
from nastdata.models.open_clip import OpenClipEncoder

CONFIG = Path(__file__).parent / "configs" / "phantom_clip.json"
MEAN, STD = (0.45, 0.45, 0.45), (0.25, 0.25, 0.25)


def make_encoder(seed: int, vision: Mapping[str, Any] | None = None, **text: Any) -> OpenClipEncoder:
    """Return an untrained encoder in open_clip's form.

    Args:
        seed: Of the weights.
        vision: Changes to the image tower's configuration, e.g. ``timm_model_name``, ``image_size``.
        text: Changes to the text tower's configuration.
    """
    import torch

    open_clip = need("open_clip", "open_clip_torch")
    config = json.loads(CONFIG.read_text(encoding="utf-8"))
    config["text_cfg"] |= text
    config["vision_cfg"] |= vision or {}
    torch.manual_seed(seed)
    model = open_clip.model.CLIP(**config)
    size = config["vision_cfg"]["image_size"]
    cfg = open_clip.transform.PreprocessCfg(size=size, mean=MEAN, std=STD)
    preprocess = open_clip.transform.image_transform_v2(cfg, is_train=False)
    tokenizer = open_clip.SimpleTokenizer(context_length=config["text_cfg"]["context_length"])
    written = {"model_cfg": config, "preprocess_cfg": {"size": size, "mean": list(MEAN), "std": list(STD)}}
    return OpenClipEncoder("open_clip:scratch", model, tokenizer, preprocess, written)
