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
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def read(self, texts: Sequence[str]) -> Features:
        """See ``Scorer``; a text that was read before is not encoded again."""
        new = [t for t in dict.fromkeys(texts) if t not in self._known]
        if new:
            self._known.update(zip(new, self._reader.embed(new).float().cpu().numpy(), strict=True))
        return np.stack([self._known[t] for t in texts])

    def look(self, images: Features) -> Features:
        """See ``Scorer``."""
        return images
