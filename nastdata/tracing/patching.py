"""Exact activation patching on the text tower (causal tracing of arXiv 2602.12498).

A patched text embedding does not depend on the image: it is computed once per caption pair, and all images
are scored with one matrix product. Only positions that a patch can reach are patched, all of them (and all
pairs of one length) in one batch, and only the blocks above the patched layer run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, normalize
from nastdata.models.towers import take_states


@dataclass(frozen=True)
class CaptionPair:
    """A caption and its foil, of equal token count."""

    correct: str
    foil: str


@dataclass(frozen=True)
class PatchedPair:
    """The text features of a pair, unpatched and patched at every (layer, position)."""

    pair: CaptionPair
    tokens: Tensor
    """(2, length) ids of caption and foil."""
    differs: tuple[int, ...]
    """Positions at which the two differ: those that bear the negation."""
    plain: Tensor
    """(2, dim) features of length 1: of the caption, of the foil."""
    noised: Tensor
    """(depth + 1, length, dim): the caption's run with the foil's state at one place."""
    denoised: Tensor
    """(depth + 1, length, dim): the foil's run with the caption's state at one place."""


def patch_pairs(
    encoder: DualEncoder, pairs: Sequence[CaptionPair], batch_size: int = 512, *, both: bool = True
) -> tuple[list[PatchedPair], list[CaptionPair]]:
    """Patch every (layer, position) of every distinct pair, in both directions.

    Args:
        encoder: The model; it is left as it is.
        pairs: Distinct caption pairs.
        batch_size: Most sequences that go through a block at once.
        both: Whether to denoise too; without it ``denoised`` is the foil's own feature everywhere.

    Returns:
        The patched pairs, in the order given, and the pairs left out for unequal token counts.
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    tokens: dict[int, Tensor] = {}
    unequal = []
    for i, pair in enumerate(pairs):
        two = [encoder.tokenize([text]) for text in (pair.correct, pair.foil)]
        if two[0].shape != two[1].shape or _count_real(two[0]) != _count_real(two[1]):
            unequal.append(pair)
            continue
        tokens[i] = torch.cat(two).to(_device(encoder))
        groups[two[0].shape[1], _find_start(encoder.text.causal, tokens[i])].append(i)
    done: dict[int, PatchedPair] = {}
    for (length, first), members in sorted(groups.items()):
        step = max(1, batch_size // (2 * (length - first)))
        for start in range(0, len(members), step):
            some = members[start : start + step]
            with torch.no_grad():
                results = _patch_group(
                    encoder, [pairs[i] for i in some], [tokens[i] for i in some], first, both
                )
            done.update(zip(some, results, strict=True))
    return [done[i] for i in sorted(done)], unequal


def _patch_group(
    encoder: DualEncoder, pairs: list[CaptionPair], tokens: list[Tensor], first: int, both: bool
) -> list[PatchedPair]:
    """Patch pairs of one length and one first difference together.

    States before the first difference are the same in both captions and under every patch: where the tower
    can, they are taken as they are.
    """
    tower = encoder.text
    ids = torch.cat(tokens)
    states = tower.capture(ids)
    plain = normalize(tower.resume(states[-1], ids, tower.depth))
    n, length = ids.shape
    swap = torch.arange(n, device=ids.device) ^ 1
    spots = [(row, p) for row in range(0, n, 1 if both else 2) for p in range(first, length)]
    rows = torch.tensor([row for row, _ in spots], device=ids.device)
    at = torch.tensor([p for _, p in spots], device=ids.device)
    patched = plain[:, None, None, :].repeat(1, tower.depth + 1, length, 1)
    here = torch.arange(len(spots), device=ids.device)
    prefix = [s[rows, :first] for s in states] if tower.keeps_prefix and first else None
    start = first if prefix else 0
    for layer, state in enumerate(states):
        batch = state[rows, start:]
        batch[here, at - start] = state[swap[rows], at]
        patched[rows, layer, at] = normalize(tower.resume(batch, ids[rows], layer, prefix))
    return [
        PatchedPair(
            pair,
            tokens[i],
            tuple(torch.nonzero(tokens[i][0] != tokens[i][1]).flatten().tolist()),
            plain[2 * i : 2 * i + 2],
            patched[2 * i],
            patched[2 * i + 1],
        )
        for i, pair in enumerate(pairs)
    ]


def _find_start(causal: bool, both: Tensor) -> int:
    """Return the first position whose state can differ: in a causal tower the first differing token."""
    different = torch.nonzero(both[0] != both[1]).flatten()
    if not len(different):
        raise UserError("a caption and its foil have the same tokens", how="check the wording of the pairs")
    return int(different[0]) if causal else 0


def _count_real(tokens: Tensor) -> int:
    """Tokens that are not padding: those before the last run of one repeated id, plus one."""
    row = tokens[0]
    same = (row != row[-1]).nonzero().flatten()
    return int(same[-1]) + 2 if len(same) else 1


def _device(encoder: DualEncoder) -> torch.device:
    return next(encoder.model.parameters()).device


def score(features: Tensor, images: Tensor) -> Tensor:
    """Return cosine similarities (images, ...) of features (..., dim), both of length 1."""
    return torch.einsum("id,...d->i...", images, features)


def project_effect(patched: Tensor, plain: Tensor) -> Tensor:
    """Return the image-free effect of each patch: its share of the way from the caption to the foil.

    Args:
        patched: (..., dim) features after a patch.
        plain: (2, dim) features of the run that was patched, and of the other one.

    Returns:
        (...) 0 where nothing moved, 1 where the foil's feature was reached (along the line between them).
    """
    way = plain[1] - plain[0]
    return ((patched - plain[0]) @ way) / (way @ way)


def estimate_effects(encoder: DualEncoder, result: PatchedPair, direction: Tensor) -> Tensor:
    """Estimate the noising effect of every patch by one gradient (attribution patching).

    Args:
        encoder: The model.
        result: An already patched pair (its tokens are used).
        direction: (dim,) the mean image feature that similarities are taken with.

    Returns:
        (depth + 1, length): first-order estimate of S_corr - S_patched for the mean image.
    """
    tower = encoder.text
    with torch.no_grad():
        foil = tower.capture(result.tokens[1:])
        leaf = tower.capture(result.tokens[:1])[0]
    chain: list[Tensor] = [leaf.detach().clone().requires_grad_(True)]
    hooks = [
        b.register_forward_hook(lambda _m, _a, out: chain.append(take_states(out))) for b in tower.blocks
    ]
    try:
        features = tower.resume(chain[0], result.tokens[:1], 0)
    finally:
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(normalize(features)[0] @ direction, chain)
    steps = [
        -(g * (other - state)).sum(dim=-1)[0] for g, other, state in zip(gradients, foil, chain, strict=True)
    ]
    return torch.stack(steps).detach()


def attend_to_negator(encoder: DualEncoder, result: PatchedPair, negated: int) -> Tensor:
    """Return how much the last token attends to the negation, per layer and head: (depth, heads).

    Args:
        encoder: The model.
        result: A patched pair.
        negated: Which of the two is the negated caption: 0 the correct one, 1 the foil.
    """
    with torch.no_grad():
        weights = encoder.text.attend(result.tokens[negated : negated + 1])[:, 0]
    reader = result.tokens.shape[1] - 1 if encoder.text.causal else 0
    return weights[:, :, reader, list(result.differs)].sum(dim=-1)


def shuffle_weights(encoder: DualEncoder, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Permute the entries of every matrix of the text tower in place; return what restores them.

    A tower with the same statistics that has learnt nothing: the control for effects that come from the flow
    of information alone.
    """
    from nastdata.seeded import draw_int

    saved = []
    for name, parameter in encoder.text.module.named_parameters():
        if parameter.dim() >= 2 and not name.startswith(("visual", "vision", "image")):
            generator = torch.Generator().manual_seed(draw_int(seed, "shuffle", name) >> 1)
            saved.append((parameter, parameter.detach().clone()))
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.data.copy_(parameter.data.flatten()[order].view_as(parameter))
    return saved


def restore_weights(saved: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Undo ``shuffle_weights``."""
    for parameter, value in saved:
        parameter.data.copy_(value)
