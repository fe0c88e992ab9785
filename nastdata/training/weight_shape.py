"""From tracing effects to one weight a block.

The paper (arXiv 2602.12498) scales effects to alpha_l = (CTE_l - min) / (max - min). That freezes the block
with the least effect, whatever the effect is, and lets a negative one decide all the others. So by default
negative effects count as none and no block gets less than ``floor``; ``floor: 0, clip_negative: false``
is the paper's rule.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from nastdata.errors import UserError
from nastdata.training.settings import LayerSettings

Weights = npt.NDArray[np.float64]
EQUAL = 1e-9


def shape_weights(effects: Weights, settings: LayerSettings) -> Weights:
    """Return the weight of each block before ``beta``.

    Args:
        effects: (blocks,) tracing effects.
        settings: clipping, normalisation, temperature, floor.

    Raises:
        UserError: if an effect is not a number, or a negative one is to be normalised by the mean.
    """
    values = np.asarray(effects, dtype=np.float64)
    if not np.isfinite(values).all():
        raise UserError("the trace holds effects that are not numbers", how="make it again with more pairs")
    if settings.clip_negative:
        values = np.maximum(values, 0.0)
    if np.ptp(values) < EQUAL:
        warnings.warn("all layers have the same tracing effect: every layer learns alike", stacklevel=2)
        return np.ones_like(values)
    if settings.normalise == "min_max":
        alphas = (values - values.min()) / np.ptp(values)
        floored: Weights = np.maximum(alphas ** (1.0 / settings.temperature), settings.floor)
        return floored
    if values.min() < 0:
        raise UserError(
            "negative effects have no mean to be scaled by",
            where="layers.normalise",
            how="clip_negative: true, or normalise: min_max",
        )
    alphas = (values / values.max()) ** (1.0 / settings.temperature)
    return _scale_to_mean_one(np.maximum(alphas, settings.floor))


def take_own_weights(weights: tuple[float, ...], depth: int) -> Weights:
    """Return weights that the recipe names.

    Raises:
        UserError: if there is not one for each block.
    """
    if len(weights) != depth:
        raise UserError(
            f"{len(weights)} weights for a text tower of {depth} blocks",
            where="layers.weights",
            how="give one for each block, the first block first",
        )
    return np.asarray(weights, dtype=np.float64)


def describe_weights(weights: Weights, beta: float) -> str:
    """Return a line on what the weights do to the learning rates: their mean, extremes, frozen blocks.

    Weights of heads, (depth, heads), are described by the means of their blocks.
    """
    factors = (weights**beta).reshape(len(weights), -1).mean(axis=1)
    least, most = int(factors.argmin()), int(factors.argmax())
    frozen = [int(i) + 1 for i in np.flatnonzero(factors == 0)]
    line = (
        f"layer weights: mean {factors.mean():.2f}, least {factors[least]:.2f} (block {least + 1}), "
        f"largest {factors[most]:.2f} (block {most + 1})"
    )
    if not frozen:
        return line
    blocks = "block " if len(frozen) == 1 else "blocks "
    return f"{line}; {blocks}{', '.join(map(str, frozen))} frozen"


def _scale_to_mean_one(values: Weights) -> Weights:
    scaled: Weights = values / values.mean()
    return scaled
