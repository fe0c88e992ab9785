"""Dual encoders of every kind behind one small protocol, and how to name one on the command line.

``open_clip:ViT-B-32@openai``, ``open_clip:ViT-B-32@/weights/negclip.pth``, ``open_clip:hf-hub:ORG/NAME``,
``open_clip:/folder``, ``transformers:ORG/NAME`` or ``transformers:/folder``, ``hi-ml:biovil-t``,
``medclip:vit``. Adapters import their libraries when they are used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from nastdata.errors import UserError, name_nearest
from nastdata.train.towers import NativeTower, StackTower, TextTower


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


def load_encoder(spec: str, device: str = "cpu") -> DualEncoder:
    """Load a model by its name.

    Raises:
        UserError: if the kind is unknown, its library is missing, or the weights can't be had.
    """
    kind, colon, name = spec.partition(":")
    if not colon or kind not in LOADERS:
        how = name_nearest(kind, LOADERS) + "; e.g. open_clip:ViT-B-32@openai"
        raise UserError("no such kind of model", where=spec, how=how)
    encoder = LOADERS[kind](name)
    encoder.model.eval().to(device)
    for parameter in encoder.model.parameters():
        parameter.requires_grad_(False)
    return encoder


class OpenClipEncoder:
    """A model of open_clip, with its own or a Hugging Face text tower."""

    def __init__(
        self,
        spec: str,
        model: Any,
        tokenizer: Any,
        preprocess: Callable[[Any], Tensor],
        config: dict[str, Any] | None = None,
    ) -> None:
        self.spec, self.model, self.tokenizer, self._preprocess = spec, model, tokenizer, preprocess
        self.config = config or {}
        module = getattr(model, "text", model)
        if hasattr(module, "config"):
            self.text: TextTower = StackTower(module, model.encode_text, causal=False, config=module.config)
            self.lora_targets = (
                r"text\.transformer\..*(query|key|value|attention\.output\.dense|"
                r"intermediate\.dense|layer\.\d+\.output\.dense)"
            )
            self.pad: int | None = int(module.config.pad_token_id)
        else:
            self.text = NativeTower(module)
            prefix = r"text\." if module is not model else ""
            self.lora_targets = prefix + r"transformer\.resblocks\.\d+\.(attn|mlp\.c_fc|mlp\.c_proj)"
            self.pad = 0 if self.text.can_cut else None
        self.pad_id = self.pad or 0
        given = getattr(tokenizer, "context_length", None)
        self.context_length = int(given or module.context_length)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """See ``DualEncoder``."""
        for text in texts:
            n = self._count(text)
            if n > self.context_length:
                what = f"a text has {n} tokens, the model reads {self.context_length}"
                raise UserError(what, where=text[:80], how="shorten it, or use a model with a longer context")
        tokens = self.tokenizer(list(texts))
        return tokens if self.pad is None else cut_padding(tokens, self.pad)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        if isinstance(self.text, NativeTower):
            m = self.text.module
            x = m.token_embedding(tokens) + m.positional_embedding[: tokens.shape[1]]
            return normalize(self.text.resume(x, tokens, 0))
        return normalize(self.model.encode_text(tokens))

    def encode_images(self, pixels: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return normalize(self.model.encode_image(pixels))

    def preprocess(self, image: Any) -> Tensor:
        """See ``DualEncoder``."""
        return self._preprocess(image)

    def split_tokens(self, tokens: Tensor) -> list[str]:
        """See ``DualEncoder``."""
        inner = getattr(self.tokenizer, "tokenizer", None)
        if inner is not None:
            return [str(t) for t in inner.convert_ids_to_tokens(tokens.tolist())]
        return [self.tokenizer.decoder[int(t)].replace("</w>", "") for t in tokens]

    @property
    def scale(self) -> float:
        """See ``DualEncoder``."""
        return float(self.model.logit_scale.exp())

    def save(self, folder: Path) -> str:
        """See ``DualEncoder``: a folder in the Hub's layout, which open_clip reads as ``local-dir:``."""
        from safetensors.torch import save_file

        if not self.config:
            raise UserError(
                "the model's configuration isn't known, so that it can't be written", where=self.spec
            )
        folder.mkdir(parents=True, exist_ok=True)
        weights = {k: v.detach().cpu().contiguous().clone() for k, v in self.model.state_dict().items()}
        save_file(weights, str(folder / "open_clip_model.safetensors"))
        (folder / "open_clip_config.json").write_text(
            json.dumps(self.config, indent=1) + "\n", encoding="utf-8"
        )
        inner = getattr(self.tokenizer, "tokenizer", None)
        if inner is not None:
            inner.save_pretrained(folder)
        return f"open_clip:{folder}"

    def _count(self, text: str) -> int:
        inner = getattr(self.tokenizer, "tokenizer", None)
        if inner is not None:
            return len(inner(text)["input_ids"])
        return len(self.tokenizer.encode(text)) + 2


