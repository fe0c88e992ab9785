"""A dual encoder with a head behind its frozen text tower, and the folder that it is kept in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nastdata.errors import UserError
from nastdata.models.base import IMAGE_PARTS, DualEncoder, fingerprint_images, fingerprint_text
from nastdata.models.post_hoc.heads import Head, LinearHead, RuleHead
from nastdata.models.post_hoc.reference import Reference
from nastdata.models.post_hoc.rules import RuleName, Rules
from nastdata.models.text_features import TextReader
from nastdata.ontology import load_ontology
from nastdata.text_input.plain_files import read_file

FILES = ("post_hoc.json", "head.safetensors", "ontology.yaml")
MOST_BYTES = 1 << 20
KEPT = 100_000
"""Texts whose frozen features are kept."""


class PostHocEncoder:
    """Texts go through the tower as numbers of what was handed in, so that the head sees the words.

    Args:
        spec: how it was named.
        inner: the encoder; it is left as it is.
        head: what stands behind its text tower.
        about: the rule's name, and what else its folder tells.
        ontology: the file of the ontology that a rule reads with; empty for a linear map.
    """

    lora_targets = ""
    context_length = 10**6
    pad_id = 0

    def __init__(
        self, spec: str, inner: DualEncoder, head: Head, about: dict[str, str], ontology: bytes = b""
    ) -> None:
        self.spec, self.inner, self.head, self.about, self._ontology = spec, inner, head, about, ontology
        self.model: Any = nn.Module()
        self.model.inner, self.model.head = inner.model, head.module
        if head.wider:
            # features of images are other ones than the tower's, and are cached as such
            mark = hashlib.sha256(f"post-hoc {fingerprint_images(inner)}".encode()).digest()
            self.model.register_buffer("image_identity", torch.tensor(list(mark), dtype=torch.uint8))
        else:
            names = [n for n, _ in inner.model.named_children() if n.startswith(IMAGE_PARTS)]
            for name in names:
                setattr(self.model, name, getattr(inner.model, name))
        self._reader = TextReader(inner)
        self._texts: list[str] = []
        self._known: dict[str, Tensor] = {}

    @property
    def text(self) -> Any:
        """Refuse: the inner tower's states are not those of the scores.

        Raises:
            UserError: always.
        """
        raise UserError(
            "a model with a head behind its text tower can be evaluated, not traced, trained or explained",
            where=self.spec,
            how=f"use the model below it: {self.inner.spec}",
        )

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return (batch, 1) numbers of texts."""
        start = len(self._texts)
        self._texts += texts
        return torch.arange(start, start + len(texts)).unsqueeze(1)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return self.head.read([self._texts[int(i)] for i in tokens[:, 0]], self._embed)

    def encode_images(self, pixels: Tensor) -> Tensor:
        """See ``DualEncoder``."""
        return self.head.look(self.inner.encode_images(pixels))

    def preprocess(self, image: Any) -> Tensor:
        """See ``DualEncoder``."""
        return self.inner.preprocess(image)

    def split_tokens(self, tokens: Tensor) -> list[str]:
        """Refuse, as ``text`` does."""
        found: list[str] = self.text
        return found

    @property
    def scale(self) -> float:
        """See ``DualEncoder``."""
        return self.inner.scale

    def save(self, folder: Path) -> str:
        """Write the head; the model below it is named, not copied."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach().cpu().contiguous() for k, v in self.head.module.state_dict().items()}
        save_file(state, str(folder / FILES[1]))
        about = {**self.about, "base": self.inner.spec, "base_text_tower": fingerprint_text(self.inner)}
        (folder / FILES[0]).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        if self._ontology:
            (folder / FILES[2]).write_bytes(self._ontology)
        return f"post-hoc:{folder}"

    def _embed(self, texts: Sequence[str]) -> Tensor:
        """Return frozen features; those of a training run's texts are computed once."""
        missing = [t for t in dict.fromkeys(texts) if t not in self._known]
        if missing:
            if len(self._known) + len(missing) > KEPT:
                self._known.clear()
                missing = list(dict.fromkeys(texts))
            self._known.update(zip(missing, self._reader.embed(missing), strict=True))
        return torch.stack([self._known[t] for t in texts])


def make_rule_encoder(
    spec: str, inner: DualEncoder, rule: RuleName, reference: Reference, ontology: Path, power: float = 1.0
) -> PostHocEncoder:
    """Return an encoder that scores by a rule.

    Args:
        spec: how it is named.
        inner: the encoder below it.
        rule: the rule's name.
        reference: of images of which nothing need be known.
        ontology: file of the ontology that texts are read with.
        power: of the spread that scores are divided by (``Reference.standardise``).
    """
    head = RuleHead(Rules(load_ontology(str(ontology))).get(rule), reference, power)
    return PostHocEncoder(spec, inner, head, {"head": rule}, ontology.read_bytes())


def make_linear_encoder(spec: str, inner: DualEncoder) -> PostHocEncoder:
    """Return an encoder with a linear map behind its text tower, as yet the identity."""
    dim = int(TextReader(inner).embed(["No."]).shape[1])
    encoder = PostHocEncoder(spec, inner, LinearHead(dim), {"head": "linear"})
    encoder.model.head.to(next(inner.model.parameters()).device)
    return encoder


def load(name: str) -> DualEncoder:
    """Load a folder that ``nastdata train --set method=...`` wrote.

    Raises:
        UserError: if it is none, is damaged, or its base is another model than it was made of.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from nastdata.models.registry import load_encoder

    folder, spec = Path(name), f"post-hoc:{name}"
    if not (folder / FILES[0]).is_file() or not (folder / FILES[1]).is_file():
        how = "nastdata train --set method=flip (or rewrite, ensemble, linear) writes one: RUN/model"
        raise UserError("no post-hoc model here", where=spec, how=how)
    try:
        about = json.loads(read_file(folder / FILES[0], MOST_BYTES).decode())
        state = load_file(str(folder / FILES[1]))
        kind, base, tower = (str(about[k]) for k in ("head", "base", "base_text_tower"))
    except (SafetensorError, ValueError, KeyError, TypeError, OSError, RecursionError) as e:
        raise UserError("a damaged post-hoc model", where=spec, how="make it again") from e
    if kind not in ("linear", "flip", "rewrite", "ensemble"):
        raise UserError(f"no such head: '{kind}'", where=spec, how="make it again with this version")
    if base.startswith("post-hoc:"):
        raise UserError("a post-hoc model on a post-hoc model", where=spec, how="name the model itself")
    inner = load_encoder(base)
    if fingerprint_text(inner) != tower:
        raise UserError("the model below this head has changed", where=f"{spec}, {base}", how="make it again")
    try:
        found: DualEncoder = _build(spec, inner, kind, state, folder / FILES[2])
    except (RuntimeError, KeyError) as e:
        raise UserError("a head of another shape than its model", where=spec, how="make it again") from e
    return found


def _build(spec: str, inner: DualEncoder, kind: Any, state: dict[str, Tensor], ontology: Path) -> Any:
    if kind == "linear":
        encoder = make_linear_encoder(spec, inner)
        encoder.model.head.load_state_dict(state)
        return encoder
    dim = int(TextReader(inner).embed(["No."]).shape[1])
    if state["mean"].shape != (dim,) or state["covariance"].shape != (dim, dim):
        raise UserError("a head of another shape than its model", where=spec, how="make it again")
    reference, power = Reference(state["mean"], state["covariance"]), float(state["power"])
    return make_rule_encoder(spec, inner, kind, reference, ontology, power)
