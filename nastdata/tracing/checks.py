"""What a trace is read beside: towers that have learnt nothing, the gradient's estimate, attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from nastdata.models.base import DualEncoder
from nastdata.seeded import draw_int
from nastdata.statistics import Floats
from nastdata.tracing.patching import (
    CaptionPair,
    PatchedPair,
    attend_to_negator,
    estimate_effects,
    patch_pairs,
    project_effect,
    restore_weights,
    shuffle_weights,
)
from nastdata.tracing.samples import Samples, to_array


def compare_with_control(
    encoder: DualEncoder, results: Sequence[PatchedPair], controls: int, seed: int, batch_size: int
) -> dict[str, Floats]:
    """The same without images, for this tower and for towers whose weights are shuffled."""
    found = []
    for i in range(controls):
        saved = shuffle_weights(encoder, draw_int(seed, "control", i))
        try:
            patched, _ = patch_pairs(encoder, [r.pair for r in results], batch_size, both=False)
            found.append(_project(patched))
        finally:
            restore_weights(saved)
    out = {"text_space": _project(results)}
    if found:
        out["text_space_control"] = np.stack(found)
    return out


def cross_check(
    encoder: DualEncoder, results: Sequence[PatchedPair], samples: Samples, right: npt.NDArray[np.bool_]
) -> dict[str, Floats]:
    """Attribution patching beside the exact effects, both for the mean image of each pair: (2, n)."""
    exact, estimated = [], []
    members: dict[CaptionPair, list[int]] = {}
    for i, r in enumerate(samples.pair):
        if right[i]:
            members.setdefault(r.pair, []).append(i)
    for r in results:
        if r.pair not in members:
            continue
        mean = samples.images[members[r.pair]].mean(dim=0).to(r.plain.device)
        first = r.differs[0] if encoder.text.causal else 0
        exact.append(((r.plain[0] - r.noised) @ mean)[:, first:].flatten())
        estimated.append(estimate_effects(encoder, r, mean)[:, first:].flatten())
    both = torch.stack([torch.cat(exact), torch.cat(estimated)])
    return {"attribution_patching": to_array(both)}


def attend(encoder: DualEncoder, results: Sequence[PatchedPair], rows: pl.DataFrame) -> Floats:
    """Attention to the negator in the negated caption, averaged over distinct pairs: (depth, heads)."""
    where = {
        CaptionPair(c, f): 0 if n == "correct" else 1
        for c, f, n in rows.select("correct", "foil", "negation_in").iter_rows()
    }
    seen = [attend_to_negator(encoder, r, where[r.pair]) for r in results if r.pair in where]
    return to_array(torch.stack(seen).mean(dim=0))


def _project(results: Sequence[PatchedPair]) -> Floats:
    """Image-free effect at the negation, averaged over pairs: (depth + 1,)."""
    effects = [project_effect(r.noised, r.plain)[:, list(r.differs)].mean(dim=1) for r in results]
    return to_array(torch.stack(effects).mean(dim=0))
