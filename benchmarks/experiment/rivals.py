"""Learnt rivals: other objectives on the same data, with the same number of texts a step."""

from __future__ import annotations

from collections.abc import Callable

from experiment.method import Method

CLAIMS_EACH = 6
"""About as many claims as a set has."""


def _nast(texts: int) -> dict[str, int]:
    sets = max(2, texts // (CLAIMS_EACH + 2))
    return {"claim_sets": sets, "batch_size": max(2, texts - CLAIMS_EACH * sets)}


def _mixed(texts: int) -> dict[str, int]:
    return {**_nast(texts // 2), "items": max(4, texts // 16 * 4)}


TEXTS_OF: dict[str, Callable[[int], dict[str, int]]] = {
    "nast": _nast,
    "clip": lambda texts: {"batch_size": texts},
    "con1": lambda texts: {"batch_size": texts},
    "con2": lambda texts: {"batch_size": max(4, texts // 2)},
    "conclip": lambda texts: {"batch_size": max(4, texts // 2)},
    "negclip": lambda texts: {"claim_sets": max(2, texts // 2)},
    "mcq": lambda texts: {"batch_size": max(2, texts // 2), "items": max(2, texts // 8)},
    "two_way": lambda texts: {"batch_size": max(4, texts // 12 * 4)},
    "groups": lambda texts: {"batch_size": max(4, texts // 2)},
    "mixed": _mixed,
}
"""Objective -> the batch sizes with which one step encodes about so many texts."""

RIVALS: tuple[Method, ...] = (
    Method("con1", "rival", {"objective": "con1"}, about="InfoNCE from image to caption"),
    Method(
        "con2",
        "rival",
        {"objective": "con2"},
        more=("opposition",),
        about="quadruplets, the medical paper's denominators, temperature 0.07",
    ),
    Method(
        "con-clip",
        "rival",
        {"objective": "conclip"},
        more=("opposition",),
        about="quadruplets, every side against the whole batch",
    ),
    Method("negclip", "rival", {"objective": "negclip"}, about="a false claim beside each caption"),
    Method(
        "negbench mcq",
        "rival",
        {"objective": "mcq"},
        more=("mednega",),
        about="captions, and MedNega questions of four negated options",
    ),
    Method(
        "bi-mcq",
        "rival",
        {"objective": "two_way"},
        more=("mednega",),
        about="questions from image to text and from text to image, on MedNega groups",
    ),
    Method(
        "groups",
        "objective",
        {"objective": "groups"},
        more=("mednega",),
        about="MedNega groups matched both ways, in both wordings",
    ),
    Method(
        "claims and groups",
        "objective",
        {"objective": "mixed"},
        more=("mednega",),
        about="half claims, half MedNega groups",
    ),
)
"""Each is validated on the same claim sets as all other methods (``data`` comes first, and has them)."""
