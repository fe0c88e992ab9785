"""Why: where the trace puts its mass, whether that is stable, which blocks carry the gain, which heads."""

from __future__ import annotations

from typing import Any

from experiment.method import Place
from experiment.sizes import Size


def look_into(place: Place, size: Size) -> dict[str, Any]:
    """Return figures of one pretrained model and its trace, as plain JSON values.

    ``by_caption`` and ``by_condition`` (effects, rank correlations between conditions and between caption
    templates), ``heads`` (depth x heads: effect of each head), ``attention``.
    """
    raise NotImplementedError


def compare_bases(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what holds over pretrained models: rank correlations of block effects for each estimator."""
    raise NotImplementedError


def write_why(found: list[dict[str, Any]], compared: dict[str, Any]) -> str:
    """Return the section of ``docs/experiment.md`` (Markdown tables; no heading above level 2)."""
    raise NotImplementedError
