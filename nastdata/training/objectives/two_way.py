"""Bi-MCQ's questions both ways, on MedNega groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.seeded import draw_int
from nastdata.training import losses
from nastdata.training.objectives.base import Encode, Rows, Sampler
from nastdata.training.objectives.questions import count_groups, find_groups
from nastdata.training.settings import TrainRecipe


@dataclass(frozen=True)
class TwoWayQuestions:
    """Questions of one step: an image and three texts each; a text and three images each."""

    options: list[tuple[str, str, str]]
    """Of each image; the first is right."""
    candidates: list[tuple[int, int, int]]
    """Of each image's right text: numbers in the batch; the first is the image itself."""


class TwoWayObjective:
    """Bi-MCQ (arXiv 2601.22696): which text is true of an image, and of which image a text is true.

    A text affirms ("There is X."), denies ("There is no Y.") or does both ("There is P but no Q."); an
    image's options are one of each, of which one is true. A text's candidates are one image of which it is
    true and two of its MedNega group of which it is not, for a mixed text first those that show P and Q. The
    loss is the mean of both cross entropies. The paper's cross-attention between the towers is left out: it
    makes another model of a dual encoder.
    """

    def __init__(
        self, frame: pl.DataFrame, images: Tensor, names: Callable[[str], str], recipe: TrainRecipe
    ) -> None:
        self.images, self.seed = images, recipe.seed
        self.groups = find_groups(frame)
        self.names = [tuple(names(c) for c in row) for row in frame["conditions"]]
        answers = ["ABCD".index(a) for a in frame["answer"]]
        self.labels = [tuple(rows[a]) for rows, a in zip(frame["choice_labels"], answers, strict=True)]
        self.sampler = Sampler(len(self.groups), count_groups(recipe), recipe.seed, "two_way")
        self.batches = self.sampler.batches

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        groups = self.groups[self.sampler.draw(step)]
        asked = self.ask(groups, step)
        images = self.images[groups.flatten()]
        features = encode([text for options in asked.options for text in options])
        texts = features.reshape(len(asked.options), 3, -1)
        right = torch.zeros(len(texts), dtype=torch.long, device=texts.device)
        shown = images[torch.tensor(asked.candidates, device=images.device)]
        forth = losses.compute_choices(images, texts, right, scale)
        back = losses.compute_choices(texts[:, 0], shown, right, scale)
        return {"image_to_text": forth, "text_to_image": back, "loss": (forth + back) / 2}

    def ask(self, groups: Rows, step: int) -> TwoWayQuestions:
        """Draw the questions of a step."""
        options, candidates = [], []
        for g, group in enumerate(groups):
            for m, row in enumerate(group):
                rng = np.random.Generator(np.random.PCG64(draw_int(self.seed, "two_way", step, int(row))))
                texts, needs = _make_options(self.names[row], self.labels[row], rng)
                options.append(texts)
                wrong = _find_wrong([self.labels[i] for i in group], m, needs, rng)
                candidates.append((4 * g + m, 4 * g + wrong[0], 4 * g + wrong[1]))
        return TwoWayQuestions(options, candidates)


def _make_options(
    names: tuple[str, ...], labels: tuple[int, ...], rng: np.random.Generator
) -> tuple[tuple[str, str, str], dict[int, int]]:
    """Return a true text and two false ones of three kinds, and what the true one needs: place -> label."""
    here = [i for i, label in enumerate(labels) if label == 1]
    gone = [i for i, label in enumerate(labels) if label == 0]
    if not here or not gone:
        raise UserError("an item has no present or no absent finding", how="build with --set design=balanced")

    def pick(some: list[int]) -> int:
        return some[int(rng.integers(len(some)))]

    p, n = pick(here), pick(gone)
    affirms, denies, mixed = (_affirm, _deny, _mix)
    kind = int(rng.integers(3))
    if kind == 0:
        return (affirms(names, p), denies(names, pick(here)), mixed(names, pick(gone), pick(here))), {p: 1}
    if kind == 1:
        return (denies(names, n), affirms(names, pick(gone)), mixed(names, pick(gone), pick(here))), {n: 0}
    return (mixed(names, p, n), affirms(names, pick(gone)), denies(names, pick(here))), {p: 1, n: 0}


def _affirm(names: tuple[str, ...], i: int) -> str:
    return f"There is {names[i]}."


def _deny(names: tuple[str, ...], i: int) -> str:
    return f"There is no {names[i]}."


def _mix(names: tuple[str, ...], i: int, j: int) -> str:
    return f"There is {names[i]} but no {names[j]}."


def _find_wrong(
    labels: list[tuple[int, ...]], own: int, needs: dict[int, int], rng: np.random.Generator
) -> list[int]:
    """Return two members of a group of which a text is false; for a mixed text first those that show both."""
    missed = [sum(shown[i] != label for i, label in needs.items()) for shown in labels]
    wrong = [m for m in rng.permutation(len(labels)).tolist() if missed[m] and m != own]
    if len(wrong) < 2:
        raise UserError(
            "a text is true of too many images of its group", how="build with --set design=balanced"
        )
    both = [m for m in wrong if len(needs) > 1 and all(labels[m][i] for i in needs)]
    return [*both, *(m for m in wrong if m not in both)][:2]
