"""Any encoder: an importable factory whose object has ``encode_image`` and ``encode_text``.

``python:MODULE:FACTORY`` or ``python:MODULE:FACTORY@ARGUMENT``; the module is found on Python's path or in
the working directory. The object needs two methods, nothing else:

    encode_image(images) -> (n, dim)      images: a list of PIL images, 8-bit grey or RGB
    encode_text(texts) -> (n, dim)        texts: a list of strings

Both may return numpy arrays, torch tensors or nested lists; the features are scaled to length 1 here.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, first_line, normalize

NEEDED = ("encode_image", "encode_text")
TAKES = (
    "encode_image gets a list of PIL images, encode_text a list of texts; for a model that takes tensors "
    "use nastdata.WrappedEncoder(model, preprocess, tokenize)"
)


class PythonEncoder:
    """A dual encoder that can be evaluated, and neither traced nor trained: its inside is not known.

    Texts and images go through as numbers of what was handed in, so that the object sees them as they are.

    Args:
        spec: how it was named.
        inner: the object.
    """

    lora_targets = ""
    context_length = 10**6
    pad_id = 0
    scale = 1.0
    """Similarities are compared, not turned into probabilities."""

    def __init__(self, spec: str, inner: Any) -> None:
        self.spec, self.inner = spec, inner
        self.model = _make_module(identify(spec, inner))
        self._texts: list[str] = []
        self._images: dict[int, Any] = {}
        self._dim: int | None = None

    @property
    def text(self) -> Any:
        """Refuse: the text tower is not known.

        Raises:
            UserError: always.
        """
        raise UserError(
            "only `nastdata evaluate` works with an encoder given as a Python object",
            where=self.spec,
            how="trace, train and explain need a model that nastdata loads itself",
        )

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return (batch, 1) numbers of texts."""
        start = len(self._texts)
        self._texts += texts
        return torch.arange(start, start + len(texts)).unsqueeze(1)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """Return (batch, dim) features of the texts with these numbers."""
        texts = [self._texts[int(i)] for i in tokens[:, 0]]
        return self._call("encode_text", texts).to(tokens.device)

    def preprocess(self, image: Any) -> Tensor:
        """Return the number of an image."""
        number = len(self._images) and max(self._images) + 1
        self._images[number] = image
        return torch.tensor([number])

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Return (batch, dim) features of the images with these numbers, which are forgotten."""
        images = [self._images.pop(int(i)) for i in pixels[:, 0]]
        return self._call("encode_image", images).to(pixels.device)

    def split_tokens(self, tokens: Tensor) -> list[str]:
        """Refuse, as ``text`` does."""
        return list(self.text)

    def save(self, folder: Path) -> str:
        """Refuse, as ``text`` does."""
        return str(self.text)

    def _call(self, method: str, items: list[Any]) -> Tensor:
        where = f"{self.spec}, {method}"
        try:
            with torch.no_grad():
                found = getattr(self.inner, method)(items)
        except Exception as e:
            raise UserError(f"it raised {type(e).__name__}: {first_line(e)}", where=where, how=TAKES) from e
        try:
            if isinstance(found, Tensor):
                features = found.detach().cpu().float()
            else:
                features = torch.from_numpy(np.asarray(found, dtype=np.float32))
        except (TypeError, ValueError) as e:
            raise UserError(f"it returned no array of numbers ({first_line(e)})", where=where) from e
        if features.dim() != 2 or len(features) != len(items):
            shape = tuple(features.shape)
            raise UserError(
                f"it returned the shape {shape} for {len(items)} inputs, not (n, dim)", where=where
            )
        if not torch.isfinite(features).all():
            raise UserError("it returned values that are no finite numbers", where=where)
        if self._dim not in (None, features.shape[1]):
            raise UserError(
                f"images and texts are of different dimensions: {self._dim} and {features.shape[1]}",
                where=where,
            )
        self._dim = int(features.shape[1])
        return normalize(features)


def identify(spec: str, inner: Any) -> str:
    """Return what cached features are kept under: the object's ``fingerprint``, its weights, or this process.

    An object with neither may differ between two runs, so its features are used in this one only.
    """
    given = getattr(inner, "fingerprint", None)
    if given is not None:
        return hashlib.sha256(f"{spec} {given() if callable(given) else given}".encode()).hexdigest()
    if isinstance(inner, torch.nn.Module) and inner.state_dict():
        digest = hashlib.sha256(spec.encode())
        for name, value in sorted(inner.state_dict().items()):
            digest.update(name.encode())
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()
    return hashlib.sha256(f"{spec} {os.getpid()} {time.time_ns()} {id(inner)}".encode()).hexdigest()


def _make_module(identity: str) -> Any:
    """Return a module that stands for the object wherever weights are hashed or moved."""
    module = torch.nn.Module()
    mark = torch.tensor(list(bytes.fromhex(identity)), dtype=torch.uint8)
    module.register_buffer("image_identity", mark)
    module.register_buffer("text_identity", mark.clone())
    module.register_parameter("text_place", torch.nn.Parameter(torch.zeros(1)))
    return module


def load(name: str) -> DualEncoder:
    """Import a factory and call it.

    Raises:
        UserError: if there is no such module or factory, it fails, or its object lacks a method.
    """
    spec = f"python:{name}"
    path, _, argument = name.partition("@")
    module_name, colon, factory_name = path.partition(":")
    if not colon or not module_name or not factory_name:
        raise UserError(
            "no module and factory", where=spec, how="python:MODULE:FACTORY, e.g. python:mine:load"
        )
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
        factory = getattr(module, factory_name, None)
        if factory is None:
            raise UserError(f"the module has no '{factory_name}'", where=spec)
        inner = (factory(argument) if argument else factory()) if callable(factory) else factory
    except UserError:
        raise
    except Exception as e:
        raise UserError(f"it raised {type(e).__name__}: {first_line(e)}", where=spec) from e
    finally:
        if added and here in sys.path:
            sys.path.remove(here)
    missing = [m for m in NEEDED if not callable(getattr(inner, m, None))]
    if missing:
        raise UserError(
            f"the object has no {' and no '.join(missing)}",
            where=spec,
            how="encode_image(list of PIL images) and encode_text(list of strings), each -> (n, dim)",
        )
    encoder: Any = PythonEncoder(spec, inner)
    found: DualEncoder = encoder
    return found
