"""A review's figures in lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nastdata.review.questions import load_questions

REJECTED = 40
"""Rejected items that are listed; all are in ``--json``."""
TITLES = {
    "config": "accepted, by config",
    "condition": "accepted, by condition",
    "polarity": "accepted, by polarity",
    "kind": "accepted, by kind",
    "writer": "accepted, by writer",
}


def list_lines(figures: Mapping[str, Any]) -> list[str]:
    """Return everything that ``measure_review`` found."""
    return [
        *_tell_items(figures["items"]),
        *(
            line
            for key, title in TITLES.items()
            for line in _tell_acceptance(title, figures["acceptance"][key])
        ),
        *_tell_agreement(figures["agreement"]),
        *_tell_rejected(figures["rejected"]),
    ]


def tell_share(entry: Mapping[str, Any]) -> str:
    """Return a share with its interval: ``92.5 % [80.1, 97.4]``."""
    return f"{100 * entry['share']:.1f} % [{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]"


def tell_value(entry: Mapping[str, Any]) -> str:
    """Return a coefficient with its interval, or why there is none."""
    if entry["value"] is None:
        return str(entry["note"])
    return f"{entry['value']:.3f} [{entry['low']:.3f}, {entry['high']:.3f}]"


def name_question(question: str) -> str:
    """Return a question's short name."""
    known = load_questions()
    return known[question].short if question in known else question


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))] if rows else []
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]


def _tell_items(items: Mapping[str, Any]) -> list[str]:
    given = ", ".join(f"{name} {n}" for name, n in items["answers"].items()) or "nobody"
    return [
        f"items: {items['sampled']:,} sampled; accepted {items['accepted']:,}, "
        f"rejected {items['rejected']:,}, "
        f"can't tell {items['unsure']:,}, open {items['open']:,}, not read {items['unread']:,}",
        f"answers: {given}; read by two or more: {items['read_by_two_or_more']:,}",
        f"disagreements: {items['disagreements']:,}, decided by an adjudicator: {items['adjudicated']:,}",
    ]


def _tell_acceptance(title: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    if not entries:
        return []
    head = (title, "share, with 95 % interval", "items", "rejected", "can't tell")
    rows = [
        (e["name"], tell_share(e), f"{e['n']:,}", f"{e['rejected']:,}", f"{e['unsure']:,}") for e in entries
    ]
    return ["", *align([head, *rows])]


def _tell_agreement(agreement: Mapping[str, Any]) -> list[str]:
    if not agreement:
        return ["", "agreement: no item was answered by two readers yet"]
    rows = [("agreement on", "items", "same", "coefficient", "value, with 95 % interval")]
    for question, found in agreement.items():
        start = (name_question(question), f"{found['items']:,}", f"{found['agreement']:.1%}")
        named = [(f"Cohen's kappa, {' and '.join(c['readers'])}", c) for c in found["cohen"]]
        named += [("Fleiss' kappa", found["fleiss"]), ("Krippendorff's alpha", found["krippendorff"])]
        for i, (name, entry) in enumerate(named):
            rows.append((*(start if i == 0 else ("", "", "")), name, tell_value(entry)))
    return ["", *align(rows)]


def _tell_rejected(rejected: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rejected:
        return ["", "rejected: none"]
    lines = ["", "rejected:"]
    for r in rejected[:REJECTED]:
        lines.append(f"  item {r['item']}, {r['config']} {r['key']}: {'; '.join(r['reasons'])}")
        lines += [f"    {' '.join(c.split())[:160]}" for c in r["comments"]]
        lines += [f"    better: {slot}: {text}" for slot, text in r["corrections"].items()]
    more = len(rejected) - REJECTED
    return [*lines, *([f"  and {more} more: --figures --json"] if more > 0 else [])]
