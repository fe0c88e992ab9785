"""Models that score texts of images by a dot product, whatever makes the two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nastdata.models.base import DualEncoder
from nastdata.models.text_features import TextReader

Features = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Gives texts and images vectors; the score is their product. A constant term needs a dimension more."""

    def read(self, texts: Sequence[str]) -> Features:
        """Return (texts, n)."""
        ...

    def look(self, images: Features) -> Features:
        """Return (images, n) of the image tower's features (images, dim)."""
        ...


@dataclass
class PlainScorer:
    """A dual encoder as it is."""

    encoder: DualEncoder

    def __post_init__(self) -> None:
        self._reader = TextReader(self.encoder)

    def read(self, texts: Sequence[str]) -> Features:
        """See ``Scorer``."""
        features: Features = self._reader.embed(texts).float().cpu().numpy()
        return features

    def look(self, images: Features) -> Features:
        """See ``Scorer``."""
        return images
