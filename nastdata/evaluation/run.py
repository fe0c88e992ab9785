"""Evaluation of models on dataset folders: figures with intervals, paired tests, tables, bars."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nastdata.dataset.kept import load_kept_ontology
from nastdata.errors import UserError
from nastdata.evaluation import outcomes as judge
from nastdata.evaluation.outcomes import Features, Outcome
from nastdata.evaluation.protocols import judge_protocols
from nastdata.evaluation.reliance import judge_claim_reliance
from nastdata.models.base import DualEncoder, fingerprint_images, fingerprint_text
from nastdata.models.dataset_rows import Data, get_keys
from nastdata.models.image_features import embed_images
from nastdata.models.post_hoc.encoder import PostHocEncoder
from nastdata.models.python_object import PythonEncoder
from nastdata.models.text_features import TextReader
from nastdata.ontology import Ontology, load_ontology
from nastdata.seeded import draw_int
from nastdata.statistics import (
    Floats,
    compare_clustered,
    compare_paired,
    estimate_difference,
    estimate_mean,
    estimate_statistic,
)

LEAST = 5
"""Images of each kind that an AUC needs."""
PERMUTATIONS = 4000
"""Draws of the clustered paired test."""


@dataclass(frozen=True)
class EvaluateSettings:
    """What decides an evaluation's figures."""

    split: str | None = "test"
    bootstrap: int = 1000
    seed: int = 0
    limit: int | None = None


def evaluate(
    encoder: DualEncoder, data: Data, settings: EvaluateSettings, cache: Path | None
) -> list[Outcome]:
    """Judge one model on every config that a dataset has."""
    reader = TextReader(encoder)

    def embed(texts: Sequence[str]) -> Features:
        features: Features = reader.embed(texts).float().cpu().numpy()
        return features

    def look(frame: pl.DataFrame, column: str = "image") -> Features:
        keys = get_keys(frame, column)
        features: Features = embed_images(encoder, data.store, keys, cache).float().numpy()
        return features

    out: list[Outcome] = []
    for config in data.frames:
        if config == "probes":
            continue
        rows = data.rows(config, settings.split, settings.limit)
        if config == "mednega":
            out += judge.judge_questions(rows, look(rows), embed, settings.seed)
        elif config == "contextual_claims":
            out += judge.judge_claims(rows, look(rows), embed)
            out += judge_claim_reliance(rows, look(rows), embed, settings.seed)
        elif config == "contextual_captions":
            out += judge.judge_captions(rows, look(rows), embed, settings.seed)
        elif config == "opposition":
            rows = rows.filter(pl.col("distractor_image").is_not_null())
            out += judge.judge_prompts(rows, look(rows), look(rows, "distractor_image"), embed)
        elif config == "protocols":
            out += judge_protocols(rows, look(rows), embed)
        elif config == "choices":
            out += judge.judge_choices(rows, look(rows), embed)
    if not out:
        raise UserError(
            "nothing to evaluate here", where=str(data.folder.path), how="give mednega or contextual data"
        )
    return out


def merge_outcomes(parts: Sequence[tuple[str, Sequence[Outcome]]]) -> list[Outcome]:
    """Join the outcomes of several datasets; a metric that two of them have is named by its dataset."""
    names = [o.name for _, found in parts for o in found]
    return [
        replace(o, name=f"{label}:{o.name}") if names.count(o.name) > 1 else o
        for label, found in parts
        for o in found
    ]


def summarise(found: Sequence[Outcome], settings: EvaluateSettings) -> dict[str, Any]:
    """Return metric -> mean, low, high, n; strata as ``metric[stratum=value]``; gaps of claims and recall."""
    out: dict[str, Any] = {}
    for o in found:
        out[o.name] = estimate_mean(o.values, o.clusters, settings.bootstrap, _seed(settings, o.name))
        for stratum, names in o.strata.items():
            parts = {v: np.array([n == v for n in names]) for v in sorted(set(names))}
            for value, at in parts.items():
                key = f"{o.name}[{stratum}={value}]"
                some = [c for c, keep in zip(o.clusters, at, strict=True) if keep]
                out[key] = estimate_mean(o.values[at], some, settings.bootstrap, _seed(settings, key))
            if stratum == "truth" and {"affirmative", "negated"} <= set(parts):
                out[f"{o.name}_gap"] = _difference(o, parts["affirmative"], parts["negated"], settings)
    by_name = {o.name: o for o in found}
    if "mcq_negated" in by_name and "mcq_affirmative" in by_name:
        first, second = by_name["mcq_affirmative"], by_name["mcq_negated"]
        out["mcq_gap"] = estimate_difference(
            first.values, first.clusters, second.values, second.clusters, settings.bootstrap, settings.seed
        ) | {"mcnemar": compare_paired(first.values > 0, second.values > 0)}
    return out


