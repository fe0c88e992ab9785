"""What an objective is. It holds image features and texts, and never sees the text tower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nastdata.seeded import draw_int

Encode = Callable[[Sequence[str]], Tensor]
Rows = npt.NDArray[np.int64]


class Objective(Protocol):
    """A loss over a dataset."""

    batches: int
    """Batches in one epoch."""

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch; ``loss`` is the whole."""
        ...


@dataclass(frozen=True)
class Sampler:
    """Goes through n rows in a new order each epoch; the rows of a step depend on its number only."""

    n: int
    size: int
    seed: int
    name: str

    @property
    def batches(self) -> int:
        """Whole batches in an epoch."""
        return max(1, self.n // self.size)

    def draw(self, step: int) -> Rows:
        """Return the row numbers of a step; a dataset smaller than a batch gives all of its rows."""
        epoch, at = divmod(step, self.batches)
        rng = np.random.Generator(np.random.PCG64(draw_int(self.seed, "epoch", self.name, epoch)))
        order: Rows = rng.permutation(self.n)
        return order[at * self.size : (at + 1) * self.size]


def compare(first: Sequence[object], second: Sequence[object]) -> Tensor:
    """Return (len(first), len(second)) bool: where the two are equal."""
    number: dict[object, int] = {}
    a = torch.tensor([number.setdefault(x, len(number)) for x in first])
    b = torch.tensor([number.setdefault(x, len(number)) for x in second])
    return a[:, None] == b[None, :]
