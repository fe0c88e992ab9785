"""Objectives on MedNega: groups of four, NegBench's questions, Bi-MCQ's questions both ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.seeded import draw_int
from nastdata.training import losses
from nastdata.training.objectives.base import Encode, Rows, Sampler
from nastdata.training.objectives.captions import CaptionObjective
from nastdata.training.settings import TrainRecipe


class GroupObjective:
    """Blocks of four images and four statements of MedNega, both ways, negated and affirmative."""

    def __init__(self, frame: pl.DataFrame, images: Tensor, recipe: TrainRecipe) -> None:
        self.images = images
        answers = ["ABCD".index(a) for a in frame["answer"]]
        self.negated = [c[a] for c, a in zip(frame["negated_choices"], answers, strict=True)]
        self.affirmative = [c[a] for c, a in zip(frame["affirmative_choices"], answers, strict=True)]
        members: dict[str, list[int]] = {}
        for i, group in enumerate(frame["group_id"]):
            members.setdefault(group, []).append(i)
        whole = [rows for _, rows in sorted(members.items()) if len(rows) == 4]
        if not whole:
            raise UserError("no group has four items", how="build with --set design=balanced")
        self.groups = np.array(whole, dtype=np.int64)
        self.sampler = Sampler(len(whole), max(1, recipe.batch_size // 4), recipe.seed, "groups")
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
