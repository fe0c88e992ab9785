"""The tables of the experiment: means over seeds, with intervals that resample both patients and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nastdata.seeded import draw_int
from nastdata.statistics import draw_weights

Floats = npt.NDArray[np.float64]
Judged = dict[str, npt.NDArray[Any]]
"""``METRIC/values``, ``METRIC/patients`` and, of some, ``METRIC/truth``: one entry a test row."""
CONTEXTUAL = {"recall@1": "R@1", "recall@5": "R@5", "claim": "claim accuracy"}
SCALES = {
    "uniform": "none",
    "nast-gradient": "gradient (the paper's rule)",
    "nast-lr": "lr (ours)",
    "nast-lr, ratio of means": "lr, effects as a ratio of means",
}
EFFECTS = {
    "noising_mean_of_ratios": "mean of ratios",
    "noising_ratio_of_means": "ratio of means",
    "denoising_mean_of_ratios": "denoising, mean of ratios",
}
PUBLISHED = {
    "CLIP": ["23.5 / 34.7 / 24.6", "41.8 / 58.6 / 46.2", "21.6"],
    "NegCLIP": ["36.2 / 52.4 / 41.3", "49.7 / 66.3 / 54.1", "12.8"],
    "ConCLIP": ["39.7 / 55.8 / 44.9", "51.2 / 68.0 / 55.6", "10.7"],
    "NegBench": ["43.1 / 59.2 / 48.7", "53.8 / 70.4 / 58.9", "10.2"],
    "NAST": ["49.5 / 65.7 / 55.6", "54.6 / 71.2 / 59.8", "4.2"],
}
"""Figures of arXiv 2602.12498, its tables on contextual negation."""
POLARITIES = ("positive", "negative")
PAIRS = ("nast-lr", "uniform")
READING = "## Reading"
"""What people write below this heading is kept when the tables are made again."""


def write_document(
    path: Path,
    judged: Mapping[str, Sequence[Judged]],
    updates: Mapping[str, Sequence[Mapping[str, Any]]],
    about: Mapping[str, Any],
    draws: int,
) -> None:
    """Write the Markdown document.

    Args:
        path: Where.
        judged: Method -> seeds' outcomes; ``untrained`` has one.
        updates: Method -> seeds' shares of change (``top3``, ``top5``, ``norms``).
        about: plan, machine, seconds, trace, pretrain, micro.
        draws: Resamples of the intervals.
    """
    parts = [tell_setting(about), tell_bias(judged["untrained"], draws), tell_contextual(judged, draws)]
    parts += [
        tell_questions(judged, draws),
        tell_groups(judged, draws),
        tell_conditions(judged, draws),
        tell_prompts(judged, draws),
        tell_updates(updates),
        tell_data(judged, draws),
        tell_trace(about),
        tell_papers(),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    parts.insert(3, draw_claims(judged, path, draws))
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    if READING in kept:
        parts.append(kept[kept.index(READING) :].strip())
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def draw_claims(judged: Mapping[str, Sequence[Judged]], path: Path, draws: int) -> str:
    """Draw claim accuracy by what the true claim does; return the picture's Markdown."""
    from nastdata.evaluation.plots import plot_bars

    series = {
        kind: [_summary(resample(found, "claim", kind, draws)) for found in judged.values()]
        for kind in ("affirmative", "negated")
    }
    picture = path.with_name(f"{path.stem}-claims.png")
    names = [m.replace(", ", ",\n") for m in judged]
    plot_bars(picture, names, series, "Claim accuracy by the true claim", "share right")
    return f"![Claim accuracy, affirmative and negated, by method]({picture.name})"


def tell_setting(about: Mapping[str, Any]) -> str:
    """Say what was done, on what machine, how long."""
    plan, pre = about["plan"], about["plan"]["pretrain"]
    seconds = ", ".join(f"{k} {v:,.0f} s" for k, v in about["seconds"].items())
    micro = ["**A micro run: it shows that the steps work; its figures mean nothing.**"] * about["micro"]
    pretrained = (
        f"A small CLIP learns phantom images from scratch: {pre['steps']:,} steps of {pre['batch_size']} "
        f"images of {pre['patients']:,} patients, a negation in {pre['negated']:.0%} of the captions."
    )
    tuned = (
        f"It is traced, and its text tower fine-tuned by each method for {plan['steps']:,} steps (the best "
        f"by validation is kept), seeds: {plan['seeds']}, on data of {plan['patients']:,} other patients. "
        f"A step of any method puts about {plan['texts']} texts through the text tower: captions (con1), "
        "pairs of a true and a false claim (negclip), quadruplets (con2), MedNega groups in both wordings "
        "(groups), or captions and claim sets together (uniform and both nast)."
    )
    figures = (
        "All figures are of test patients, in per cent: mean over seeds [95 % interval, patients and seeds "
        "resampled]. The images are drawn: figures say how methods compare here, nothing of real images."
    )
    machine = f"Machine: {about['machine']}. Wall time: {seconds}. Again: `make experiment`."
    return "\n\n".join(["# The experiment", *micro, f"{pretrained} {tuned}", figures, machine])


