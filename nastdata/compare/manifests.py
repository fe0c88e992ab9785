"""What two manifests say differently, in named sections of (key, before, after)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Line = tuple[str, Any, Any]
"""Key, before, after; None where one side lacks it."""


def compare_manifests(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> dict[str, list[Line]]:
    """Return section -> what differs.

    Sections are ``recipe``, ``versions``, ``sources``, ``terms``, ``ontology``, ``audit``, ``review`` and
    ``counts``. A section that is alike is empty; a folder without a manifest has none of them.
    """
    one, two = (m or {} for m in (a, b))
    return {
        "recipe": _differ(one.get("recipe"), two.get("recipe")),
        "versions": _differ(_versions(one), _versions(two)),
        "sources": _differ(_sources(one), _sources(two)),
        "terms": _differ(_terms(one), _terms(two)),
        "ontology": _differ(one.get("ontology"), two.get("ontology")),
        "audit": _differ(_audit(one), _audit(two)),
        "review": _differ(_review(one), _review(two)),
        "counts": _differ(_counts(one), _counts(two)),
    }


def flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    """Return dotted key -> value; lists of plain values stay whole."""
    if isinstance(data, Mapping) and data:
        out: dict[str, Any] = {}
        for key, value in data.items():
            out |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
        return out
    return {prefix: data}


def tell(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _differ(a: Any, b: Any) -> list[Line]:
    one, two = (flatten(x) if x else {} for x in (a, b))
    keys = dict.fromkeys([*one, *two])
    return [(k, one.get(k), two.get(k)) for k in keys if one.get(k) != two.get(k)]


def _versions(m: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: m.get(k) for k in ("nastdata", "git_revision", "format") if m.get(k) is not None}
    return {**kept, **(m.get("libraries") or {})}


def _named(m: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for source in m.get("sources") or ():
        if isinstance(source, Mapping):
            yield str(source.get("name")), source


def _sources(m: Mapping[str, Any]) -> dict[str, Any]:
    """Return source -> its files with their sha256 and rows."""
    out: dict[str, Any] = {}
    for name, source in _named(m):
        files = {
            f["name"]: f"{f['rows']:,} rows, sha256 {f['sha256'][:16]}" for f in source.get("files") or ()
        }
        out[name] = {"title": source.get("title"), **files}
    return out


def _terms(m: Mapping[str, Any]) -> dict[str, Any]:
    return {name: source.get("terms") for name, source in _named(m)}


def _audit(m: Mapping[str, Any]) -> dict[str, Any]:
    audit = m.get("audit") or {}
    solvers = {
        f"{s['config']} ({s.get('subset') or 'all'}): {s['name']}, {s['reads']}": round(s["accuracy"], 4)
        for s in audit.get("solvers") or ()
    }
    verdict = audit.get("verdict") or {}
    kept = {k: verdict[k] for k in ("passed", "failures", "warnings") if k in verdict}
    return {**({"verdict": kept} if kept else {}), **({"accuracy": solvers} if solvers else {})}


def _review(m: Mapping[str, Any]) -> dict[str, Any]:
    review = m.get("review") or {"status": "not reviewed"}
    signed = {
        f"signed by {s['name']}": f"{s['role']}, {s['date']}: {s['scope']}"
        for s in review.get("sign_offs") or ()
    }
    items = (review.get("figures") or {}).get("items") or {}
    return {"status": review.get("status"), **signed, **items}


def _counts(m: Mapping[str, Any]) -> dict[str, Any]:
    counts = m.get("counts") or {}
    return {"rejects": counts.get("rejects"), "written_by": counts.get("written_by")}
