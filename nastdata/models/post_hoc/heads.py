"""What stands behind a frozen text tower: a rule's standard scores, or a linear map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nastdata.models.base import normalize
from nastdata.models.post_hoc.reference import LEAST_SPREAD, Reference
from nastdata.models.post_hoc.rules import Rule

Embed = Callable[[Sequence[str]], Tensor]
"""Texts to (texts, dim) features of the frozen tower."""
LARGEST = 2**0.5 / LEAST_SPREAD
"""No text's vector and constant are longer: similarities are at most 1 in size, weights add up to 1."""


class Head(Protocol):
    """Gives texts and images the features that are compared; all of length 1."""

    module: nn.Module
    """Its tensors."""
    wider: bool
    """Whether images have two dimensions more than the image tower gives."""

    def read(self, texts: Sequence[str], embed: Embed) -> Tensor:
        """Return (texts, n)."""
        ...

    def look(self, images: Tensor) -> Tensor:
        """Return (images, n) of the image tower's (images, dim) features."""
        ...


class RuleHead:
    """Scores a text by the scores of affirmations above their mean, summed with their weights.

    A sum with a constant term is no cosine. So images get a dimension that is always 1, which meets the
    constant, and one that is always 0, which meets what a text's vector lacks in length: every similarity is
    the sum times one and the same number, and ranks in both directions are those of the sums.
    """

    wider = True

    def __init__(self, rule: Rule, reference: Reference, power: float = 1.0) -> None:
        self.rule = rule
        self.module = nn.Module()
        self.module.register_buffer("mean", reference.mean)
        self.module.register_buffer("covariance", reference.covariance)
        self.module.register_buffer("power", torch.tensor(power))

    def read(self, texts: Sequence[str], embed: Embed) -> Tensor:
        """See ``Head``."""
        features = self.score(texts, embed) / LARGEST
        rest = (1 - features.square().sum(dim=-1, keepdim=True)).clamp_min(0).sqrt()
        return torch.cat([features, rest], dim=-1)

    def score(self, texts: Sequence[str], embed: Embed) -> Tensor:
        """Return (texts, dim + 1): vectors and constants of the sums, as they are."""
        terms = [self.rule(text) for text in texts]
        distinct = list(dict.fromkeys(t.text for some in terms for t in some))
        number = {text: i for i, text in enumerate(distinct)}
        tensors: Any = self.module
        vectors, constants = Reference(tensors.mean, tensors.covariance).standardise(
            embed(distinct), float(tensors.power)
        )
        whole = torch.cat([vectors, constants[:, None]], dim=-1)
        weights = torch.zeros(len(texts), len(distinct), dtype=whole.dtype, device=whole.device)
        for i, some in enumerate(terms):
            for term in some:
                weights[i, number[term.text]] += term.weight
        return weights @ whole

    def look(self, images: Tensor) -> Tensor:
        """See ``Head``."""
        ones = torch.ones(len(images), 1, dtype=images.dtype, device=images.device)
        return torch.cat([images, ones, torch.zeros_like(ones)], dim=-1) / 2**0.5


class LinearHead:
    """A linear probe: one map behind the frozen text tower, at first the identity."""

    wider = False

    def __init__(self, dim: int) -> None:
        layer = nn.Linear(dim, dim)
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
        self.module: nn.Module = layer

    def read(self, texts: Sequence[str], embed: Embed) -> Tensor:
        """See ``Head``; differentiable in the map."""
        return normalize(self.module(embed(texts)))

    def look(self, images: Tensor) -> Tensor:
        """See ``Head``."""
        return images