def tell_bias(untrained: Sequence[Judged], draws: int) -> str:
    """Say how the pretrained model fares on true affirmations and true negations."""
    kinds = ("affirmative", "negated")
    cells = [_cell(resample(untrained, "claim", kind, draws)) for kind in kinds]
    return (
        "## The model before: affirmative bias\n\n"
        f"Claim accuracy where the true claim affirms: {cells[0]}; where it denies: {cells[1]}."
    )


def tell_contextual(judged: Mapping[str, Sequence[Judged]], draws: int) -> str:
    """Retrieval and claim accuracy on the negation and affirmative subsets, and the gap."""
    names = list(CONTEXTUAL.values())
    out = ["## Contextual negation"]
    for truth, title in (("negated", "Negation subset"), ("affirmative", "Affirmative subset")):
        rows = {
            m: [_cell(resample(found, k, truth, draws)) for k in CONTEXTUAL]
            + [_difference(judged, m, "claim", truth, draws)]
            for m, found in judged.items()
        }
        out.append(f"### {title}\n\n" + _table(["method", *names, "claim accuracy - untrained"], rows))
    gaps = {
        m: [
            _cell(resample(found, k, "affirmative", draws) - resample(found, k, "negated", draws))
            for k in CONTEXTUAL
        ]
        for m, found in judged.items()
    }
    out.append("### Gap: affirmative - negated\n\n" + _table(["method", *names], gaps))
    return "\n\n".join(out)


def tell_questions(judged: Mapping[str, Sequence[Judged]], draws: int) -> str:
    """MedNega: negated and affirmative options."""
    rows = {}
    for method, found in judged.items():
        negated, affirmative = (resample(found, f"mcq_{k}", None, draws) for k in ("negated", "affirmative"))
        rows[method] = [_cell(v) for v in (negated, affirmative, affirmative - negated)]
    names = ["method", "negated options", "affirmative options", "gap"]
    return "## MedNega (chance 25 %)\n\n" + _table(names, rows)


def tell_groups(judged: Mapping[str, Sequence[Judged]], draws: int) -> str:
    """MedNega groups matched both ways, and what survives when the image is another patient's."""
    names = {
        "image_to_text_negated": "image to text",
        "text_to_image_negated": "text to image",
        "group_negated": "group, negated options",
        "group_affirmative": "group, affirmative options",
        "survives_swapped_negated": "right answers that survive a swapped image",
    }
    rows = {m: [_cell(resample(f, k, None, draws)) for k in names] for m, f in judged.items()}
    return (
        "## MedNega groups: four images, four statements\n\n"
        "All four images find their statement, all four statements their image, all eight at once; "
        "at the end, right answers that stay right without the image (chance 25 %).\n\n"
        + _table(["method", *names.values()], rows)
    )


def tell_conditions(judged: Mapping[str, Sequence[Judged]], draws: int) -> str:
    """Zero-shot AUC, mean over conditions."""
    kinds = ("affirmative", "negated", "difference")
    rows = {m: [_cell(resample(f, f"auc_{k}", None, draws)) for k in kinds] for m, f in judged.items()}
    names = ["method", "affirmative prompt", "negated prompt, reversed", "difference of the two"]
    return "## Zero-shot AUC, mean over conditions (x 100; conditions and seeds resampled)\n\n" + _table(
        names, rows
    )


def tell_prompts(judged: Mapping[str, Sequence[Judged]], draws: int) -> str:
    """CON: top-10 retrieval by style and polarity of the prompt; attribution to the negation."""
    kinds = [f"{style} {polarity}" for style in ("structured", "natural") for polarity in POLARITIES]
    rows = {
        m: [_cell(resample(f, "prompt_top10", k, draws)) for k in kinds]
        + [_cell(resample(f, "attribution", None, draws))]
        for m, f in judged.items()
    }
    return (
        "## CON: ten nearest images of a prompt, and attribution to the word of negation\n\n"
        "Prompts and seeds resampled. Attribution: gradient x input, share of all tokens, in per cent.\n\n"
        + _table(["method", *kinds, "attribution to the negation"], rows)
    )


