"""Why a model reads negation as it does: attribution, embeddings of prompts, heads, and what tuning moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.evaluation.embedding_maps import Layout, lay_out
from nastdata.models.base import DualEncoder, normalize
from nastdata.models.dataset_rows import Data, get_keys
from nastdata.models.text_features import TextReader
from nastdata.statistics import Floats
from nastdata.training.layer_weights import copy_blocks, measure_update

NEGATORS = frozenset(
    "no not without absent absence free lacking lacks negative none neither nor never denies devoid".split()
)
EDGES = "Ġ▁#"
"""Marks that tokenizers put on pieces."""


@dataclass(frozen=True)
class PromptPair:
    """A negated and an affirmative statement of one condition, and the image that the question is about."""

    condition: str
    negated: str
    affirmative: str
    row: int
    """Of the images."""
    absent: bool
    """Whether the negated one is true of the image."""


def read_pairs(
    data: Data, split: str | None = None, limit: int | None = None
) -> tuple[list[PromptPair], list[Any]]:
    """Return prompt pairs, and the image keys that their rows point to, from probes or quadruplets.

    Raises:
        UserError: if the dataset has neither.
    """
    if "probes" in data.frames:
        frame = data.rows("probes", split, limit)
        pairs = [
            PromptPair(c, *((a, b) if n == "correct" else (b, a)), i, n == "correct")
            for i, (c, a, b, n) in enumerate(
                frame.select("condition", "correct", "foil", "negation_in").iter_rows()
            )
        ]
    elif "opposition" in data.frames:
        frame = data.rows("opposition", split, limit)
        columns = frame.select("condition", "prompt", "distractor_prompt", "polarity").iter_rows()
        pairs = [
            PromptPair(c, *((a, b) if p == "negative" else (b, a)), i, p == "negative")
            for i, (c, a, b, p) in enumerate(columns)
        ]
    else:
        raise UserError(
            "no probes and no quadruplets here", where=str(data.folder.path), how="nastdata build probes"
        )
    return pairs, get_keys(frame)


def attribute_negation(encoder: DualEncoder, pairs: Sequence[PromptPair], images: Tensor) -> dict[str, Any]:
    """Gradient x input at the embeddings: the negation's share of all tokens' attribution.

    For each distinct negated prompt the similarity with the mean image that it is true of is differentiated;
    a token's attribution is the absolute value of (gradient . embedding), special tokens left out.

    Returns:
        ``share``: mean over prompts; ``by_prompt``: prompt -> share; ``without_negator``: prompts left out.
    """
    reader = TextReader(encoder)
    rows_of: dict[str, list[int]] = {}
    for pair in pairs:
        if pair.absent:
            rows_of.setdefault(pair.negated, []).append(pair.row)
    shares: dict[str, float] = {}
    left_out = []
    for prompt, rows in sorted(rows_of.items()):
        tokens = reader.read([prompt])
        at = find_negators(encoder.split_tokens(tokens[0].cpu()))
        if not at:
            left_out.append(prompt)
            continue
        direction = images[rows].mean(dim=0).to(tokens.device)
        values = attribute_tokens(encoder, tokens, direction)
        shares[prompt] = float(values[at].sum() / values[1:-1].sum())
    if not shares:
        raise UserError(
            "no negated prompt holds a word of negation", how=f"known: {', '.join(sorted(NEGATORS))}"
        )
    return {"share": float(np.mean(list(shares.values()))), "by_prompt": shares, "without_negator": left_out}


def attribute_tokens(encoder: DualEncoder, tokens: Tensor, direction: Tensor) -> Floats:
    """Return |gradient . input| of each token for the similarity with ``direction``, (length,)."""
    with torch.no_grad():
        embedding = encoder.text.capture(tokens)[0]
    leaf = embedding.detach().clone().requires_grad_(True)
    similarity = normalize(encoder.text.resume(leaf, tokens, 0))[0] @ direction
    (gradient,) = torch.autograd.grad(similarity, leaf)
    values: Floats = (gradient * leaf).sum(dim=-1)[0].abs().detach().double().cpu().numpy()
    return values


def find_negators(pieces: Sequence[str]) -> list[int]:
    """Return the positions of words of negation."""
    return [i for i, p in enumerate(pieces) if p.strip(EDGES).lower() in NEGATORS]


def map_prompts(
    encoder: DualEncoder, pairs: Sequence[PromptPair], seed: int, layout: Layout = "tsne"
) -> dict[str, Any]:
    """Return t-SNE or UMAP points of the distinct prompts, and how far apart their polarities lie.

    ``silhouette``: by polarity, in the model's own space (cosine), -1 to 1; the picture alone proves nothing.
    ``pair_cosine``: mean similarity of a prompt and its negation (1: the model does not see the "no").
    """
    from sklearn.metrics import silhouette_score

    distinct = sorted({(p.condition, p.negated, p.affirmative) for p in pairs})
    texts = [n for _, n, _ in distinct] + [a for _, _, a in distinct]
    polarity = ["negated"] * len(distinct) + ["affirmative"] * len(distinct)
    conditions = [c for c, _, _ in distinct] * 2
    features = TextReader(encoder).embed(texts).double().cpu().numpy()
    n = len(distinct)
    points = lay_out(features, layout, seed)
    return {
        "layout": layout,
        "texts": texts,
        "polarity": polarity,
        "conditions": conditions,
        "points": [[round(float(x), 4), round(float(y), 4)] for x, y in points],
        "silhouette": float(silhouette_score(features, polarity, metric="cosine")) if n > 1 else None,
        "silhouette_by_condition": _score_conditions(features, conditions),
        "pair_cosine": float((features[:n] * features[n:]).sum(axis=1).mean()),
    }


def _score_conditions(features: Floats, conditions: Sequence[str]) -> float | None:
    from sklearn.metrics import silhouette_score

    if not 2 <= len(set(conditions)) < len(conditions):
        return None
    return float(silhouette_score(features, conditions, metric="cosine"))


def ablate_heads(encoder: DualEncoder, pairs: Sequence[PromptPair], images: Tensor) -> Floats:
    """Return how much each head adds to telling a statement from its negation, (depth, heads).

    A head's output is set to zero (its columns of the output projection); the value is the loss of
    d = S(true) - S(false), averaged over pairs. Positive: the head helps.
    """
    reader = TextReader(encoder)
    tower = encoder.text
    true = [p.negated if p.absent else p.affirmative for p in pairs]
    false = [p.affirmative if p.absent else p.negated for p in pairs]
    shown = images[[p.row for p in pairs]].to(reader.device)
    distinct = sorted({*true, *false})
    index = {text: i for i, text in enumerate(distinct)}
    first, second = ([index[t] for t in texts] for texts in (true, false))
    tokens = reader.read(distinct)
    with torch.no_grad():
        states = tower.capture(tokens)

    def measure(layer: int) -> float:
        with torch.no_grad():
            features = normalize(tower.resume(states[layer], tokens, layer))
        return float((shown * (features[first] - features[second])).sum(dim=-1).mean())

    whole = measure(0)
    out = np.zeros((tower.depth, tower.heads))
    for layer in range(tower.depth):
        weight = tower.project_heads(layer)
        width = weight.shape[1] // tower.heads
        for head in range(tower.heads):
            columns = slice(head * width, (head + 1) * width)
            kept = weight.data[:, columns].clone()
            try:
                weight.data[:, columns] = 0
                out[layer, head] = whole - measure(layer)
            finally:
                weight.data[:, columns] = kept
    return out


def compare_updates(before: DualEncoder, after: DualEncoder) -> dict[str, Any]:
    """Return each block's change between two models of one shape, its share of the sum, and the top blocks'.

    Raises:
        UserError: if their text towers differ in shape.
    """
    old = copy_blocks(before)
    new = dict(after.text.module.named_parameters())
    if any(n not in new or new[n].shape != v.shape for n, v in old.items()):
        raise UserError("text towers of different shapes", where=f"{before.spec} and {after.spec}")
    found = measure_update(old, after)
    total = sum(found["norms"])
    shares = [round(n / total, 6) if total > 0 else 0.0 for n in found["norms"]]
    return {**found, "shares": shares}


def name_heads(effects: Floats, number: int = 3) -> list[dict[str, Any]]:
    """Return the heads whose loss costs most, as {block (from 1), head (from 0), effect}."""
    order = np.argsort(-effects, axis=None, kind="stable")[:number]
    where = [np.unravel_index(i, effects.shape) for i in order]
    return [{"block": int(b) + 1, "head": int(h), "effect": round(float(effects[b, h]), 6)} for b, h in where]


def to_lists(values: npt.NDArray[np.float64]) -> list[list[float]]:
    """Return a matrix as rounded lists, for JSON."""
    return [[round(float(v), 6) for v in row] for row in values]
