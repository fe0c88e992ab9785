"""Contrastive losses on features of length 1. Shapes: (batch, dim) unless said otherwise.

``scale`` is the inverse temperature. ``same[i, j]`` says that text j states what image i's own text states:
such a pair is no negative and is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

NEVER = float("-inf")


def compute_clip(images: Tensor, texts: Tensor, scale: float, same: Tensor | None = None) -> Tensor:
    """Symmetric CLIP loss: every image finds its text, every text its image."""
    logits = scale * images @ texts.T
    target = torch.arange(len(images), device=images.device)
    if same is not None:
        logits = logits.masked_fill(_leave_own(same), NEVER)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def compute_rows(images: Tensor, texts: Tensor, scale: float, same: Tensor | None = None) -> Tensor:
    """CON1 (arXiv 2512.17121): InfoNCE from image to text only."""
    logits = scale * images @ texts.T
    if same is not None:
        logits = logits.masked_fill(_leave_own(same), NEVER)
    return cross_entropy(logits, torch.arange(len(images), device=images.device))


def compute_claims(images: Tensor, claims: Tensor, valid: Tensor, answers: Tensor, scale: float) -> Tensor:
    """L_claim = - mean_i log softmax_j(s cos(I_i, T_ij))[c_i] (arXiv 2602.12498, with the minus and a scale).

    Args:
        images: (sets, dim).
        claims: (sets, K, dim), rows beyond a set's own K hold anything.
        valid: (sets, K) bool.
        answers: (sets,) index of the true claim.
        scale: Without one, six claims can't bring the loss below 0.52.
    """
    logits = scale * torch.einsum("md,mkd->mk", images, claims)
    return cross_entropy(logits.masked_fill(~valid, NEVER), answers)


def compute_choices(queries: Tensor, options: Tensor, answers: Tensor, scale: float) -> Tensor:
    """Multiple choice: cross entropy over the options of each question.

    NegBench's L_MCQ (arXiv 2501.09425) with images as queries and four captions as options; Bi-MCQ (arXiv
    2601.22696) has it both ways, also with a text as query and images as options.

    Args:
        queries: (questions, dim).
        options: (questions, k, dim).
        answers: (questions,) index of the right option.
        scale: Inverse temperature.
    """
    return cross_entropy(scale * torch.einsum("qd,qkd->qk", queries, options), answers)


def compute_negclip(
    images: Tensor, texts: Tensor, negatives: Tensor, scale: float, same: Tensor | None = None
) -> Tensor:
    """NegCLIP: each caption's hard negative joins the text side; texts look at images as in CLIP.

    Args:
        images: (batch, dim).
        texts: Their captions.
        negatives: A hard negative of each caption.
        scale: Inverse temperature.
        same: (batch, 2 batch): captions, then negatives, that an image's own caption is equal to.
    """
    n = len(images)
    target = torch.arange(n, device=images.device)
    rows = scale * images @ torch.cat([texts, negatives]).T
    columns = rows[:, :n].T
    if same is not None:
        own = torch.zeros_like(same)
        own[:, :n] = torch.eye(n, dtype=torch.bool, device=same.device)
        rows = rows.masked_fill(same & ~own, NEVER)
        columns = columns.masked_fill(_leave_own(same[:, :n]).T, NEVER)
    return (cross_entropy(rows, target) + cross_entropy(columns, target)) / 2


def compute_con2(
    images: Tensor,
    prompts: Tensor,
    others: Tensor,
    opposites: Tensor,
    scale: float,
    same: Tensor | None = None,
    crossed: Tensor | None = None,
) -> Tensor:
    """CON2 (arXiv 2512.17121): mean of three terms over quadruplets.

    The true image against its prompt, all prompts and the opposite prompts; the true prompt against its image
    and the distractor images; the distractor image against its own (opposite) prompt and the true prompts.

    Args:
        images: (batch, dim) true images.
        prompts: Their prompts.
        others: Images of the opposite state.
        opposites: Prompts of those.
        scale: Inverse temperature (the paper's tau is 0.07).
        same: (batch, batch) prompt j states what prompt i states.
        crossed: (batch, batch) prompt j states what opposite prompt i states.
    """
    n = len(images)
    target = torch.arange(n, device=images.device)
    first = scale * images @ torch.cat([prompts, opposites]).T
    second = torch.cat([(prompts * images).sum(-1, keepdim=True), prompts @ others.T], dim=1) * scale
    third = torch.cat([(others * opposites).sum(-1, keepdim=True), others @ prompts.T], dim=1) * scale
    if same is not None and crossed is not None:
        first = first.masked_fill(torch.cat([_leave_own(same), crossed.T], dim=1), NEVER)
        keep = torch.zeros(n, 1, dtype=torch.bool, device=images.device)
        third = third.masked_fill(torch.cat([keep, crossed], dim=1), NEVER)
    zero = torch.zeros_like(target)
    return (cross_entropy(first, target) + cross_entropy(second, zero) + cross_entropy(third, zero)) / 3


def compute_conclip(
    images: Tensor,
    prompts: Tensor,
    others: Tensor,
    opposites: Tensor,
    scale: float,
    same: Tensor | None = None,
    crossed: Tensor | None = None,
) -> Tensor:
    """CoN-CLIP (arXiv 2403.20312, section 4, and its code): CON2's three terms against the whole batch.

    Each image is held against all prompts and all opposite prompts, each prompt against all images and all
    distractor images, each distractor image against all of both prompts. Arguments as of ``compute_con2``;
    where two prompts state the same, so do their opposites.
    """
    target = torch.arange(len(images), device=images.device)
    first = scale * images @ torch.cat([prompts, opposites]).T
    second = scale * prompts @ torch.cat([images, others]).T
    third = scale * others @ torch.cat([opposites, prompts]).T
    if same is not None and crossed is not None:
        hidden = torch.cat([_leave_own(same), crossed.T], dim=1)
        first, second = first.masked_fill(hidden, NEVER), second.masked_fill(hidden, NEVER)
        third = third.masked_fill(torch.cat([_leave_own(same), crossed], dim=1), NEVER)
    return sum(cross_entropy(logits, target) for logits in (first, second, third)) / 3


def compute_groups(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    """MedNega groups: four images and four statements that differ in polarity only, matched both ways.

    Args:
        images: (groups, 4, dim).
        texts: (groups, 4, dim), text k of image k.
        scale: Inverse temperature.
    """
    logits = scale * torch.einsum("gid,gtd->git", images, texts)
    groups, four, _ = logits.shape
    target = torch.arange(four, device=images.device).repeat(groups)
    rows = cross_entropy(logits.reshape(-1, four), target)
    columns = cross_entropy(logits.transpose(1, 2).reshape(-1, four), target)
    return (rows + columns) / 2


def _leave_own(same: Tensor) -> Tensor:
    """The diagonal is the positive and stays."""
    return same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
