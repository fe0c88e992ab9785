"""Texts to features, with each text tokenised once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nastdata.models.base import DualEncoder

OVERHEAD = 256
"""Tokens that cost about as much as one more call of a small text tower."""


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
        return self._pad(self.read_rows(texts))

    def read_rows(self, texts: Sequence[str]) -> list[Tensor]:
        """Return the token ids of each text, unpadded where the tower allows it.

        Raises:
            UserError: if a text is longer than the model's context.
        """
        for text in texts:
            if text not in self._rows:
                self._rows[text] = self.encoder.tokenize([text])[0]
        return [self._rows[text] for text in texts]

    def _pad(self, rows: list[Tensor]) -> Tensor:
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.encoder.pad_id)
        return padded.to(self.device)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return (len(texts), dim) features, differentiable.

        Texts of like length go through the tower together, so that little padding is computed.
        """
        rows = self.read_rows(texts)
        parts, order = [], []
        for some in bucket([len(row) for row in rows]):
            parts.append(self.encoder.encode_texts(self._pad([rows[i] for i in some])))
            order += some
        return torch.cat(parts)[_invert(order, self.device)]

    def embed(self, texts: Sequence[str], batch_size: int = 512) -> Tensor:
        """Return (len(texts), dim) features without gradients; distinct texts are encoded once."""
        distinct = sorted(set(texts), key=lambda t: (len(t), t))
        index = {text: i for i, text in enumerate(distinct)}
        parts = []
        with torch.no_grad():
            for start in range(0, len(distinct), batch_size):
                parts.append(self.encode(distinct[start : start + batch_size]))
        return torch.cat(parts)[torch.tensor([index[t] for t in texts], device=self.device)]


def bucket(lengths: Sequence[int], overhead: int = OVERHEAD) -> list[list[int]]:
    """Divide rows into runs of like length so that as few tokens as possible are computed.

    Args:
        lengths: tokens of each row.
        overhead: what one more run costs, in tokens.

    Returns:
        Row numbers of each run, the shortest rows first.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    ends = [n for n in range(1, len(order)) if lengths[order[n]] > lengths[order[n - 1]]] + [len(order)]
    best: dict[int, tuple[int, int]] = {0: (0, 0)}
    for end in ends:
        longest = lengths[order[end - 1]]
        best[end] = min((best[start][0] + overhead + (end - start) * longest, start) for start in best)
    cuts, end = [], len(order)
    while end > 0:
        cuts.append((best[end][1], end))
        end = best[end][1]
    return [order[start:end] for start, end in reversed(cuts)]


def _invert(order: Sequence[int], device: torch.device) -> Tensor:
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return back.to(device)
