"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nastdata.images.find import ImageLoader
from nastdata.records import SPLITS
from nastdata.report.counts import FEW, count_config, count_patients
from nastdata.report.describe import Description
from nastdata.report.examples import pick_examples
from nastdata.report.plots import draw_pairs, draw_solvers

HERE = Path(__file__).resolve().parent
REASONS, SAMPLES = 40, 3


def render_report(
    about: Description,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    rejects: pl.DataFrame | None,
    loader: ImageLoader | None = None,
) -> str:
    """Return the page. Everything that comes from data is escaped, and only our own script may run."""
    sources = {s["name"]: s for s in manifest.get("sources") or []}
    ordered = {n: pl.concat([f.filter(pl.col("split") == s) for s in SPLITS]) for n, f in frames.items()}
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["thousands"] = lambda n: f"{n:,}"
    return environment.get_template("template.html.j2").render(
        about=about,
        manifest=manifest,
        style_hash=_hash(environment.get_template("style.css").render()),
        script_hash=_hash(environment.get_template("script.js").render()),
        splits=SPLITS,
        patients=count_patients(ordered),
        counts=[_show_counts(n, f) for n, f in ordered.items()],
        audit=_show_audit(manifest),
        examples=[(n, pick_examples(n, f, sources, loader)) for n, f in ordered.items()],
        rejects=_show_rejects(rejects),
        left_out=_list_left_out(manifest),
        ledger=_flatten(manifest.get("ledger") or {}),
        recipe=_pretty(manifest.get("recipe")),
        design=_pretty((manifest.get("counts") or {}).get("design")),
    )


def _hash(text: str) -> str:
    """Return what a content security policy calls a piece of inline style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _show_counts(config: str, frame: pl.DataFrame) -> dict[str, Any]:
    counts = count_config(config, frame)
    kinds = counts.total("type")
    return {
        "counts": counts,
        "few": FEW,
        "small": len(counts.few_in_test),
        "by_condition": draw_pairs(counts.total("condition"), counts.labels),
        "by_type": draw_pairs(kinds, counts.labels) if len(kinds) > 1 else None,
    }


def _show_audit(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Group solvers by config and subset, a plot each; what else the audit holds is shown as tables."""
    audit = manifest.get("audit")
    if not audit:
        return None
    threshold = ((manifest.get("recipe") or {}).get("audit") or {}).get("threshold")
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for s in audit.get("solvers", []):
        groups.setdefault((s["config"], s.get("subset") or ""), []).append(s)
    plots = []
    for (config, subset), solvers in groups.items():
        limit = threshold if config == "mednega" else None
        plots.append(
            {"config": config, "subset": subset, "solvers": solvers, "plot": draw_solvers(solvers, limit)}
        )
    rest = [(key, _flatten(audit[key])) for key in ("balance", "leakage", "method") if audit.get(key)]
    best = max(audit.get("solvers", []), key=lambda s: s["accuracy"] - s["chance"], default=None)
    return {"plots": plots, "best": best, "verdict": audit.get("verdict") or {}, "rest": rest}


def _show_rejects(rejects: pl.DataFrame | None) -> dict[str, Any]:
    """Count rejects by stage and reason, most frequent first, a few texts each."""
    if rejects is None or not len(rejects):
        return {"total": 0, "reasons": [], "more": 0}
    table = (
        rejects.lazy()
        .group_by("stage", "reason", maintain_order=True)
        .agg(pl.len().alias("n"), pl.struct("source", "key", "text").head(SAMPLES).alias("samples"))
        .sort("n", "stage", "reason", descending=[True, False, False])
        .collect()
    )
    return {
        "total": len(rejects),
        "reasons": table.head(REASONS).to_dicts(),
        "more": max(len(table) - REASONS, 0),
    }


def _list_left_out(manifest: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    accounts = (manifest.get("counts") or {}).get("sources", {})
    return [(name, why, n) for name, a in accounts.items() for why, n in a["left_out"].items()]


def _flatten(data: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested mappings into (dotted name, value) lines."""
    if isinstance(data, Mapping):
        return [line for k, v in data.items() for line in _flatten(v, f"{prefix}.{k}" if prefix else str(k))]
    if data is None:
        return [(prefix, "unknown")]
    if isinstance(data, bool):
        return [(prefix, "yes" if data else "no")]
    if isinstance(data, int):
        return [(prefix, f"{data:,}")]
    if isinstance(data, float):
        return [(prefix, f"{data:.4g}")]
    return [(prefix, data if isinstance(data, str) else json.dumps(data, ensure_ascii=False))]


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) if data else ""
