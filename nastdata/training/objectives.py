"""What a step learns from: batches of each objective, as pure functions of the step's number.

An objective holds image features and texts; it never sees the text tower, only a function that encodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.dataset_rows import Fact, get_fact
from nastdata.seeded import draw_int
from nastdata.training import losses
from nastdata.training.settings import TrainRecipe

Encode = Callable[[Sequence[str]], Tensor]
Rows = npt.NDArray[np.int64]


class Objective(Protocol):
    """A loss over a dataset."""

    batches: int
    """Batches in one epoch."""

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch; ``loss`` is the whole."""
        ...


@dataclass(frozen=True)
class Sampler:
    """Goes through n rows in a new order each epoch; the rows of a step depend on its number only."""

    n: int
    size: int
    seed: int
    name: str

    @property
    def batches(self) -> int:
        """Whole batches in an epoch."""
        return max(1, self.n // self.size)

    def draw(self, step: int) -> Rows:
        """Return the row numbers of a step; a dataset smaller than a batch gives all of its rows."""
        epoch, at = divmod(step, self.batches)
        rng = np.random.Generator(np.random.PCG64(draw_int(self.seed, "epoch", self.name, epoch)))
        order: Rows = rng.permutation(self.n)
        return order[at * self.size : (at + 1) * self.size]


@dataclass(frozen=True)
class Captions:
    """True captions with their images."""

    images: Tensor
    """(rows, dim)."""
    texts: list[str]
    facts: list[Fact]

    def take(self, rows: Rows) -> tuple[Tensor, list[str], Tensor]:
        """Return (images, texts, same) of some rows; ``same[i, j]`` where j states what i states."""
        facts = [self.facts[i] for i in rows]
        return self.images[rows], [self.texts[i] for i in rows], compare(facts, facts)


@dataclass(frozen=True)
class Claims:
    """Claim sets with their images."""

    images: Tensor
    claims: list[list[str]]
    facts: list[list[Fact]]
    answers: list[int]

    def take(self, rows: Rows, encode: Encode) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (images, claim features, valid, answers) of some rows."""
        sets = [self.claims[i] for i in rows]
        flat = encode([text for texts in sets for text in texts])
        widest = max(map(len, sets))
        valid = torch.zeros(len(sets), widest, dtype=torch.bool)
        for i, texts in enumerate(sets):
            valid[i, : len(texts)] = True
        valid = valid.to(flat.device)
        claims = torch.zeros(len(sets), widest, flat.shape[1], dtype=flat.dtype, device=flat.device)
        claims = claims.masked_scatter(valid[:, :, None], flat)
        return (
            self.images[rows],
            claims,
            valid,
            torch.tensor([self.answers[i] for i in rows], device=flat.device),
        )


def compare(first: Sequence[object], second: Sequence[object]) -> Tensor:
    """Return (len(first), len(second)) bool: where the two are equal."""
    number: dict[object, int] = {}
    a = torch.tensor([number.setdefault(x, len(number)) for x in first])
    b = torch.tensor([number.setdefault(x, len(number)) for x in second])
    return a[:, None] == b[None, :]


class CaptionObjective:
    """CLIP on captions, or CON1's rows."""

    def __init__(self, captions: Captions, recipe: TrainRecipe, rows_only: bool) -> None:
        self.captions, self.mask, self.rows_only = captions, recipe.loss.mask_same, rows_only
        self.sampler = Sampler(len(captions.texts), recipe.batch_size, recipe.seed, "captions")
        self.batches = self.sampler.batches

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        images, texts, same = self.captions.take(self.sampler.draw(step))
        features = encode(texts)
        masked = same.to(features.device) if self.mask else None
        function = losses.compute_rows if self.rows_only else losses.compute_clip
        return {"loss": function(images, features, scale, masked)}


class NastObjective:
    """lambda L_CLIP + (1 - lambda) L_claim."""

    def __init__(self, captions: Captions | None, claims: Claims, recipe: TrainRecipe) -> None:
        self.share = recipe.loss.captions if captions is not None else 0.0
        self.caption = CaptionObjective(captions, recipe, rows_only=False) if captions is not None else None
        self.claims = claims
        self.sampler = Sampler(len(claims.answers), recipe.claim_sets, recipe.seed, "claims")
        self.batches = max(self.sampler.batches, self.caption.batches if self.caption else 0)

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        out: dict[str, Tensor] = {}
        total: Tensor | float = 0.0
        if self.share > 0 and self.caption is not None:
            out["clip"] = self.caption.compute(step, encode, scale)["loss"]
            total = total + self.share * out["clip"]
        if self.share < 1:
            out["claim"] = losses.compute_claims(*self.claims.take(self.sampler.draw(step), encode), scale)
            total = total + (1 - self.share) * out["claim"]
        out["loss"] = torch.as_tensor(total)
        return out


class NegClipObjective:
    """The true claim of a set is the caption; one of its false claims, by a draw, is the hard negative."""

    def __init__(self, claims: Claims, recipe: TrainRecipe) -> None:
        self.claims, self.mask, self.seed = claims, recipe.loss.mask_same, recipe.seed
        self.sampler = Sampler(len(claims.answers), recipe.claim_sets, recipe.seed, "negclip")
        self.batches = self.sampler.batches

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        rows = self.sampler.draw(step)
        true, false = [], []
        for i in rows:
            answer, k = self.claims.answers[i], len(self.claims.claims[i])
            true.append((i, answer))
            false.append((i, (answer + 1 + draw_int(self.seed, "negative", step, int(i)) % (k - 1)) % k))
        features = encode([self.claims.claims[i][j] for i, j in [*true, *false]])
        same = None
        if self.mask:
            facts = [self.claims.facts[i][j] for i, j in [*true, *false]]
            same = compare(facts[: len(rows)], facts).to(features.device)
        n = len(rows)
        loss = losses.compute_negclip(self.claims.images[rows], features[:n], features[n:], scale, same)
        return {"loss": loss}


class Con2Objective:
    """CON2 / CoN-CLIP on quadruplets."""

    def __init__(self, frame: pl.DataFrame, images: Tensor, others: Tensor, recipe: TrainRecipe) -> None:
        self.images, self.others, self.mask = images, others, recipe.loss.mask_same
        self.prompts = frame["prompt"].to_list()
        self.opposites = frame["distractor_prompt"].to_list()
        self.sampler = Sampler(len(frame), recipe.batch_size, recipe.seed, "con2")
        self.batches = self.sampler.batches

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        rows = self.sampler.draw(step)
        prompts = [self.prompts[i] for i in rows]
        opposites = [self.opposites[i] for i in rows]
        features = encode([*prompts, *opposites])
        same = compare(prompts, prompts).to(features.device) if self.mask else None
        crossed = compare(opposites, prompts).to(features.device) if self.mask else None
        n = len(rows)
        loss = losses.compute_con2(
            self.images[rows], features[:n], self.others[rows], features[n:], scale, same, crossed
        )
        return {"loss": loss}


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


def read_captions(frame: pl.DataFrame, images: Tensor) -> Captions:
    """Return the captions of a ``contextual_captions`` frame."""
    facts = [get_fact(f, n) for f, n in frame.select("fact", "negation_type").iter_rows()]
    return Captions(images, frame["caption"].to_list(), facts)


def read_claims(frame: pl.DataFrame, images: Tensor) -> Claims:
    """Return the claim sets of a ``contextual_claims`` frame."""
    facts = [
        [get_fact(f, n) for f, n in zip(fs, ns, strict=True)]
        for fs, ns in frame.select("claim_facts", "claim_negations").iter_rows()
    ]
    return Claims(images, frame["claims"].to_list(), facts, frame["answer"].to_list())
