"""Cheap rivals that train no tower: what a learnt method has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from experiment.method import Place, open_rows
from experiment.rivals import TEXTS_OF
from experiment.scorer import Features, PlainScorer, Scorer
from experiment.sizes import Size
from nastdata.models.base import DualEncoder
from nastdata.models.post_hoc.heads import RuleHead
from nastdata.models.post_hoc.rules import RuleName

MakeScorer = Callable[[DualEncoder, Place, Size, int], Scorer]
"""(the pretrained encoder, where its parts are, the size, a seed) -> a scorer.

What it learns or chooses it takes from the splits ``train`` and ``validation`` of ``place.data(...)``.
"""
RATES = (1e-3, 3e-3, 1e-2)
"""Learning rates that are tried for the linear probe; the best by validation is kept."""
STEPS = 4
"""Times as many steps for the linear probe as for a fine-tuned tower: they cost next to nothing."""


@dataclass
class RuleScorer:
    """A rule's sums of standard scores: the constant term is met by a dimension that is 1 for every image."""

    head: RuleHead
    plain: PlainScorer

    def read(self, texts: Sequence[str]) -> Features:
        """See ``Scorer``."""
        features: Features = self.head.score(
            texts, lambda some: torch.from_numpy(self.plain.read(some))
        ).numpy()
        return features

    def look(self, images: Features) -> Features:
        """See ``Scorer``."""
        return np.concatenate([images, np.ones((len(images), 1), dtype=images.dtype)], axis=1)


def make_rule(rule: RuleName) -> MakeScorer:
    """Return what makes a scorer of a rule, held against the training images without their labels."""

    def make(encoder: DualEncoder, place: Place, size: Size, _seed: int) -> Scorer:
        from nastdata.training.post_hoc import measure_rule

        made, _, _ = measure_rule(rule, encoder, _open(encoder, place, size, {"method": rule}))
        # features come and go as numpy here
        made.head.module.to("cpu")
        return RuleScorer(made.head, PlainScorer(encoder))

    return make


def make_linear(encoder: DualEncoder, place: Place, size: Size, seed: int) -> Scorer:
    """Return a scorer with the best of three linear probes, fitted by the objective of the main methods."""
    from nastdata.training.objectives.registry import make_objective
    from nastdata.training.post_hoc import fit_linear
    from nastdata.training.prepare import make_validation

    best: tuple[float, Any] | None = None
    for rate in RATES:
        steps = size.steps * STEPS
        given = {"method": "linear", "learning_rate": rate, "steps": steps, "seed": seed}
        given |= {"validate_every": max(1, steps // 8), **TEXTS_OF["nast"](size.texts)}
        material = _open(encoder, place, size, given)
        objective, validation = make_objective(material), make_validation(material)
        made, history, _ = fit_linear(material.recipe, encoder, objective, validation)
        score = max(h["score"] for h in history)
        if best is None or score > best[0]:
            best = (score, made)
    if best is None:
        raise ValueError("no learning rate")
    return PlainScorer(best[1])


def _open(encoder: DualEncoder, place: Place, size: Size, given: dict[str, Any]) -> Any:
    """Return the material of a run on the main methods' data."""
    from nastdata.training.objectives.material import Material
    from nastdata.training.parallel import join_world
    from nastdata.training.settings import TrainRecipe

    shared = {"recipe": "train", "phantom_size": size.pretrain.size, "cache": place.cache}
    recipe = TrainRecipe.model_validate({**shared, "device": size.device, **given})
    data = open_rows(place.data("contextual"), size)
    return Material(recipe, [data], encoder, join_world(size.device))


POSTHOC: dict[str, tuple[MakeScorer, str]] = {
    "flip": (
        make_rule("flip"),
        "our reader reads the text; what it denies counts as much as its opposite does not",
    ),
    "rewrite": (
        make_rule("rewrite"),
        "our reader reads the text; an absence is said by its affirmative name, or flipped",
    ),
    "prompt ensemble": (
        make_rule("ensemble"),
        'our reader reads the text; each finding is scored by the mean of eight wordings, "no X" as 1 - "X"',
    ),
    "linear probe": (make_linear, "a linear map on frozen text features, fitted by the same loss"),
}
"""Name -> (maker, what it is in a clause)."""