def score_conditions(
    encoder: DualEncoder, data: Data, settings: EvaluateSettings, cache: Path | None
) -> dict[str, dict[str, Any]]:
    """Zero-shot AUC of each condition: affirmative prompt, negated prompt (reversed), their difference."""
    ontology = _find_ontology(data)
    frames = {
        k: f.filter(pl.col("split") == settings.split) if settings.split else f
        for k, f in data.frames.items()
    }
    reader = TextReader(encoder)
    patients = {
        (s, i): p
        for f in frames.values()
        for s, i, p in f.select("source", "image", "patient_id").iter_rows()
    }
    out: dict[str, dict[str, Any]] = {}
    for condition, states in sorted(judge.read_states(frames).items()):
        keys = sorted(states)
        truth = np.array([states[k] for k in keys])
        if min(truth.sum(), len(truth) - truth.sum()) < LEAST:
            continue
        images = embed_images(encoder, data.store, keys, cache).float().numpy()
        yes, no = (reader.embed([t])[0].float().cpu().numpy() for t in word_condition(ontology, condition))
        scores = {"affirmative": images @ yes, "negated": -(images @ no), "difference": images @ (yes - no)}
        clusters = [patients[k] for k in keys]
        out[condition] = {
            name: _estimate_auc(truth, score, clusters, settings) for name, score in scores.items()
        } | {"present": int(truth.sum()), "absent": int(len(truth) - truth.sum())}
    return out


def compare_models(
    found: Mapping[str, Sequence[Outcome]], base: str, settings: EvaluateSettings
) -> dict[str, dict[str, Any]]:
    """Compare every model with ``base`` on the same rows: difference, interval, McNemar, clustered test."""
    reference = {o.name: o for o in found[base]}
    out: dict[str, dict[str, Any]] = {}
    for name, others in found.items():
        if name == base:
            continue
        for o in others:
            b = reference.get(o.name)
            if b is None or b.ids != o.ids:
                continue
            entry: dict[str, Any] = estimate_mean(
                o.values - b.values, o.clusters, settings.bootstrap, settings.seed
            )
            if set(np.unique([*o.values, *b.values])) <= {0.0, 1.0}:
                entry["mcnemar"] = compare_paired(o.values > 0, b.values > 0)
            entry["p_clustered"] = compare_clustered(
                o.values - b.values, o.clusters, PERMUTATIONS, _seed(settings, o.name + "signs")
            )
            out.setdefault(name, {})[o.name] = entry
    return out


def describe_model(encoder: DualEncoder) -> dict[str, Any]:
    """Return what identifies a model in a report."""
    return {
        "model": encoder.spec,
        "text_tower": fingerprint_text(encoder),
        "image_tower": fingerprint_images(encoder),
        "depth": None if isinstance(encoder, PythonEncoder | PostHocEncoder) else encoder.text.depth,
    }


def word_condition(ontology: Ontology, condition: str) -> tuple[str, str]:
    """Return ("There is a pleural effusion.", "There is no pleural effusion.")."""
    known = ontology.condition_by_name.get(condition)
    text = known.text if known else condition.lower()
    verb = "are" if known and known.number == "plural" else "is"
    article = f"{known.article} " if known and known.article else ""
    return f"There {verb} {article}{text}.", f"There {verb} no {text}."


def write_table(results: Mapping[str, Mapping[str, Any]], keys: Sequence[str] | None = None) -> str:
    """Return a Markdown table, models down, metrics across, in per cent with intervals."""
    names = keys or [k for k in next(iter(results.values())) if "[" not in k]
    names = [k for k in names if any(k in r for r in results.values())]
    lines = ["| model | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for model, r in results.items():
        lines.append(f"| {model} | " + " | ".join(_tell(r.get(k)) for k in names) + " |")
    return "\n".join(lines)


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write ``evaluation.json``, ``evaluation.md`` and the bars of negated beside affirmative options."""
    from nastdata.evaluation.plots import plot_bars

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    results = report["results"]
    parts = [write_table(results)]
    for name, title in (("claim", "Claim accuracy"), ("recall@1", "R@1"), ("mcq", "Options")):
        kinds = (
            ("mcq_affirmative", "mcq_negated")
            if name == "mcq"
            else tuple(f"{name}[truth={t}]" for t in ("affirmative", "negated"))
        )
        if all(k in r for r in results.values() for k in kinds):
            parts.append(
                f"## {title}: affirmative and negated\n\n" + write_table(results, [*kinds, f"{name}_gap"])
            )
            series = {
                t: [r[k] for r in results.values()]
                for t, k in zip(("affirmative", "negated"), kinds, strict=True)
            }
            plot_bars(folder / f"{name.replace('@', '')}.png", list(results), series, title, "share right")
    (folder / "evaluation.md").write_text("# Evaluation\n\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


def _tell(value: Any) -> str:
    if value is None:
        return ""
    return f"{100 * value['mean']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"


def _difference(o: Outcome, first: Any, second: Any, settings: EvaluateSettings) -> dict[str, float]:
    def take(at: Any) -> tuple[Floats, list[str]]:
        return o.values[at], [c for c, keep in zip(o.clusters, at, strict=True) if keep]

    return estimate_difference(
        *take(first), *take(second), settings.bootstrap, _seed(settings, o.name + "gap")
    )


def _estimate_auc(
    truth: Any, score: Any, clusters: list[str], settings: EvaluateSettings
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    def statistic(at: Any) -> float:
        some = truth[at]
        return float(roc_auc_score(some, score[at])) if 0 < some.sum() < len(some) else float("nan")

    low, high = estimate_statistic(statistic, clusters, min(settings.bootstrap, 200), settings.seed)
    return {"mean": float(roc_auc_score(truth, score)), "low": low, "high": high, "n": len(truth)}


def _find_ontology(data: Data) -> Ontology:
    recipe = (data.folder.manifest or {}).get("recipe", {})
    try:
        return load_kept_ontology(data.folder.path, recipe)
    except UserError:
        return load_ontology("chest_xray")


def _seed(settings: EvaluateSettings, name: str) -> int:
    return draw_int(settings.seed, "evaluate", name)
