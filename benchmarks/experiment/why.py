"""Why: where the trace puts its mass, whether that is stable, which blocks carry the gain, which heads.

That training the traced blocks alone recovers the gain (the causal check) is a control that is trained: ``top
three`` beside ``bottom three`` and ``uniform``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from torch import Tensor

from experiment.method import Place, open_rows
from experiment.sizes import Size
from nastdata.models.base import DualEncoder
from nastdata.ontology import load_ontology
from nastdata.statistics import Floats
from nastdata.tracing.agreement import ESTIMATORS, rank_correlation
from nastdata.tracing.patching import CaptionPair, patch_pairs
from nastdata.tracing.samples import score_samples, segment_pairs
from nastdata.tracing.sums import sum_up

TEMPLATES: dict[str, tuple[str, str]] = {
    "there is": ("There is severe {x}.", "There is no {x}."),
    "is seen": ("Severe {x} is seen.", "No {x} is seen."),
    "shows": ("The chest radiograph shows severe {x}.", "The chest radiograph shows no {x}."),
    "with": ("Chest radiograph with {x}.", "Chest radiograph without {x}."),
    "present": ("{X} is present.", "{X} is absent."),
}
"""Name -> an affirmation and a denial that differ in one word; the first is that of the probes."""
MAIN = "robust"
DRAWS = 20
"""Resamples of intervals that are not shown."""
TOP = 3


def look_into(place: Place, size: Size) -> dict[str, Any]:
    """Return figures of one pretrained model and its trace, as plain JSON values.

    ``by_caption`` and ``by_condition``: name -> effect of each block (from 1), by the robust estimator.
    ``estimators``: the same by estimator. ``heads``, ``attention``: depth x heads. ``stability``: mean rank
    correlation of blocks between captions, conditions, estimators, and of heads with attention.
    """
    from experiment.runs import name_base
    from nastdata.models.dataset_rows import get_keys
    from nastdata.models.image_features import embed_images
    from nastdata.models.registry import load_encoder
    from nastdata.tracing.run import read_trace

    trace = read_trace(place.trace)
    encoder = load_encoder(name_base(place), size.device)
    data = open_rows(place.data("probes"), size)
    rows = data.rows("probes", "train", size.probes)
    images = embed_images(encoder, data.store, get_keys(rows), place.cache)
    by_caption = trace_captions(encoder, rows, images, size.threshold)
    named = zip(trace.facts["conditions"], trace.arrays[f"noising_{MAIN}_by_condition"], strict=True)
    by_condition = {name: effects[1:] for name, effects in named}
    estimators = {e: trace.arrays[f"noising_{e}"][1:] for e in ESTIMATORS}
    heads, attention = trace.arrays[f"heads_{MAIN}"], trace.arrays["attention"]
    return {
        "blocks": len(estimators[MAIN]),
        "estimators": _to_lists(estimators),
        "by_caption": _to_lists(by_caption),
        "by_condition": _to_lists(by_condition),
        "heads": [_round(row) for row in heads],
        "attention": [_round(row) for row in attention],
        "share_of_top": share_of_top(estimators[MAIN]),
        "stability": {
            "captions": correlate(list(by_caption.values())),
            "conditions": correlate(list(by_condition.values())),
            "estimators": correlate(list(estimators.values())),
            "heads with attention": rank_correlation(heads.flatten(), attention.flatten()),
        },
    }


def trace_captions(
    encoder: DualEncoder, rows: pl.DataFrame, images: Tensor, threshold: float
) -> dict[str, Floats]:
    """Return template -> effect of each block: the probes' facts in other words.

    A template is left out where no caption scores above its foil.
    """
    known = load_ontology("chest_xray").condition_by_name
    out: dict[str, Floats] = {}
    for name, (affirms, denies) in TEMPLATES.items():
        pairs = []
        for condition, negation_in in rows.select("condition", "negation_in").iter_rows():
            said = known[condition].text
            slots = {"x": said, "X": f"{said[0].upper()}{said[1:]}"}
            both = [t.format_map(slots) for t in (affirms, denies)]
            pairs.append(CaptionPair(*(both if negation_in == "foil" else both[::-1])))
        results, _ = patch_pairs(encoder, list(dict.fromkeys(pairs)))
        by_pair = {r.pair: r for r in results}
        kept = [i for i, pair in enumerate(pairs) if pair in by_pair]
        if not kept:
            continue
        samples = score_samples(encoder, [pairs[i] for i in kept], by_pair, images[kept])
        right = segment_pairs(samples.d, threshold) == "correct"
        if right.any():
            arrays = sum_up(samples, right, rows[kept]["condition"].to_list(), DRAWS, 0)
            out[name] = arrays[f"noising_{MAIN}"][1:]
    return out


def compare_bases(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what holds over pretrained models: rank correlations of block effects for each estimator."""
    estimators = {e: correlate([np.array(f["estimators"][e]) for f in found]) for e in found[0]["estimators"]}
    return {
        "models": len(found),
        "blocks": estimators,
        "heads": correlate([np.array(f["heads"]).flatten() for f in found]),
        "attention": correlate([np.array(f["attention"]).flatten() for f in found]),
        "same_top": same_top([np.array(f["estimators"][MAIN]) for f in found]),
        "same_head": len({int(np.argmax(np.array(f["heads"]))) for f in found}) == 1,
    }


