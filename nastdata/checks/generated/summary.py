"""Totals, rates with patient-clustered intervals, paired differences, and agreement of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from nastdata.checks.generated.judge import VERDICTS
from nastdata.checks.generated.results import COUNTS, Result, list_worst
from nastdata.statistics import Floats, resample_sums

RATES: dict[str, tuple[str, str, str]] = {
    "supported": ("supported", "said", "of the findings that the texts state, those that are on record"),
    "contradicted": ("contradicted", "said", "of the findings stated, those that the record contradicts"),
    "not_supported": ("not_supported", "said", "of the findings stated, those that are not on record"),
    "contradicted_existence": ("contradicted_existence", "said", "contradicted in whether it is there"),
    "contradicted_location": ("contradicted_location", "said", "contradicted in its place or side"),
    "contradicted_severity": ("contradicted_severity", "said", "contradicted in its grade"),
    "wrong_present": (
        "wrong_present",
        "said_present",
        "of the findings stated as present, those contradicted",
    ),
    "wrong_absent": ("wrong_absent", "said_absent", "of the findings stated as absent, those contradicted"),
    "missed_present": (
        "missed_present",
        "recorded_present",
        "of the conditions present on record, those left out",
    ),
    "unread": ("unread", "findings", "of all findings, those in a part that was not understood"),
}
"""Rate -> what is counted, out of what, in words."""


def summarise(results: Sequence[Result], draws: int, seed: int, worst: int) -> dict[str, Any]:
    """Return ``files`` and ``differences`` of the JSON output (``docs/validate.md``)."""
    names = sorted({c for r in results for c in r.clusters})
    index = {c: i for i, c in enumerate(names)}
    blocks = [_sum_clusters(r.counts, r.clusters, index) for r in results]
    pairs = [_match(results[0], r, index) for r in results[1:]]
    stacked = np.hstack([*blocks, *(b for first, other, _ in pairs for b in (first, other))])
    totals = resample_sums(stacked, draws, seed)
    width = len(COUNTS)

    def part(i: int) -> Floats:
        return totals[:, i * width : (i + 1) * width]

    files = {}
    for i, r in enumerate(results):
        files[r.name] = _describe(r, worst) | {"rates": _rate(r.counts.sum(0), part(i))}
    differences = []
    for j, r in enumerate(results[1:]):
        at = len(results) + 2 * j
        first, other, texts = pairs[j]
        differences += _compare(
            results[0].name, r.name, first.sum(0), other.sum(0), part(at), part(at + 1), texts
        )
    return {"files": files, "differences": differences}


def _sum_clusters(counts: Floats, clusters: Sequence[str], index: dict[str, int]) -> Floats:
    out = np.zeros((len(index), len(COUNTS)))
    if len(clusters):
        np.add.at(out, np.array([index[c] for c in clusters]), counts)
    return out


def _match(first: Result, other: Result, index: dict[str, int]) -> tuple[Floats, Floats, int]:
    """Return the cluster totals of both files over the texts whose keys both have, and how many these are."""
    mine, theirs = _number(first.keys), _number(other.keys)
    shared = [k for k in mine if k in theirs]
    a, b = [mine[k] for k in shared], [theirs[k] for k in shared]
    clusters = [first.clusters[i] for i in a]
    return (
        _sum_clusters(first.counts[a], clusters, index),
        _sum_clusters(other.counts[b], clusters, index),
        len(shared),
    )


def _number(keys: Sequence[str]) -> dict[tuple[str, int], int]:
    """Key and how many-th of its key -> position."""
    seen: Counter[str] = Counter()
    out = {}
    for i, k in enumerate(keys):
        out[k, seen[k]] = i
        seen[k] += 1
    return out


def _ratios(totals: Floats, name: str) -> Floats:
    above, below, _ = RATES[name]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = totals[..., COUNTS.index(above)] / totals[..., COUNTS.index(below)]
    return ratio


def _bounds(values: Floats) -> tuple[float | None, float | None]:
    kept = values[np.isfinite(values)]
    if not len(kept):
        return None, None
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def _rate(totals: Floats, drawn: Floats) -> dict[str, Any]:
    out = {}
    for name, (above, below, _) in RATES.items():
        value = float(_ratios(totals, name))
        low, high = _bounds(_ratios(drawn, name))
        out[name] = {
            "value": value if np.isfinite(value) else None,
            "low": low,
            "high": high,
            "count": int(totals[COUNTS.index(above)]),
            "of": int(totals[COUNTS.index(below)]),
        }
    return out


def _compare(
    first: str, other: str, a: Floats, b: Floats, drawn_a: Floats, drawn_b: Floats, texts: int
) -> list[dict[str, Any]]:
    out = []
    for name in RATES:
        value = float(_ratios(b, name) - _ratios(a, name))
        low, high = _bounds(_ratios(drawn_b, name) - _ratios(drawn_a, name))
        known = bool(np.isfinite(value))
        out.append(
            {
                **{"file": other, "against": first, "rate": name, "texts": texts},
                **{"difference": value if known else None, "low": low, "high": high},
            }
        )
    return out


def _describe(r: Result, worst: int) -> dict[str, Any]:
    joined = r.joined
    captions = joined.captions
    wrong = r.findings.filter(pl.col("verdict") == "contradicted")
    style = Counter(f for faults in r.texts.filter("matched")["style"] for f in faults)
    reasons = r.findings.filter(pl.col("kind") == "unread")["reason"].value_counts(sort=True)
    return {
        "path": str(captions.path),
        "text_column": captions.text_column,
        "rows": len(captions.texts),
        "judged": len(r.keys),
        "blank": captions.blank,
        "unmatched": len(joined.unmatched),
        "unmatched_some": joined.unmatched[:5],
        "reference_unused": joined.unused,
        "reference_unused_some": joined.unused_some,
        "join": joined.by,
        "clusters": {"by": joined.clusters, "count": len(set(r.clusters))},
        "verdicts": {v: r.total(v) for v in VERDICTS},
        "contradicted": {a: r.total(f"contradicted_{a}") for a in ("existence", "location", "severity")},
        "not_supported": _count_by(r.findings.filter(pl.col("verdict") == "not_supported"), "attribute"),
        "by_condition": _cross(r.findings, "condition"),
        "by_polarity": _cross(r.findings, "polarity"),
        "by_kind": _cross(r.findings, "kind"),
        "texts_with_a_contradiction": int(wrong["row"].n_unique()),
        "texts_without_findings": r.empty,
        "statements_about_earlier_images": r.history,
        "style": dict(style.most_common()),
        "unread_reasons": dict(reasons.iter_rows()),
        "label_agreement": agree(r.labels),
        "worst": list(list_worst(r, worst)),
    }


def _count_by(findings: pl.DataFrame, column: str) -> dict[str, int]:
    counted = findings[column].fill_null("finding").value_counts(sort=True)
    return dict(counted.iter_rows())


def _cross(findings: pl.DataFrame, column: str) -> dict[str, dict[str, int]]:
    """Return value -> verdict -> count, the values with most findings first."""
    counted = findings.group_by(pl.col(column).fill_null("(none)"), "verdict").len()
    out: dict[str, dict[str, int]] = {}
    for value, verdict, n in counted.iter_rows():
        out.setdefault(value, dict.fromkeys(VERDICTS, 0))[verdict] = n
    return dict(sorted(out.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def list_totals(results: Sequence[Result]) -> pl.DataFrame:
    """Return counts by file, condition, polarity, kind, verdict and attribute."""
    by = ["file", "condition", "polarity", "kind", "verdict", "attribute"]
    parts = [r.findings.group_by(by).len("count") for r in results]
    return pl.concat(parts).sort(by, nulls_last=True)


def agree(labels: Sequence[tuple[dict[str, int], dict[str, int]]]) -> dict[str, Any]:
    """Return F1 of labels as F1-CheXbert counts them: present or uncertain is 1, absent or unmentioned 0.

    The labels of a text are our reader's, not CheXbert's; what is counted is what that metric counts.
    """
    hits: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    for said, recorded in labels:
        mine = {c for c, v in said.items() if v != 0}
        theirs = {c for c, v in recorded.items() if v != 0}
        hits.update(mine & theirs)
        extra.update(mine - theirs)
        lacking.update(theirs - mine)
    by = {c: _f1(hits[c], extra[c], lacking[c]) for c in sorted({*hits, *extra, *lacking})}
    micro = _f1(hits.total(), extra.total(), lacking.total())
    return {"micro_f1": micro, "macro_f1": sum(by.values()) / len(by) if by else None, "by_condition": by}


def _f1(hits: int, extra: int, lacking: int) -> float:
    return 2 * hits / max(2 * hits + extra + lacking, 1)
