"""Causal tracing of negation through a text tower: where it is carried, with what certainty.

``run_trace`` patches, scores all images and sums up; ``Trace`` is written as JSON and safetensors, from which
``nastdata train`` takes its layer weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from nastdata.draws import draw_int
from nastdata.errors import UserError
from nastdata.train.models import DualEncoder, fingerprint_text
from nastdata.train.statistics import bootstrap_clusters, sum_clusters
from nastdata.train.tracing import (
    CaptionPair,
    PatchedPair,
    attend_to_negator,
    estimate_effects,
    patch_pairs,
    project_effect,
    restore_weights,
    score,
    shuffle_weights,
)

Floats = npt.NDArray[np.float64]
ROLES = ("start", "before", "negation", "condition", "stop", "end")
"""Positions of captions of different lengths, brought into line."""


@dataclass(frozen=True)
class TraceSettings:
    """What decides a trace."""

    threshold: float = 0.01
    """Least d = S_corr - S_foil of a pair that enters; between it and its negative it is ambiguous."""
    controls: int = 3
    """Towers with shuffled weights to compare with."""
    bootstrap: int = 1000
    seed: int = 0
    batch_size: int = 512


@dataclass(frozen=True)
class Trace:
    """Results. ``arrays``: see ``docs/train.md``; layer 0 is the embedding, layer l the output of block l."""

    facts: dict[str, Any]
    arrays: dict[str, Floats] = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write ``trace.json`` and ``trace.safetensors``."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        arrays = {k: np.ascontiguousarray(v) for k, v in self.arrays.items()}
        save_file(arrays, str(folder / "trace.safetensors"))
        (folder / "trace.json").write_text(json.dumps(self.facts, indent=1) + "\n", encoding="utf-8")


def read_trace(folder: Path) -> Trace:
    """Read a trace that ``nastdata trace`` wrote.

    Raises:
        UserError: if it is not there or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        facts = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
        return Trace(facts, load_file(str(folder / "trace.safetensors")))
    except FileNotFoundError as e:
        raise UserError("no trace here", where=str(folder), how="make one with `nastdata trace`") from e
    except (SafetensorError, ValueError, OSError) as e:
        raise UserError(
            "a damaged trace", where=str(folder), how="make it again with `nastdata trace`"
        ) from e


def run_trace(
    encoder: DualEncoder, probes: pl.DataFrame, images: Tensor, settings: TraceSettings | None = None
) -> Trace:
    """Trace the negation of probe pairs.

    Args:
        encoder: The model.
        probes: Rows of the ``probes`` config.
        images: (rows, dim) features of their images.
        settings: Thresholds, controls, bootstrap.

    Raises:
        UserError: if no pair has equal token counts, or none is in the correct segment.
    """
    s = settings or TraceSettings()
    pairs = [CaptionPair(c, f) for c, f in zip(probes["correct"], probes["foil"], strict=True)]
    distinct = list(dict.fromkeys(pairs))
    results, unequal = patch_pairs(encoder, distinct, s.batch_size)
    if not results:
        raise UserError(
            "no caption and foil have equal token counts under this model's tokenizer",
            where=encoder.spec,
            how="build the probes for it: nastdata build probes --set tokenizer=...",
        )
    by_pair = {r.pair: r for r in results}
    kept = [i for i, pair in enumerate(pairs) if pair in by_pair]
    samples = _score_samples(encoder, [pairs[i] for i in kept], by_pair, images[kept])
    segments = _segment(samples.d, s.threshold)
    right = segments == "correct"
    if not right.any():
        largest = float(np.abs(samples.d).max())
        raise UserError(
            f"no caption scores above its foil by more than {s.threshold:g} (largest |d| {largest:.2g})",
            where=encoder.spec,
            how="the model doesn't tell these captions apart; lower --threshold, or use a model that does",
        )
    rows = probes[kept]
    arrays = _sum_up(samples, right, rows["condition"].to_list(), s)
    arrays |= _compare_with_control(encoder, results, s)
    arrays |= _cross_check(encoder, results, samples, right)
    arrays["attention"] = _attend(encoder, results, rows)
    return Trace(_tell(encoder, s, rows, segments, samples, arrays, len(pairs), unequal), arrays)


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


def _score_samples(
    encoder: DualEncoder,
    pairs: Sequence[CaptionPair],
    by_pair: dict[CaptionPair, PatchedPair],
    images: Tensor,
) -> Samples:
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


def _segment(d: Floats, threshold: float) -> npt.NDArray[np.str_]:
    names: npt.NDArray[np.str_] = np.where(
        d > threshold, "correct", np.where(d < -threshold, "incorrect", "ambiguous")
    )
    return names