def tell_updates(updates: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Share of the change in the most changed layers, for the three ways to weight layers."""
    rows = {
        told: [
            _tell_seeds([u[top] for u in updates[method] if u[top] is not None]) for top in ("top3", "top5")
        ]
        for method, told in SCALES.items()
        if method in updates
    }
    names = ["scale", "three most changed layers", "five"]
    return "## Share of the update norm (mean over seeds, range)\n\n" + _table(names, rows)


def tell_data(judged: Mapping[str, Sequence[Judged]], draws: int) -> str:
    """Contextual against existence-only training data, everything else equal."""
    rows = {}
    for method in PAIRS:
        other = f"{method}, existence only"
        if method not in judged or other not in judged:
            continue
        for truth in ("negated", "affirmative"):
            first, second = (resample(judged[m], "claim", truth, draws) for m in (method, other))
            rows[f"{method}, {truth} claims"] = [_cell(v) for v in (first, second, first - second)]
    names = ["claim accuracy", "contextual data", "existence-only data", "difference"]
    return "## Is the contextual data worth it?\n\n" + _table(names, rows)


def tell_trace(about: Mapping[str, Any]) -> str:
    """The effect of each layer."""
    trace = about["trace"]
    effects = zip(*(trace["cte"][k] for k in EFFECTS), strict=True)
    rows = {str(layer): [f"{value:.3f}" for value in values] for layer, values in enumerate(effects)}
    counts = trace["segments_by_negation_in"]
    told = "; ".join(
        f"negation in the {k}: " + ", ".join(f"{s} {n:,}" for s, n in v.items()) for k, v in counts.items()
    )
    return (
        f"## Trace\n\nPairs with {told}. Effect at the negation, layer 0 being the embedding:\n\n"
        + _table(["layer", *EFFECTS.values()], rows)
    )


def tell_papers() -> str:
    """The papers' own figures, to stand beside ours."""
    return (
        "## The papers' own figures\n\nReal images (MIMIC-CXR) and published models: R@1 / R@5 / claim "
        "accuracy (arXiv 2602.12498), in per cent. To be compared with ours in order, not in height.\n\n"
        + _table(["model", "negation subset", "affirmative subset", "gap in claim accuracy"], PUBLISHED)
        + "\n\nThere, the three most changed layers hold 28.4 % of the update norm with uniform fine-tuning "
        "and 52.6 % with NAST, five 41.7 and 69.3 %. Attribution to the negation (arXiv 2512.17121): 0.107 "
        "before, 0.112 with CON1, 0.127 with CON2; negated-prompt retrieval gains about 10 and 15 %."
    )


def resample(found: Sequence[Judged], metric: str, truth: str | None, draws: int) -> Floats:
    """Return (1 + draws,): the mean over seeds, then its value in resamples of patients and seeds.

    Equal numbers of seeds and equal patients are drawn alike for all methods, so that differences of two
    results are paired. Seeds may have rows of their own (answers that were right). NaN where the metric has
    no such rows.
    """
    names = np.unique(np.concatenate([f[f"{metric}/patients"] for f in found]))
    sums, counts = np.zeros((2, len(names), len(found)))
    for seed, f in enumerate(found):
        values, at = np.asarray(f[f"{metric}/values"]), np.searchsorted(names, f[f"{metric}/patients"])
        kept = np.ones(len(at), dtype=bool) if truth is None else f[f"{metric}/truth"] == truth
        np.add.at(sums[:, seed], at[kept], values[kept])
        np.add.at(counts[:, seed], at[kept], 1.0)
    if not counts.any():
        return np.full(1 + draws, np.nan)
    weights = np.vstack([np.ones(len(names)), draw_weights(len(names), draws, seed=0)])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ sums) / (weights @ counts)
    rng = np.random.Generator(np.random.PCG64(draw_int(0, "seeds", len(found))))
    chosen = rng.integers(0, len(found), (draws, len(found)))
    first: Floats = means[:1].mean(axis=1)
    others: Floats = np.take_along_axis(means[1:], chosen, axis=1).mean(axis=1)
    return np.concatenate([first, others])


def _difference(
    judged: Mapping[str, Sequence[Judged]], method: str, metric: str, truth: str, draws: int
) -> str:
    if method == "untrained":
        return ""
    base = resample(judged["untrained"], metric, truth, draws)
    return _cell(resample(judged[method], metric, truth, draws) - base, signed=True)


def _summary(values: Floats) -> dict[str, float]:
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return {"mean": float(values[0]), "low": float(low), "high": float(high)}


def _cell(values: Floats, signed: bool = False) -> str:
    if np.isnan(values).all():
        return "no rows"
    v = {k: 100 * x for k, x in _summary(values).items()}
    return f"{v['mean']:{'+' if signed else ''}.1f} [{v['low']:.1f}, {v['high']:.1f}]"


def _tell_seeds(values: Sequence[float]) -> str:
    if not values:
        return "no change"
    return f"{100 * np.mean(values):.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def _table(names: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines)
