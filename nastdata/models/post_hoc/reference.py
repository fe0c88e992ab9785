"""What a score is held against: how it is spread over images of which nothing is known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_SPREAD = 1e-3
"""Of a text's similarities; one that hardly differs over images says nothing."""


@dataclass(frozen=True)
class Reference:
    """Mean and covariance of the features of reference images, without labels.

    With them the mean and spread of any text's similarity over those images are known, so that "1 - X" has a
    meaning: a text that scores above its own mean by as much as X scores below its own.
    """

    mean: Tensor
    """(dim,)."""
    covariance: Tensor
    """(dim, dim)."""

    @classmethod
    def measure(cls, images: Tensor) -> Reference:
        """Return the reference of (images, dim) features."""
        wide = images.double()
        mean = wide.mean(dim=0)
        around = wide - mean
        return cls(mean.float(), (around.T @ around / len(wide)).float())

    def standardise(self, texts: Tensor, power: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return (texts, dim) vectors and (texts,) offsets: image . vector + offset is the score.

        Args:
            texts: (texts, dim) features.
            power: 1: a standard score (less its mean, divided by its spread); 0: less its mean only; between
                them it is divided by spread ** power.
        """
        spread = torch.einsum("td,de,te->t", texts, self.covariance, texts).clamp_min(0).sqrt()
        spread = spread.clamp_min(LEAST_SPREAD) ** power
        return texts / spread[:, None], -(texts @ self.mean) / spread
