"""Objectives on captions, and on captions beside claim sets."""

from __future__ import annotations

import torch
from torch import Tensor

from nastdata.training import losses
from nastdata.training.objectives.base import Encode, Sampler
from nastdata.training.objectives.rows import Captions, Claims
from nastdata.training.settings import TrainRecipe


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

    def __init__(self, captions: CaptionObjective | None, claims: Claims, recipe: TrainRecipe) -> None:
        self.share = recipe.loss.captions if captions is not None else 0.0
        self.caption, self.claims = captions, claims
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
