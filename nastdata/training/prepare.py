"""From a recipe and a dataset to an objective and a validation, image features computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.images.store import ImageKey
from nastdata.models.base import DualEncoder
from nastdata.models.dataset_rows import Data, get_keys
from nastdata.models.image_features import embed_images
from nastdata.models.text_features import TextReader
from nastdata.training.objectives import (
    CaptionObjective,
    Claims,
    Con2Objective,
    GroupObjective,
    NastObjective,
    NegClipObjective,
    Objective,
    read_captions,
    read_claims,
)
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


class Features:
    """Features of a dataset's images on the training device."""

    def __init__(self, recipe: TrainRecipe, data: Data, encoder: DualEncoder, world: World) -> None:
        self.recipe, self.data, self.encoder, self.world = recipe, data, encoder, world
        self._known: dict[ImageKey, Tensor] = {}

    def take(self, frame: pl.DataFrame, column: str = "image") -> Tensor:
        """Return (rows, dim) features of a column of images."""
        keys = get_keys(frame, column)
        missing = [k for k in dict.fromkeys(keys) if k not in self._known]
        if missing:
            if not self.world.leads:
                self.world.wait()
            found = embed_images(self.encoder, self.data.store, missing, self.recipe.cache)
            if self.world.leads:
                self.world.wait()
            self._known.update(zip(missing, found, strict=True))
        return torch.stack([self._known[k] for k in keys]).to(self.recipe.device)


def prepare(
    recipe: TrainRecipe, data: Data, encoder: DualEncoder, world: World
) -> tuple[Objective, Validation]:
    """Return what to learn from (split ``train``) and what to judge by (split ``validation``).

    Raises:
        UserError: if the dataset lacks what the objective needs.
    """
    features = Features(recipe, data, encoder, world)
    return _make_objective(recipe, data, features), _make_validation(recipe, data, features)


def _make_objective(recipe: TrainRecipe, data: Data, features: Features) -> Objective:
    if recipe.objective in ("clip", "con1"):
        frame = data.rows("contextual_captions", "train")
        return CaptionObjective(
            read_captions(frame, features.take(frame)), recipe, rows_only=recipe.objective == "con1"
        )
    if recipe.objective == "con2":
        frame = data.rows("opposition", "train").filter(pl.col("distractor_image").is_not_null())
        return Con2Objective(frame, features.take(frame), features.take(frame, "distractor_image"), recipe)
    if recipe.objective == "groups":
        frame = data.rows("mednega", "train")
        return GroupObjective(frame, features.take(frame), recipe)
    claims = _claims(data, features, "train")
    if recipe.objective == "negclip":
        return NegClipObjective(claims, recipe)
    captions = None
    if "contextual_captions" in data.frames and recipe.loss.captions > 0:
        frame = data.rows("contextual_captions", "train")
        captions = read_captions(frame, features.take(frame))
    return NastObjective(captions, claims, recipe)


def _claims(data: Data, features: Features, split: str) -> Claims:
    frame = data.rows("contextual_claims", split)
    return read_claims(frame, features.take(frame))


def _make_validation(recipe: TrainRecipe, data: Data, features: Features) -> Validation:
    """Claim accuracy where there are claim sets; else MCQ accuracy; else prompt against opposite prompt.

    Rows whose truth affirms and rows whose truth denies count alike: most claims affirm, and a step must
    not be best for those alone.
    """
    for config in ("contextual_claims", "mednega", "opposition"):
        frame = data.frames.get(config)
        if frame is None or not len(frame.filter(pl.col("split") == "validation")):
            continue
        rows = data.rows(config, "validation", MOST)
        images = features.take(rows)
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
        where=str(data.folder.path),
        how="build with --set splits.validation=0.1, or with contextual claims",
    )
