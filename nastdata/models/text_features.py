"""Texts to features, with each text tokenised once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nastdata.models.base import DualEncoder


class TextReader:
    """Encodes texts; token rows are kept, since a dataset has few distinct texts."""

    def __init__(self, encoder: DualEncoder) -> None:
        self.encoder = encoder
        self.device = next(encoder.model.parameters()).device
        self._rows: dict[str, Tensor] = {}

    def read(self, texts: Sequence[str]) -> Tensor:
        """Return (len(texts), length) token ids.

        Raises:
            UserError: if a text is longer than the model's context.
        """
        for text in texts:
            if text not in self._rows:
                self._rows[text] = self.encoder.tokenize([text])[0]
        rows = [self._rows[text] for text in texts]
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.encoder.pad_id)
        return padded.to(self.device)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return (len(texts), dim) features, differentiable."""
        return self.encoder.encode_texts(self.read(texts))

    def embed(self, texts: Sequence[str], batch_size: int = 512) -> Tensor:
        """Return (len(texts), dim) features without gradients; distinct texts are encoded once."""
        distinct = sorted(set(texts), key=lambda t: (len(t), t))
        index = {text: i for i, text in enumerate(distinct)}
        parts = []
        with torch.no_grad():
            for start in range(0, len(distinct), batch_size):
                parts.append(self.encode(distinct[start : start + batch_size]))
        return torch.cat(parts)[torch.tensor([index[t] for t in texts], device=self.device)]
