"""Low-rank adapters through peft: put in, taken out, merged."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, need
from nastdata.training.settings import LoraSettings


def add_lora(encoder: DualEncoder, settings: LoraSettings, seed: int) -> Any:
    """Put adapters into the text tower's blocks, in place; only they will learn.

    Returns:
        peft's wrapper, whose base is ``encoder.model`` itself.

    Raises:
        UserError: if the model has no layer to put them into.
    """
    import torch

    peft = need("peft", "peft")
    torch.manual_seed(seed)
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=encoder.lora_targets,
        bias="none",
    )
    try:
        with warnings.catch_warnings():
            # peft asks transformers for a property that version 5 has renamed
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            model = peft.get_peft_model(encoder.model, config)
    except ValueError as e:
        what = "no layer of the text tower takes LoRA"
        raise UserError(what, where=f"{encoder.spec} ({encoder.lora_targets})") from e
    model.eval()
    return model


class BaseWeights:
    """Keeps the frozen weights below adapters exact.

    For ``nn.MultiheadAttention`` peft adds the adapter to the weight and subtracts it again in every forward
    pass; rounding then moves the frozen weight a little each time, and a resumed run would differ.
    """

    def __init__(self, model: Any) -> None:
        self._layers = [
            m for m in model.modules() if hasattr(m, "base_layer") and _is_attention(m.base_layer)
        ]
        self._kept = [[w.detach().clone() for w in _read_weights(layer)] for layer in self._layers]

    def restore(self) -> None:
        """Put the weights back as they were."""
        for layer, kept in zip(self._layers, self._kept, strict=True):
            for weight, value in zip(_read_weights(layer), kept, strict=True):
                weight.data.copy_(value)


def _is_attention(module: Any) -> bool:
    from torch import nn

    return isinstance(module, nn.MultiheadAttention)


def _read_weights(layer: Any) -> tuple[Tensor, Tensor]:
    base = layer.base_layer
    return base.in_proj_weight, base.out_proj.base_layer.weight


def read_state(model: Any) -> dict[str, Tensor]:
    """Return a copy of the adapters' weights."""
    from peft import get_peft_model_state_dict

    return {k: v.detach().cpu().clone() for k, v in get_peft_model_state_dict(model).items()}


def write_state(model: Any, state: dict[str, Tensor]) -> None:
    """Put the adapters' weights back."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, state)


def save_adapter(model: Any, folder: Path) -> None:
    """Write the adapters as peft does (safetensors and its configuration)."""
    model.save_pretrained(str(folder))


def merge(model: Any) -> None:
    """Add the adapters to the weights and take them out; ``encoder.model`` is plain again."""
    model.merge_and_unload()
