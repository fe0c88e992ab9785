"""From a trace to how much each layer learns, and what came of it.

Adam's step does not depend on the gradient's scale, so the paper's rule (gradients times alpha ** beta, then
AdamW) hardly does anything; a learning rate a layer does what the rule means.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, fingerprint_text
from nastdata.tracing.agreement import list_disputed
from nastdata.tracing.run import Trace, read_trace
from nastdata.training.settings import LayerSettings
from nastdata.training.weight_shape import shape_weights, take_own_weights

BLOCK = re.compile(r"\.(?:resblocks|layers|layer|h)\.(\d+)\.")
AGAIN = "make it again with `nastdata trace`"


def find_block(name: str) -> int | None:
    """Return the block (from 0) that a parameter's name belongs to."""
    found = BLOCK.search(f".{name}")
    return int(found.group(1)) if found else None


def read_alphas(encoder: DualEncoder, settings: LayerSettings) -> npt.NDArray[np.float64]:
    """Return alpha for each block of a model: from its trace, the recipe's own, or 1 everywhere.

    Raises:
        UserError: if the trace is of another model, or the recipe's weights are too few or too many.
    """
    if settings.weights is not None and settings.scale != "none":
        return take_own_weights(settings.weights, encoder.text.depth)
    if settings.trace is None or settings.scale == "none":
        return np.ones(encoder.text.depth)
    trace = read_trace(settings.trace)
    check_owner(trace, encoder, settings.trace)
    return weigh_trace(trace, settings)


def weigh_trace(trace: Trace, settings: LayerSettings) -> npt.NDArray[np.float64]:
    """Return alpha for each block, (depth,), or for each head, (depth, heads)."""
    effects = take_effects(trace, settings)
    if settings.level == "head":
        return shape_weights(effects.ravel(), settings).reshape(effects.shape)
    warn_of_dispute(trace, settings)
    if not settings.clip_negative:
        warn_of_noise(effects)
    return shape_weights(effects, settings)


def warn_of_dispute(trace: Trace, settings: LayerSettings) -> None:
    """Warn if estimates of one effect have opposite signs, both beyond their intervals."""
    if settings.above_control:
        return
    disputed = list_disputed(trace.arrays, settings.direction)
    if disputed:
        blocks = "block " if len(disputed) == 1 else "blocks "
        warnings.warn(
            f"the estimators disagree in the sign of {blocks}{', '.join(map(str, disputed))}, each "
            "beyond its interval, so the weights depend on which one is chosen: compare layers.estimator, "
            "or trace with a higher --threshold",
            stacklevel=2,
        )


def warn_of_noise(effects: npt.NDArray[np.float64]) -> None:
    """Warn if a negative effect outweighs every positive one: it alone then decides all weights.

    A mean of ratios gets there by a few pairs whose d is hardly above the threshold.
    """
    lowest = int(effects.argmin())
    if -effects[lowest] > effects.max():
        warnings.warn(
            f"block {lowest + 1} has the largest effect, and it is negative ({effects[lowest]:.3f}): it "
            "gets weight 0, the others nearly 1; compare layers.estimator=ratio_of_means, or trace with a "
            "higher --threshold",
            stacklevel=2,
        )


def take_effects(trace: Trace, settings: LayerSettings) -> npt.NDArray[np.float64]:
    """Return the effect of each block's output (layers 1 to depth; the embedding has no LoRA)."""
    if settings.level == "head":
        return _get(trace, f"heads_{settings.estimator}", settings, dimensions=2)
    if settings.above_control:
        control = trace.arrays.get("text_space_control")
        if control is None:
            raise UserError("this trace has no control", how="make it with --controls 3")
        effects = _get(trace, "text_space", settings)
        if control.ndim != 2 or control.shape[1:] != effects.shape:
            raise UserError("the trace's control has another shape than its effects", how=AGAIN)
        above: npt.NDArray[np.float64] = effects[1:] - control.mean(axis=0)[1:]
        return above
    return _get(trace, f"{settings.direction}_{settings.estimator}", settings)[1:]


def _get(trace: Trace, name: str, settings: LayerSettings, dimensions: int = 1) -> npt.NDArray[np.float64]:
    found = trace.arrays.get(name)
    if found is None:
        raise UserError(
            f"this trace has no estimate '{settings.estimator}'" + (" of heads" if dimensions == 2 else ""),
            where=str(settings.trace),
            how="make it again with `nastdata trace`, or choose another layers.estimator",
        )
    if found.ndim != dimensions or len(found) < 3 - dimensions:
        raise UserError(f"the trace has no effects '{name}', one for each layer", how=AGAIN)
    return np.asarray(found, dtype=np.float64)


