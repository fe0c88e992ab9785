"""What each attention head carries of a negation: its output exchanged for the foil's, at every position.

The effect is that of ``patching``: the share of d = S_corr - S_foil that is lost. A head writes into many
positions; all of them are exchanged together, so that an effect needs no choice of a position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nastdata.models.base import DualEncoder, normalize
from nastdata.models.towers import take_states
from nastdata.seeded import draw_int
from nastdata.statistics import Floats, bootstrap_clusters, sum_clusters
from nastdata.tracing.patching import PatchedPair
from nastdata.tracing.samples import Samples, to_array


def trace_heads(
    encoder: DualEncoder, samples: Samples, conditions: Sequence[str], draws: int, seed: int
) -> dict[str, Floats]:
    """Return the effect of each head, (depth, heads), by three estimators, with intervals.

    Args:
        encoder: The model.
        samples: Rows of the correct segment only.
        conditions: Of each row; intervals resample them.
        draws: Resamples.
        seed: Of the resampling.
    """
    tower = encoder.text
    effects = torch.zeros(len(samples.d), tower.depth * tower.heads)
    members: dict[int, list[int]] = {}
    for i, result in enumerate(samples.pair):
        members.setdefault(id(result), []).append(i)
    for rows in members.values():
        result = samples.pair[rows[0]]
        lost = result.plain[0] - exchange_heads(encoder, result).flatten(0, 1)
        effects[rows] = (samples.images[rows].to(lost.device) @ lost.T).cpu()
    values, d = to_array(effects), samples.d
    weight = d**2 / (d**2 + float(torch.tensor(d).median()) ** 2)
    ratios = values / d[:, None]
    out: dict[str, Floats] = {}
    for kind, above, below in (
        ("mean_of_ratios", ratios, d * 0 + 1),
        ("ratio_of_means", values, d),
        ("robust", weight[:, None] * ratios, weight),
    ):
        shape = (tower.depth, tower.heads)
        sums, _, _ = sum_clusters(above, list(conditions))
        counts, _, _ = sum_clusters(below, list(conditions))
        out[f"heads_{kind}"] = (above.sum(axis=0) / below.sum()).reshape(shape)
        low, high = bootstrap_clusters(sums, counts, draws, draw_int(seed, "heads", kind))
        out[f"heads_{kind}_interval_low"], out[f"heads_{kind}_interval_high"] = (
            low.reshape(shape),
            high.reshape(shape),
        )
    return out


def exchange_heads(encoder: DualEncoder, result: PatchedPair) -> Tensor:
    """Return the caption's feature with one head's output exchanged for the foil's: (depth, heads, dim)."""
    tower = encoder.text
    with torch.no_grad():
        tokens = result.tokens
        states, read = tower.capture(tokens), tower.read_heads(tokens)
        width = read.shape[-1] // tower.heads
        length = tokens.shape[1]
        out = []
        for layer in range(tower.depth):
            project = tower.project_heads(layer)
            change = (read[layer, 1] - read[layer, 0]).reshape(length, tower.heads, width)
            columns = project.reshape(project.shape[0], tower.heads, width)
            added = torch.einsum("phw,ohw->hpo", change, columns)
            ids = tokens[:1].expand(tower.heads, -1)
            start = states[layer][:1].expand(tower.heads, -1, -1)
            with _add_output(tower.attention_output(layer), added):
                out.append(normalize(tower.resume(start, ids, layer)))
    return torch.stack(out)


@contextmanager
def _add_output(module: Any, added: Tensor) -> Iterator[None]:
    """Add something to what a module returns, for the time of a call."""

    def add(_module: Any, _args: Any, out: Any) -> Any:
        changed = take_states(out) + added
        return (changed, *out[1:]) if isinstance(out, tuple) else changed

    hook = module.register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()
