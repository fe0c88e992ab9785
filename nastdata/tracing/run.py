"""Causal tracing of negation through a text tower: where it is carried, with what certainty.

``run_trace`` patches, scores all images and sums up; ``Trace`` is written as JSON and safetensors, from which
``nastdata train`` takes its layer weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.base import DualEncoder, fingerprint_text
from nastdata.statistics import Floats
from nastdata.text_input.plain_files import open_file, read_file
from nastdata.tracing.agreement import describe_agreement
from nastdata.tracing.checks import attend, compare_with_control, cross_check
from nastdata.tracing.heads import trace_heads
from nastdata.tracing.patching import CaptionPair, patch_pairs
from nastdata.tracing.samples import ROLES, Samples, score_samples, segment_pairs
from nastdata.tracing.sums import sum_up


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


FILES = ("trace.json", "trace.safetensors")
MOST_BYTES = 256 << 20
"""Of ``trace.json``."""


def read_trace(folder: Path) -> Trace:
    """Read a trace that ``nastdata trace`` wrote.

    Raises:
        UserError: if it is not there or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    for name in FILES:
        if not (folder / name).exists():
            raise UserError("no trace here", where=str(folder), how="make one with `nastdata trace`")
        open_file(folder / name).close()
    again = "make it again with `nastdata trace`"
    try:
        facts = json.loads(read_file(folder / FILES[0], MOST_BYTES).decode())
        arrays = load_file(str(folder / FILES[1]))
    except (SafetensorError, ValueError, OSError, KeyError, TypeError, RecursionError) as e:
        raise UserError("a damaged trace", where=str(folder), how=again) from e
    if not isinstance(facts, dict) or not all(np.issubdtype(a.dtype, np.floating) for a in arrays.values()):
        raise UserError(
            "not a trace: other values than `nastdata trace` writes", where=str(folder), how=again
        )
    return Trace(facts, arrays)


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
    samples = score_samples(encoder, [pairs[i] for i in kept], by_pair, images[kept])
    segments = segment_pairs(samples.d, s.threshold)
    right = segments == "correct"
    if not right.any():
        largest = float(np.abs(samples.d).max())
        raise UserError(
            f"no caption scores above its foil by more than {s.threshold:g} (largest |d| {largest:.2g})",
            where=encoder.spec,
            how="the model doesn't tell these captions apart; lower --threshold, or use a model that does",
        )
    rows = probes[kept]
    arrays = sum_up(samples, right, rows["condition"].to_list(), s.bootstrap, s.seed)
    arrays |= compare_with_control(encoder, results, s.controls, s.seed, s.batch_size)
    arrays |= cross_check(encoder, results, samples, right)
    arrays["attention"] = attend(encoder, results, rows)
    at = np.flatnonzero(right)
    some = replace(samples, pair=[samples.pair[i] for i in at], images=samples.images[at], d=samples.d[at])
    arrays |= trace_heads(encoder, some, [rows["condition"][int(i)] for i in at], s.bootstrap, s.seed)
    return Trace(_tell(encoder, s, rows, segments, samples, arrays, len(pairs), unequal), arrays)


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
    from nastdata.provenance import find_revision, find_version

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
            for k in (
                *("noising_mean_of_ratios", "noising_ratio_of_means", "noising_robust"),
                *("denoising_mean_of_ratios", "denoising_robust"),
            )
        },
        "agreement": describe_agreement(arrays),
        "attribution_correlation": round(float(np.corrcoef(exact, estimated)[0, 1]), 4)
        if exact.std() > 0
        else None,
    }
