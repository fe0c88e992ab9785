"""Many processes under ``torchrun``: the text tower's work is shared out, everything else is repeated.

Every process makes the same batch; each encodes its share of the distinct texts; features are gathered with
their gradients. The loss is that of one process with the whole batch, not of smaller batches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class World:
    """Who takes part."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            torch.distributed.barrier()

    def average_gradients(self, parameters: Iterable[Any]) -> None:
        """Average gradients over processes; after a gathered loss that is the gradient of the whole batch."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.requires_grad:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad.div_(self.size)


def join_world(device: str) -> World:
    """Join the processes that ``torchrun`` (or ``accelerate launch``) started; alone without them."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return World(torch.distributed.get_rank(), size)


def leave_world(world: World) -> None:
    """Leave in good order."""
    if world.size > 1 and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def encode_distinct(texts: Sequence[str], encode: Callable[[Sequence[str]], Tensor], world: World) -> Tensor:
    """Return (len(texts), dim) features; every distinct text is encoded once, by one process."""
    distinct = list(dict.fromkeys(texts))
    index = {text: i for i, text in enumerate(distinct)}
    padded = distinct + distinct[:1] * (-len(distinct) % world.size)
    features = encode(padded[world.rank :: world.size])
    if world.size > 1:
        gathered = torch.distributed.nn.functional.all_gather(features.contiguous())
        features = torch.stack(list(gathered), dim=1).flatten(0, 1)
    return features[torch.tensor([index[text] for text in texts], device=features.device)]
