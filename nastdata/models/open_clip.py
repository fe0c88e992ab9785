"""Models of open_clip: with its own or a Hugging Face text tower; from the Hub, a folder or a checkpoint."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from nastdata.errors import UserError, name_nearest
from nastdata.models.base import DualEncoder, cut_padding, first_line, need, normalize
from nastdata.models.open_clip_weights import load_weights
from nastdata.models.towers import NativeTower, StackTower, TextTower
from nastdata.offline import HOW, is_offline


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


def load(name: str) -> DualEncoder:
    """Load ``ARCH@TAG``, ``ARCH@FILE``, ``ARCH`` (random weights), ``hf-hub:ORG/NAME`` or a folder.

    A folder holds ``open_clip_config.json`` and weights, as ``nastdata train`` writes it and the Hub has it.
    A tag brings the activation that its weights were trained with (OpenAI's: QuickGELU), which open_clip
    itself only warns of; for a FILE the architecture's name decides, ``ViT-B-32-quickgelu``.
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
    file = _find_file(open_clip, arch, weights)
    quick = not file and bool((open_clip.get_pretrained_cfg(arch, weights) or {}).get("quick_gelu"))
    usual = logging.root.manager.disable
    try:
        if file:
            # it would warn that the weights are random, until they are read below
            logging.disable(logging.WARNING)
        model, _, preprocess = open_clip.create_model_and_transforms(
            arch, pretrained=None if file else weights or None, force_quick_gelu=quick
        )
        tokenizer = open_clip.get_tokenizer(arch)
    except (OSError, RuntimeError, ValueError, KeyError) as e:
        how = HOW if is_offline() and (arch.startswith("hf-hub:") or weights) else None
        raise UserError(
            f"the model can't be loaded ({first_line(e)})", where=f"open_clip:{name}", how=how
        ) from e
    finally:
        logging.disable(usual)
    if file:
        load_weights(model, file)
    config = _read_config(open_clip, arch, model)
    if quick:
        config["model_cfg"]["quick_gelu"] = True
    return OpenClipEncoder(f"open_clip:{name}", model, tokenizer, preprocess, config)


def _find_file(open_clip: Any, arch: str, weights: str) -> Path | None:
    """Return the checkpoint file that follows the @, or None where a tag (or nothing) does."""
    tags = open_clip.list_pretrained_tags_by_model(arch)
    if not weights or weights in tags:
        return None
    path = Path(weights)
    if path.is_file():
        return path
    if "/" in weights or path.suffix:
        raise UserError("no such checkpoint file", where=weights)
    raise UserError(
        f"open_clip has no such weights of {arch}", where=weights, how=name_nearest(weights, tags)
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
