"""Which entries of a block's adapters belong to which attention head, and how much faster each learns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nastdata.training.layer_weights import find_block, take_factors
from nastdata.training.settings import LayerSettings

PACKED = re.compile(r"\.attn\.lora_B\.")
"""Queries, keys and values below one another: (3 width, rank)."""
APART = re.compile(r"\.(?:q_proj|k_proj|v_proj|query|key|value|q_lin|k_lin|v_lin)\.lora_B\.")
"""One of the three: (width, rank)."""
OUTPUT = re.compile(r"(?:attn|attention)\b.*\.(?:out_proj|output\.dense|out_lin)\.lora_A\.")
"""What reads the heads: (rank, width)."""


def share_heads(
    named: Iterable[tuple[str, Any]], alphas: npt.ArrayLike, settings: LayerSettings
) -> dict[Any, Tensor]:
    """Return, for adapters that are divided among heads, how much faster than its block each entry learns.

    Args:
        named: The model's parameters.
        alphas: (depth,), of which nothing follows, or (depth, heads).
        settings: ``scale`` and ``beta``.

    Returns:
        Parameter -> factors that broadcast over it; what belongs to no head (the MLP, the other halves of the
        adapters) learns as its block and is not in it.
    """
    factors = take_factors(alphas, settings)
    heads = factors.shape[1]
    out: dict[Any, Tensor] = {}
    if heads == 1 or settings.scale == "none":
        return out
    for name, parameter in named:
        block = find_block(name)
        if block is None or not parameter.requires_grad:
            continue
        mean = float(factors[block].mean())
        shares = np.divide(factors[block], mean, where=mean > 0, out=np.zeros(heads))
        if PACKED.search(name):
            out[parameter] = _spread(shares, parameter.shape[0] // 3, parameter).repeat(3)[:, None]
        elif APART.search(name):
            out[parameter] = _spread(shares, parameter.shape[0], parameter)[:, None]
        elif OUTPUT.search(name):
            out[parameter] = _spread(shares, parameter.shape[1], parameter)[None, :]
    return out


def slow_down(before: Mapping[Any, Tensor], shares: Mapping[Any, Tensor]) -> None:
    """Scale the step that was just taken entry by entry, which is a learning rate for each entry.

    Args:
        before: Parameter -> its value before the step.
        shares: Parameter -> factors, as ``share_heads`` returns them.
    """
    with torch.no_grad():
        for parameter, factors in shares.items():
            parameter.copy_(before[parameter] + factors * (parameter - before[parameter]))


def _spread(shares: npt.NDArray[np.float64], width: int, parameter: Any) -> Tensor:
    wide = torch.as_tensor(np.repeat(shares, width // len(shares)))
    return wide.to(parameter.device, parameter.dtype)
