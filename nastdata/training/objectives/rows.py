"""Rows of contextual datasets as tensors and texts: captions and claim sets."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import torch
from torch import Tensor

from nastdata.models.dataset_rows import Fact, get_fact
from nastdata.training.objectives.base import Encode, Rows, compare


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
