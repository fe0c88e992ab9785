"""What each patch does to the similarity of each image with its pair, by the role of the position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nastdata.models.base import DualEncoder
from nastdata.statistics import Floats
from nastdata.tracing.patching import CaptionPair, PatchedPair, score

ROLES = ("start", "before", "negation", "condition", "stop", "end")
"""Positions of captions of different lengths, brought into line."""


@dataclass(frozen=True)
class Samples:
    """One row for each (image, pair); effects are similarities lost, not yet divided by d."""

    pair: list[PatchedPair]
    images: Tensor
    d: Floats
    noised: Floats
    """(rows, depth + 1, roles): S_corr - S_patched."""
    denoised: Floats
    """(rows, depth + 1, roles): S_patched - S_foil of the foil's run."""


def score_samples(
    encoder: DualEncoder,
    pairs: Sequence[CaptionPair],
    by_pair: dict[CaptionPair, PatchedPair],
    images: Tensor,
) -> Samples:
    """Score every image with its pair under every patch.

    Args:
        encoder: The model, for the roles of positions.
        pairs: One a row; each must be in ``by_pair``.
        by_pair: The patched pairs.
        images: (rows, dim) features of the images.
    """
    layers = encoder.text.depth + 1
    d = np.zeros(len(pairs))
    noised = np.full((len(pairs), layers, len(ROLES)), np.nan)
    denoised = noised.copy()
    members: dict[CaptionPair, list[int]] = {}
    for i, pair in enumerate(pairs):
        members.setdefault(pair, []).append(i)
    for pair, at in members.items():
        r = by_pair[pair]
        some = images[at].to(r.plain.device)
        plain = to_array(score(r.plain, some))
        d[at] = plain[:, 0] - plain[:, 1]
        lost = plain[:, 0, None, None] - to_array(score(r.noised, some))
        won = to_array(score(r.denoised, some)) - plain[:, 1, None, None]
        roles = name_roles(encoder, r)
        for j, role in enumerate(ROLES):
            positions = [p for p, name in enumerate(roles) if name == role]
            if positions:
                noised[at, :, j] = lost[:, :, positions].mean(axis=-1)
                denoised[at, :, j] = won[:, :, positions].mean(axis=-1)
    return Samples([by_pair[p] for p in pairs], images, d, noised, denoised)


def name_roles(encoder: DualEncoder, r: PatchedPair) -> list[str]:
    """Return the role of every position of a pair."""
    pieces = encoder.split_tokens(r.tokens[0].cpu())
    last = len(pieces) - 1
    roles = []
    for p, piece in enumerate(pieces):
        if p in r.differs:
            roles.append("negation")
        elif p == 0:
            roles.append("start")
        elif p == last:
            roles.append("end")
        elif p < r.differs[0]:
            roles.append("before")
        else:
            roles.append("stop" if not any(ch.isalnum() for ch in piece) else "condition")
    return roles


def segment_pairs(d: Floats, threshold: float) -> npt.NDArray[np.str_]:
    """Return correct, ambiguous or incorrect for each row: d above, within or below the threshold."""
    names: npt.NDArray[np.str_] = np.where(
        d > threshold, "correct", np.where(d < -threshold, "incorrect", "ambiguous")
    )
    return names


def to_array(tensor: Tensor) -> Floats:
    """Return a tensor as float64 numpy."""
    array: Floats = tensor.detach().double().cpu().numpy()
    return array
