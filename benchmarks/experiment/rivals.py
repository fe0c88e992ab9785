"""Learnt rivals: other objectives on the same data, with the same number of texts a step."""

from __future__ import annotations

from collections.abc import Callable

from experiment.method import Method

CLAIMS_EACH = 6
"""About as many claims as a set has."""


def _nast(texts: int) -> dict[str, int]:
    sets = max(2, texts // (CLAIMS_EACH + 2))
    return {"claim_sets": sets, "batch_size": max(2, texts - CLAIMS_EACH * sets)}


TEXTS_OF: dict[str, Callable[[int], dict[str, int]]] = {
    "nast": _nast,
    "clip": lambda texts: {"batch_size": texts},
    "con1": lambda texts: {"batch_size": texts},
    "con2": lambda texts: {"batch_size": max(4, texts // 2)},
    "negclip": lambda texts: {"claim_sets": max(2, texts // 2)},
    "groups": lambda texts: {"batch_size": max(4, texts // 2)},
}
"""Objective -> the batch sizes with which one step encodes about so many texts."""

RIVALS: tuple[Method, ...] = (
    Method("con1", "rival", {"objective": "con1"}, about="InfoNCE from image to text"),
    # con2 / CoN-CLIP (data="opposition"), negclip, NegBench's MCQ loss, Bi-MCQ's two-way questions; and as
    # kind "objective": MedNega groups, groups and claims mixed.
)