def _sum_up(
    samples: Samples, right: npt.NDArray[np.bool_], conditions: list[str], s: TraceSettings
) -> dict[str, Floats]:
    """Mean of ratios, ratio of means, both directions, with intervals; heat maps by role."""
    d = samples.d[right]
    names = [c for c, r in zip(conditions, right, strict=True) if r]
    negation = ROLES.index("negation")
    out: dict[str, Floats] = {}
    for name, effects in (("noising", samples.noised[right]), ("denoising", samples.denoised[right])):
        ratios = effects / d[:, None, None]
        out[f"{name}_heat"] = _mean_known(ratios)
        out[f"{name}_heat_ratio_of_means"] = _mean_known(effects) / d.mean()
        for kind, above, below in (
            ("mean_of_ratios", ratios[:, :, negation], np.ones_like(d)),
            ("ratio_of_means", effects[:, :, negation], d),
        ):
            sums, _, order = sum_clusters(above, names)
            counts, _, _ = sum_clusters(below, names)
            out[f"{name}_{kind}"] = above.sum(axis=0) / below.sum()
            out[f"{name}_{kind}_by_condition"] = sums / counts[:, None]
            low, high = bootstrap_clusters(sums, counts, s.bootstrap, draw_int(s.seed, name, kind))
            out[f"{name}_{kind}_interval"] = np.stack([low, high])
            out[f"{name}_{kind}_interval_by_condition"] = _within(above, below, names, order, s)
    return out


def _within(above: Floats, below: Floats, names: list[str], order: list[str], s: TraceSettings) -> Floats:
    """Intervals of each condition, its images resampled: (2, conditions, depth + 1)."""
    bounds = []
    for condition in order:
        at = np.array([n == condition for n in names])
        bounds.append(
            np.stack(bootstrap_clusters(above[at], below[at], s.bootstrap, draw_int(s.seed, condition)))
        )
    return np.stack(bounds, axis=1)


def _mean_known(values: Floats) -> Floats:
    """Mean over rows; roles that no pair has stay NaN."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)
    return mean


def _project(results: Sequence[PatchedPair]) -> Floats:
    """Image-free effect at the negation, averaged over pairs: (depth + 1,)."""
    effects = [project_effect(r.noised, r.plain)[:, list(r.differs)].mean(dim=1) for r in results]
    return to_array(torch.stack(effects).mean(dim=0))


def to_array(tensor: Tensor) -> Floats:
    """Return a tensor as float64 numpy."""
    array: Floats = tensor.detach().double().cpu().numpy()
    return array


def _compare_with_control(
    encoder: DualEncoder, results: Sequence[PatchedPair], s: TraceSettings
) -> dict[str, Floats]:
    """The same without images, for this tower and for towers whose weights are shuffled."""
    controls = []
    for i in range(s.controls):
        saved = shuffle_weights(encoder, draw_int(s.seed, "control", i))
        try:
            patched, _ = patch_pairs(encoder, [r.pair for r in results], s.batch_size, both=False)
            controls.append(_project(patched))
        finally:
            restore_weights(saved)
    out = {"text_space": _project(results)}
    if controls:
        out["text_space_control"] = np.stack(controls)
    return out


def _cross_check(
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


def _attend(encoder: DualEncoder, results: Sequence[PatchedPair], rows: pl.DataFrame) -> Floats:
    """Attention to the negator in the negated caption, averaged over distinct pairs: (depth, heads)."""
    where = {
        CaptionPair(c, f): 0 if n == "correct" else 1
        for c, f, n in rows.select("correct", "foil", "negation_in").iter_rows()
    }
    seen = [attend_to_negator(encoder, r, where[r.pair]) for r in results if r.pair in where]
    return to_array(torch.stack(seen).mean(dim=0))


def _tell(
    encoder: DualEncoder,
    s: TraceSettings,
    rows: pl.DataFrame,
    segments: npt.NDArray[np.str_],
    samples: Samples,
    arrays: dict[str, Floats],
    given: int,
    unequal: Sequence[CaptionPair],
) -> dict[str, Any]:
    """Everything but arrays: what was traced, with what, and the figures that people read."""
    from nastdata import __version__
    from nastdata.lineage import find_revision, find_version

    negation_in = rows["negation_in"].to_numpy()
    counts = {
        name: {
            k: int(((segments == k) & (negation_in == name)).sum())
            for k in ("correct", "ambiguous", "incorrect")
        }
        for name in ("correct", "foil")
    }
    exact, estimated = arrays["attribution_patching"]
    right = segments == "correct"
    by_condition = sorted({c for c, r in zip(rows["condition"], right, strict=True) if r})
    return {
        "nastdata": __version__,
        "git_revision": find_revision(),
        "libraries": {n: find_version(n) for n in ("torch", "open_clip_torch", "transformers", "numpy")},
        "model": encoder.spec,
        "text_tower": fingerprint_text(encoder),
        "depth": encoder.text.depth,
        "heads": encoder.text.heads,
        "causal": encoder.text.causal,
        "settings": asdict(s),
        "rows": {"given": given, "traced": len(rows), "left_out_unequal_tokens": given - len(rows)},
        "segments_by_negation_in": counts,
        "distinct_pairs": len({r.pair for r in samples.pair}),
        "unequal_pairs": [[p.correct, p.foil] for p in unequal],
        "mean_d_correct": round(float(samples.d[right].mean()), 6),
        "roles": list(ROLES),
        "conditions": by_condition,
        "cte": {
            k: [round(float(v), 6) for v in arrays[k]]
            for k in ("noising_mean_of_ratios", "noising_ratio_of_means", "denoising_mean_of_ratios")
        },
        "attribution_correlation": round(float(np.corrcoef(exact, estimated)[0, 1]), 4)
        if exact.std() > 0
        else None,
    }