def normalize(features: Tensor) -> Tensor:
    """Return float32 features of length 1."""
    return torch.nn.functional.normalize(features.float(), dim=-1)


def cut_padding(tokens: Tensor, pad: int) -> Tensor:
    """Leave off the columns that hold padding in every row."""
    longest = int((tokens != pad).sum(dim=1).max())
    return tokens[:, :longest]


def load_open_clip(name: str) -> DualEncoder:
    """Load ``ARCH@WEIGHTS``, ``ARCH`` (random weights), ``hf-hub:ORG/NAME`` or a folder.

    A folder holds ``open_clip_config.json`` and weights, as ``nastdata train`` writes it and the Hub has it.
    """
    open_clip = need("open_clip", "open_clip_torch")
    arch, _, weights = name.partition("@")
    folder = Path(arch.removeprefix("local-dir:"))
    if folder.is_dir():
        arch = f"local-dir:{folder}"
    elif "/" in arch and not arch.startswith("hf-hub:"):
        raise UserError("no such folder", where=arch, how="hub models are named open_clip:hf-hub:ORG/NAME")
    elif ":" not in arch and arch not in open_clip.list_models():
        raise UserError(
            "open_clip knows no such model", where=arch, how=name_nearest(arch, open_clip.list_models())
        )
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(arch, pretrained=weights or None)
        tokenizer = open_clip.get_tokenizer(arch)
    except (OSError, RuntimeError, ValueError, KeyError) as e:
        raise UserError(f"the model can't be loaded ({first_line(e)})", where=f"open_clip:{name}") from e
    return OpenClipEncoder(
        f"open_clip:{name}", model, tokenizer, preprocess, _read_config(open_clip, arch, model)
    )


def _read_config(open_clip: Any, arch: str, model: Any) -> dict[str, Any]:
    """Return what ``open_clip_config.json`` holds for a loaded model."""
    if arch.startswith("local-dir:"):
        path = Path(arch.removeprefix("local-dir:")) / "open_clip_config.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    if arch.startswith("hf-hub:"):
        from open_clip.factory import _get_hf_config

        return dict(_get_hf_config(arch.removeprefix("hf-hub:")))
    seen = getattr(model.visual, "preprocess_cfg", {})
    return {"model_cfg": open_clip.get_model_config(arch), "preprocess_cfg": seen}


def load_transformers(name: str) -> DualEncoder:
    """Load a CLIP or SigLIP of transformers."""
    from nastdata.train.hf_models import load_hf

    return load_hf(name)


def load_hi_ml(name: str) -> DualEncoder:
    """Load BioViL or BioViL-T through hi-ml-multimodal."""
    from nastdata.train.other_models import load_biovil

    return load_biovil(name)


def load_medclip(name: str) -> DualEncoder:
    """Load MedCLIP through its own package."""
    from nastdata.train.other_models import load_med

    return load_med(name)


LOADERS: dict[str, Callable[[str], DualEncoder]] = {
    "open_clip": load_open_clip,
    "transformers": load_transformers,
    "hi-ml": load_hi_ml,
    "medclip": load_medclip,
}


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
