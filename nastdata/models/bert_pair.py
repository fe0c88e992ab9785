"""Dual encoders that come as a BERT and an image encoder: BioViL-T, MedCLIP and PMC-CLIP share this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import cut_padding, first_line, need, normalize
from nastdata.models.open_clip_weights import read_weights
from nastdata.models.towers import StackTower, TextTower

LORA = r"text\..*encoder\.layer\.\d+\..*(query|key|value|dense)"
WEIGHTS = "model.safetensors"


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
        cut_end: str = "",
    ) -> None:
        self.spec = self._base = spec
        self.tokenizer, self._cut_end = tokenizer, cut_end
        self.model = torch.nn.ModuleDict({"text": text, "image": images})
        self._encode_text, self._encode_image, self._transform = encode_text, encode_image, transform
        self._scale = scale
        config = next(m.config for m in text.modules() if hasattr(m, "config"))
        self.text: TextTower = self._make_tower(text, config)
        self.lora_targets = LORA
        self.context_length = int(config.max_position_embeddings)
        self.pad_id = int(tokenizer.pad_token_id)

    def _make_tower(self, text: Any, config: Any) -> TextTower:
        return StackTower(text, self._encode, causal=False, config=config)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """See ``DualEncoder``."""
        texts = [text.rstrip(self._cut_end) for text in texts]
        tokens: Tensor = self.tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]
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
        """See ``DualEncoder``: weights only; they are read over the package's own."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {k: v.detach().cpu().contiguous().clone() for k, v in self.model.state_dict().items()}
        save_file(weights, str(folder / WEIGHTS))
        return f"{self._base}@{folder}"

    def load(self, folder: Path) -> None:
        """Read weights that ``save`` wrote.

        Raises:
            UserError: if they are not there, or of another model.
        """
        if not (folder / WEIGHTS).is_file():
            raise UserError("no weights here", where=str(folder / WEIGHTS), how="they follow the last @")
        fill(self.model, read_weights(folder / WEIGHTS), folder / WEIGHTS)
        self.spec = f"{self._base}@{folder}"

    def _encode(self, tokens: Tensor) -> Tensor:
        return self._encode_text(tokens, (tokens != self.pad_id).long())


def load_hf(folder: Path, hub: str, weights: Mapping[str, Tensor], where: Path) -> Any:
    """Return a model of transformers with weights of any version of it.

    Args:
        folder: Of its configuration; if there is none, ``hub`` names one of the Hub.
        hub: See ``folder``.
        weights: By the names that they had in the version which wrote them.
        where: The file that they are from.

    Raises:
        UserError: if the configuration can't be had, or the weights don't fit it.
    """
    transformers = need("transformers", "transformers")
    config = _read(transformers.AutoConfig, folder, hub)
    kind = type(transformers.AutoModel.from_config(config))
    try:
        # only from_pretrained knows how names have changed between versions
        model, found = kind.from_pretrained(
            None, config=config, state_dict=dict(weights), output_loading_info=True
        )
    except (RuntimeError, ValueError) as e:
        raise UserError(f"weights that don't fit ({first_line(e)})", where=str(where)) from e
    wrong = [*found["missing_keys"], *found["mismatched_keys"]]
    wrong += [n for n in found["unexpected_keys"] if not n.endswith(BUFFERS)]
    if wrong:
        raise UserError(f"{len(wrong)} weights that don't fit, first {wrong[0]}", where=str(where))
    return model


def load_tokenizer(folder: Path, hub: str) -> Any:
    """Return a tokenizer, from a local folder or the Hub.

    Raises:
        UserError: if it can't be had.
    """
    return _read(need("transformers", "transformers").AutoTokenizer, folder, hub)


def _read(kind: Any, folder: Path, hub: str) -> Any:
    source = str(folder) if folder.is_dir() else hub
    try:
        return kind.from_pretrained(source)
    except (OSError, ValueError) as e:
        how = f"without a network, put its config.json and tokenizer files into {folder}"
        raise UserError(f"{source} can't be had ({first_line(e)})", where=str(folder), how=how) from e


def take_part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}


def fill(module: Any, weights: Mapping[str, Tensor], where: Path) -> None:
    """Read weights into a module; buffers that only some versions keep may be missing or too many.

    Raises:
        UserError: if a weight is missing, of another shape, or unknown.
    """
    try:
        found = module.load_state_dict(dict(weights), strict=False)
    except RuntimeError as e:
        raise UserError(
            f"weights that don't fit ({str(e).splitlines()[-1].strip()[:200]})", where=str(where)
        ) from e
    own = dict(module.named_parameters())
    wrong = [n for n in found.missing_keys if n in own]
    wrong += [n for n in found.unexpected_keys if not n.endswith(BUFFERS)]
    if wrong:
        raise UserError(f"{len(wrong)} weights that don't fit, first {wrong[0]}", where=str(where))


BUFFERS = ("position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked")
