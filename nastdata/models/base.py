"""What a dual encoder is, whatever library it comes from, and what its adapters share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.towers import TextTower


class DualEncoder(Protocol):
    """Images and texts in one space. Features are float32 and of length 1."""

    spec: str
    """How the model was named."""
    model: Any
    """The whole torch module."""
    text: TextTower
    lora_targets: str
    """Regular expression over the names of ``model``'s modules that LoRA goes into."""
    context_length: int
    pad_id: int
    """Token id that rows are padded with."""

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return (batch, length) token ids, without needless padding.

        Raises:
            UserError: if a text is longer than the context.
        """
        ...

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """Return (batch, dim) features; differentiable."""
        ...

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Return (batch, dim) features of (batch, channels, height, width) pixels."""
        ...

    def preprocess(self, image: Any) -> Tensor:
        """Turn a PIL image into (channels, height, width)."""
        ...

    def split_tokens(self, tokens: Tensor) -> list[str]:
        """Return the readable pieces of one row of token ids."""
        ...

    @property
    def scale(self) -> float:
        """The model's logit scale (inverse temperature)."""
        ...

    def save(self, folder: Path) -> str:
        """Write the whole model so that it can be loaded again; return its new name."""
        ...


def normalize(features: Tensor) -> Tensor:
    """Return float32 features of length 1."""
    return torch.nn.functional.normalize(features.float(), dim=-1)


def cut_padding(tokens: Tensor, pad: int) -> Tensor:
    """Leave off the columns that hold padding in every row."""
    longest = int((tokens != pad).sum(dim=1).max())
    return tokens[:, :longest]


def need(module: str, package: str) -> Any:
    """Import a library, or say in words which package brings it.

    Raises:
        UserError: if it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as e:
        raise UserError(f"{package} is not installed", where=module, how=f"pip install {package}") from e


def first_line(e: BaseException) -> str:
    """Return the first line of an error, short enough to print."""
    lines = str(e).strip().splitlines() or [type(e).__name__]
    return lines[0][:160]


def fingerprint_text(encoder: DualEncoder) -> str:
    """Return the sha256 of the text tower's weights: a trace belongs to one tower only."""
    return _hash_weights(encoder.model, lambda name: not name.startswith(IMAGE_PARTS))


def fingerprint_images(encoder: DualEncoder) -> str:
    """Return the sha256 of the image tower's weights: cached image features belong to it."""
    return _hash_weights(encoder.model, lambda name: name.startswith(IMAGE_PARTS))


IMAGE_PARTS = ("visual", "vision", "image")
"""How the names of image-tower weights begin, in every adapter."""


def _hash_weights(module: Any, wanted: Callable[[str], bool]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if wanted(name) and "logit_" not in name and "lora_" not in name:
            digest.update(name.replace(".base_layer", "").encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
