"""Objectives on MedNega: groups of four, NegBench's questions of four options, groups beside claims."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.training import losses
from nastdata.training.objectives.base import Encode, Objective, Rows, Sampler
from nastdata.training.objectives.captions import CaptionObjective
from nastdata.training.settings import TrainRecipe


class GroupObjective:
    """Blocks of four images and four statements of MedNega, both ways, negated and affirmative."""

    def __init__(self, frame: pl.DataFrame, images: Tensor, recipe: TrainRecipe) -> None:
        self.images = images
        answers = ["ABCD".index(a) for a in frame["answer"]]
        self.negated = [c[a] for c, a in zip(frame["negated_choices"], answers, strict=True)]
        self.affirmative = [c[a] for c, a in zip(frame["affirmative_choices"], answers, strict=True)]
        self.groups = find_groups(frame)
        self.sampler = Sampler(len(self.groups), count_groups(recipe), recipe.seed, "groups")
        self.batches = self.sampler.batches

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        groups = self.groups[self.sampler.draw(step)]
        flat = groups.flatten().tolist()
        features = encode([self.negated[i] for i in flat] + [self.affirmative[i] for i in flat])
        blocks = features.reshape(2, len(groups), 4, -1)
        images = self.images[groups]
        parts = [losses.compute_groups(images, texts, scale) for texts in blocks]
        return {"negated": parts[0], "affirmative": parts[1], "loss": (parts[0] + parts[1]) / 2}


class ChoiceObjective:
    """NegBench (arXiv 2501.09425): alpha L_CLIP on captions + (1 - alpha) L_MCQ on four options.

    alpha is ``loss.captions``. The options are the negated ones of MedNega; the captions those of a
    contextual dataset, which affirm and deny as CC12M-NegCap's do. Without captions there is L_MCQ alone.
    """

    def __init__(
        self, captions: CaptionObjective | None, frame: pl.DataFrame, images: Tensor, recipe: TrainRecipe
    ) -> None:
        self.captions, self.images = captions, images
        self.share = recipe.loss.captions if captions is not None else 0.0
        self.choices = frame["negated_choices"].to_list()
        self.answers = ["ABCD".index(a) for a in frame["answer"]]
        self.sampler = Sampler(len(frame), count_items(recipe), recipe.seed, "choices")
        self.batches = max(self.sampler.batches, captions.batches if captions is not None else 0)

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        rows = self.sampler.draw(step)
        features = encode([text for i in rows for text in self.choices[i]])
        answers = torch.tensor([self.answers[i] for i in rows], device=features.device)
        options = features.reshape(len(rows), -1, features.shape[1])
        parts = {"mcq": losses.compute_choices(self.images[rows], options, answers, scale)}
        loss = (1 - self.share) * parts["mcq"]
        if self.captions is not None and self.share > 0:
            parts["clip"] = self.captions.compute(step, encode, scale)["loss"]
            loss = loss + self.share * parts["clip"]
        return {**parts, "loss": loss}


class MixedObjective:
    """Claims and MedNega groups together: ``loss.groups`` of the groups' loss, the rest of the claims'."""

    def __init__(self, claims: Objective, groups: GroupObjective, recipe: TrainRecipe) -> None:
        self.claims, self.groups, self.share = claims, groups, recipe.loss.groups
        self.batches = max(claims.batches, groups.batches)

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        first = self.claims.compute(step, encode, scale)
        second = self.groups.compute(step, encode, scale)
        parts = {k: v for k, v in first.items() if k != "loss"} | {"groups": second["loss"]}
        return {**parts, "loss": (1 - self.share) * first["loss"] + self.share * second["loss"]}


def find_groups(frame: pl.DataFrame) -> Rows:
    """Return (groups, 4) row numbers of the MedNega groups that have all four items.

    Raises:
        UserError: if there is none.
    """
    members: dict[str, list[int]] = {}
    for i, group in enumerate(frame["group_id"]):
        members.setdefault(group, []).append(i)
    whole = [rows for _, rows in sorted(members.items()) if len(rows) == 4]
    if not whole:
        raise UserError("no group has four items", how="build with --set design=balanced")
    return np.array(whole, dtype=np.int64)


def count_items(recipe: TrainRecipe) -> int:
    """Return the MedNega items in a step."""
    return recipe.items or recipe.batch_size


def count_groups(recipe: TrainRecipe) -> int:
    """Return the MedNega groups in a step."""
    return max(1, count_items(recipe) // 4)
