"""Published objectives with hard negatives: NegCLIP, CON2, CoN-CLIP."""

from __future__ import annotations

import polars as pl
from torch import Tensor

from nastdata.seeded import draw_int
from nastdata.training import losses
from nastdata.training.objectives.base import Encode, Sampler, compare
from nastdata.training.objectives.rows import Claims
from nastdata.training.settings import TrainRecipe


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


class QuadrupletObjective:
    """CON2 and CoN-CLIP: an image, its prompt, an image of the opposite state, the opposite prompt."""

    def __init__(
        self, frame: pl.DataFrame, images: Tensor, others: Tensor, recipe: TrainRecipe, whole_batch: bool
    ) -> None:
        self.images, self.others, self.mask = images, others, recipe.loss.mask_same
        self.loss = losses.compute_conclip if whole_batch else losses.compute_con2
        self.prompts = frame["prompt"].to_list()
        self.opposites = frame["distractor_prompt"].to_list()
        stated = list(frame.select("condition", "polarity").iter_rows())
        self.stated = [(c, p == "positive") for c, p in stated]
        self.sampler = Sampler(len(frame), recipe.batch_size, recipe.seed, "con2")
        self.batches = self.sampler.batches

    def compute(self, step: int, encode: Encode, scale: float) -> dict[str, Tensor]:
        """See ``Objective``."""
        rows = self.sampler.draw(step)
        features = encode([*(self.prompts[i] for i in rows), *(self.opposites[i] for i in rows)])
        same = crossed = None
        if self.mask:
            stated = [self.stated[i] for i in rows]
            same = compare(stated, stated).to(features.device)
            crossed = compare([(c, not p) for c, p in stated], stated).to(features.device)
        n = len(rows)
        loss = self.loss(
            self.images[rows], features[:n], self.others[rows], features[n:], scale, same, crossed
        )
        return {"loss": loss}
