"""Layer weights that could refute the trace: the same weights in other places, or a few blocks alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nastdata.seeded import draw_int
from nastdata.tracing.run import Trace
from nastdata.training.layer_weights import take_effects, weigh_trace
from nastdata.training.settings import LayerSettings

Weights = npt.NDArray[np.float64]
FEW = 3
"""Blocks that ``top`` and ``bottom`` leave unfrozen."""


def permute(trace: Trace, seed: int) -> Weights:
    """The trace's weights in an order drawn anew for each run: random weights of the same spectrum."""
    weights = weigh_trace(trace, LayerSettings())
    rng = np.random.Generator(np.random.PCG64(draw_int(seed, "permute", trace.facts["text_tower"])))
    return weights[rng.permutation(len(weights))]


def reverse(trace: Trace, seed: int) -> Weights:
    """The largest weight where the smallest was, by rank: the opposite of what the trace says."""
    weights = weigh_trace(trace, LayerSettings())
    order = np.argsort(_effects(trace), kind="stable")
    out = np.empty_like(weights)
    out[order] = np.sort(weights)[::-1]
    return out


def flip(trace: Trace, seed: int) -> Weights:
    """The trace's weights from the last block to the first."""
    return weigh_trace(trace, LayerSettings())[::-1].copy()


def keep_top(trace: Trace, seed: int) -> Weights:
    """The blocks of the largest effects alone, all alike; the others are frozen."""
    return _keep(trace, -FEW)


def keep_bottom(trace: Trace, seed: int) -> Weights:
    """The blocks of the least effects alone."""
    return _keep(trace, FEW)


CONTROLS: dict[str, Callable[[Trace, int], Weights]] = {
    "permuted": permute,
    "reversed": reverse,
    "flipped": flip,
    "top": keep_top,
    "bottom": keep_bottom,
}
"""Name -> (trace, seed of the run) -> one weight a block."""


def _effects(trace: Trace) -> Weights:
    return take_effects(trace, LayerSettings())


def _keep(trace: Trace, number: int) -> Weights:
    order = np.argsort(_effects(trace), kind="stable")
    weights = np.zeros(len(order))
    weights[order[number:] if number < 0 else order[:number]] = 1.0
    return weights