def write_why(found: list[dict[str, Any]], compared: dict[str, Any]) -> str:
    """Return the section of ``docs/experiment.md`` (Markdown tables; no heading above level 2)."""
    n, blocks = len(found), found[0]["blocks"]
    head = "| block | " + " | ".join(f"model {i + 1}" for i in range(n)) + " |"
    lines = [
        "## Why: where the trace points",
        "",
        "Share of d = S(correct) - S(foil) that is lost when the negation's state after a block is exchanged "
        f"for the foil's ({MAIN} estimator, in per cent). Before the first block it is 100.",
        "",
        head,
        "|---" * (n + 1) + "|",
    ]
    for b in range(blocks):
        cells = [f"{100 * f['estimators'][MAIN][b]:.1f}" for f in found]
        lines.append(f"| {b + 1} | " + " | ".join(cells) + " |")
    top = " and ".join(f"{100 * f['share_of_top']:.0f} %" for f in found)
    models = "models" if n != 1 else "model"
    lines += [
        "",
        f"The {TOP} blocks with the largest effects hold {top} of all positive effects.",
        "",
        "### Is it stable?",
        "",
        "Rank correlation of the blocks (1: the same order; 0: none), mean over pairs.",
        "",
        "| between | " + " | ".join(f"model {i + 1}" for i in range(n)) + " |",
        "|---" * (n + 1) + "|",
    ]
    for key, name in (
        ("captions", f"{len(TEMPLATES)} wordings of the probes"),
        ("conditions", "conditions"),
        ("estimators", "estimators"),
        ("heads with attention", "heads: effect, and attention of the last token to the negation"),
    ):
        lines.append(f"| {name} | " + " | ".join(_tell(f["stability"][key]) for f in found) + " |")
    if n > 1:
        lines += ["", f"| between {n} pretrained {models} | rank correlation |", "|---|---|"]
        lines += [f"| blocks, {e.replace('_', ' ')} | {_tell(r)} |" for e, r in compared["blocks"].items()]
        lines += [
            f"| heads | {_tell(compared['heads'])} |",
            f"| attention | {_tell(compared['attention'])} |",
        ]
        lines += ["", f"All models share {compared['same_top']} of their {TOP} strongest blocks."]
    lines += [
        "",
        "### Which heads",
        "",
        "| model | strongest heads (block.head: effect in per cent) |",
        "|---|---|",
    ]
    for i, f in enumerate(found):
        heads = np.array(f["heads"])
        order = np.argsort(-heads, axis=None, kind="stable")[:TOP]
        places = [np.unravel_index(k, heads.shape) for k in order]
        told = ", ".join(f"{int(b) + 1}.{int(h)}: {100 * heads[b, h]:.1f}" for b, h in places)
        lines.append(f"| {i + 1} | {told} |")
    lines += ["", "Blocks are counted from 1, heads from 0; all positions of a head are exchanged together."]
    return "\n".join(lines) + "\n"


def correlate(values: Sequence[Floats]) -> float | None:
    """Return the mean rank correlation over pairs; None if there is no pair."""
    found = [rank_correlation(a, b) for a, b in combinations(values, 2)]
    return round(float(np.mean(found)), 4) if found else None


def share_of_top(effects: Floats) -> float:
    """Return the share that the three largest effects have of all positive ones."""
    positive = np.sort(np.maximum(effects, 0))[::-1]
    whole = positive.sum()
    return round(float(positive[:TOP].sum() / whole), 4) if whole > 0 else 0.0


def same_top(effects: Sequence[Floats]) -> int:
    """Return how many of the three strongest blocks are the same in all."""
    tops = [set(np.argsort(-e, kind="stable")[:TOP].tolist()) for e in effects]
    return len(set.intersection(*tops))


def _tell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _round(values: Floats) -> list[float]:
    return [round(float(v), 6) for v in values]


def _to_lists(effects: dict[str, Floats]) -> dict[str, list[float]]:
    return {name: _round(values) for name, values in effects.items()}
