"""From a recipe and a dataset to an objective and a validation, image features computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder
from nastdata.models.dataset_rows import Data
from nastdata.models.text_features import TextReader
from nastdata.training.objectives.base import Objective
from nastdata.training.objectives.material import Material
from nastdata.training.objectives.registry import make_objective
from nastdata.training.parallel import World
from nastdata.training.settings import TrainRecipe

MOST = 2000
"""Rows that a validation looks at."""


@dataclass(frozen=True)
class Validation:
    """One figure that says which step was best; higher is better."""

    name: str
    images: Tensor
    texts: list[list[str]]
    """Choices of each row."""
    answers: list[int]
    polarity: list[str]
    """Of each row: whether its truth affirms or denies. Both count alike, however many rows they have."""

    @property
    def chance(self) -> float:
        """What a guess would get."""
        return self._average([1 / len(choices) for choices in self.texts])

    def score(self, reader: TextReader) -> float:
        """Return the share of rows whose right choice is nearest to the image, averaged over polarities."""
        flat = reader.embed([t for choices in self.texts for t in choices])
        right, at = [], 0
        for i, choices in enumerate(self.texts):
            similarity = flat[at : at + len(choices)] @ self.images[i]
            right.append(float(int(similarity.argmax()) == self.answers[i]))
            at += len(choices)
        return self._average(right)

    def _average(self, values: list[float]) -> float:
        by: dict[str, list[float]] = {}
        for kind, value in zip(self.polarity, values, strict=True):
            by.setdefault(kind, []).append(value)
        return sum(sum(some) / len(some) for some in by.values()) / len(by)


def prepare(
    recipe: TrainRecipe, datas: Sequence[Data], encoder: DualEncoder, world: World
) -> tuple[Objective, Validation]:
    """Return what to learn from (split ``train``) and what to judge by (split ``validation``).

    Raises:
        UserError: if the datasets lack what the objective needs.
    """
    material = Material(recipe, datas, encoder, world)
    return make_objective(material), make_validation(material)


def make_validation(material: Material) -> Validation:
    """Claim accuracy where there are claim sets; else MCQ accuracy; else prompt against opposite prompt.

    Rows whose truth affirms and rows whose truth denies count alike: most claims affirm, and a step must
    not be best for those alone.
    """
    for config in ("contextual_claims", "mednega", "opposition"):
        if material.find(config, "validation") is None:
            continue
        part = material.load(config, "validation", MOST)
        rows, images = part.frame, material.look(part)
        if config == "contextual_claims":
            answers: list[Any] = rows["answer"].to_list()
            kinds = [n[a] for n, a in zip(rows["claim_negations"].to_list(), answers, strict=True)]
            polarity = ["affirms" if kind == "none" else "denies" for kind in kinds]
            return Validation("claim_accuracy", images, rows["claims"].to_list(), answers, polarity)
        if config == "mednega":
            answers = ["ABCD".index(a) for a in rows["answer"]]
            texts = [*rows["negated_choices"].to_list(), *rows["affirmative_choices"].to_list()]
            polarity = ["denies"] * len(rows) + ["affirms"] * len(rows)
            return Validation("mcq_accuracy", torch.cat([images, images]), texts, answers * 2, polarity)
        pairs = [list(p) for p in rows.select("prompt", "distractor_prompt").iter_rows()]
        polarity = ["denies" if p == "negative" else "affirms" for p in rows["polarity"]]
        return Validation("prompt_accuracy", images, pairs, [0] * len(pairs), polarity)
    raise UserError(
        "nothing to validate on: no claim sets, questions or quadruplets in split 'validation'",
        where=str(material.datas[0].folder.path),
        how="build with --set splits.validation=0.1, or with contextual claims",
    )