def check_owner(trace: Trace, encoder: DualEncoder, where: Path) -> None:
    """Refuse a trace of another model.

    Raises:
        UserError: if the text tower's weights differ from the traced ones.
    """
    if trace.facts.get("text_tower") != fingerprint_text(encoder):
        raise UserError(
            f"this trace is of another text tower ({trace.facts.get('model')}), not of {encoder.spec}",
            where=str(where),
            how="trace the model that you train: nastdata trace DATA --model ...",
        )


def group_parameters(
    named: Iterable[tuple[str, Any]],
    alphas: npt.ArrayLike,
    settings: LayerSettings,
    learning_rate: float,
) -> list[dict[str, Any]]:
    """Return one optimizer group a block; blocks with alpha 0 are frozen, from weight decay too.

    Args:
        named: The model's parameters.
        alphas: (depth,) of blocks, or (depth, heads) of heads: a block then has the mean of its heads.
        settings: ``scale`` and ``beta``.
        learning_rate: The recipe's.

    Returns:
        Groups with ``block``, ``factor`` (alpha ** beta) and ``base`` (their learning rate before the
        schedule).
    """
    members: dict[int, list[Any]] = {}
    factors = take_factors(alphas, settings)
    for name, parameter in named:
        if parameter.requires_grad:
            block = find_block(name)
            if block is None or block >= len(factors):
                raise ValueError(f"trainable parameter outside the blocks: {name}")
            members.setdefault(block, []).append(parameter)
    groups = []
    for block, parameters in sorted(members.items()):
        if factors[block].max() == 0.0 and settings.retrace is None:
            for parameter in parameters:
                parameter.requires_grad_(False)
            continue
        groups.append({"params": parameters, "block": block})
    set_factors(groups, alphas, settings, learning_rate)
    return groups


def set_factors(
    groups: Iterable[dict[str, Any]], alphas: npt.ArrayLike, settings: LayerSettings, learning_rate: float
) -> None:
    """Give each group of ``group_parameters`` the factor and learning rate that other weights ask for."""
    factors = take_factors(alphas, settings).mean(axis=1)
    for group in groups:
        group["factor"] = float(factors[group["block"]])
        group["base"] = learning_rate * (group["factor"] if settings.scale == "lr" else 1.0)
        group["lr"] = group["base"]


def take_factors(alphas: npt.ArrayLike, settings: LayerSettings) -> npt.NDArray[np.float64]:
    """Return (depth, 1) or (depth, heads) factors: alpha ** beta; 1 where layers are not scaled."""
    values = np.asarray(alphas, dtype=np.float64)
    values = values.reshape(len(values), -1)
    return np.ones_like(values) if settings.scale == "none" else values**settings.beta


def scale_gradients(groups: Iterable[Mapping[str, Any]]) -> None:
    """Multiply gradients by their group's factor: the paper's literal rule."""
    for group in groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.mul_(group["factor"])


def copy_blocks(encoder: DualEncoder) -> dict[str, Tensor]:
    """Return a copy of the weights of the text tower's blocks, by name."""
    module = encoder.text.module
    return {n: p.detach().cpu().clone() for n, p in module.named_parameters() if _is_text_block(n)}


def measure_update(before: Mapping[str, Tensor], encoder: DualEncoder) -> dict[str, Any]:
    """Return the norm of each block's change, and the share of the three and five most changed blocks."""
    after = dict(encoder.text.module.named_parameters())
    squares = np.zeros(encoder.text.depth)
    for name, old in before.items():
        block = find_block(name)
        if block is not None:
            squares[block] += float((after[name].detach().cpu().double() - old.double()).pow(2).sum())
    norms = np.sqrt(squares)
    total = norms.sum()
    ranked = np.sort(norms)[::-1]
    shares = {f"top{k}": float(ranked[:k].sum() / total) if total > 0 else None for k in (3, 5)}
    return {"norms": [round(float(n), 6) for n in norms], **shares}


def _is_text_block(name: str) -> bool:
    return find_block(name) is not None and not name.startswith(("visual", "vision", "image"))
