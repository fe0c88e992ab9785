"""What a bundle says of itself: ``bundle.json`` and its ``README.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nastdata.terms import Inherited


def describe_bundle(
    manifest: Mapping[str, Any], studies: Mapping[str, str], terms: Inherited, notes: list[str]
) -> dict[str, Any]:
    """Return ``bundle.json``: what must come out, what went in, and which versions made it."""
    outputs = manifest.get("outputs", {})
    return {
        "nastdata_bundle": 1,
        "kind": "rebuild",
        **{k: manifest.get(k) for k in ("nastdata", "git_revision", "libraries", "fingerprint", "seed")},
        "ontology": manifest["ontology"],
        "sources": manifest["sources"],
        "rows": manifest["rows"],
        "studies_sha256": dict(studies),
        "outputs": {n: sha for n, sha in outputs.items() if n.startswith("data/") or n == "rejects.parquet"},
        "terms": {"licence": terms.licence_name, "may_publish": terms.may_publish},
        "notes": notes,
    }


def tell_bundle(content: Mapping[str, Any]) -> str:
    """Return the bundle's README."""
    sources = [s["name"] for s in content["sources"]]
    data = "".join(f" --data {s}=PATH" for s in sources if s != "phantom")
    rows = ", ".join(f"{c}: {sum(splits.values()):,} rows" for c, splits in content["rows"].items())
    files = [
        f"- {s['name']}: {f['name']}, sha256 {f['sha256']}" for s in content["sources"] for f in s["files"]
    ]
    lines = [
        "# What rebuilds a dataset",
        "",
        f"{rows}; made with nastdata {content['nastdata']}. The rows are not in here: whoever holds",
        f"the data of {', '.join(sources)} under its own terms makes the same files with",
        "",
        f"    pip install nastdata=={content['nastdata']}",
        f"    nastdata build --from-bundle THIS_FOLDER{data} --out DIR",
        "",
        "which compares every file with the sha256 in bundle.json and says so.",
        "",
        *(["It was made from:", "", *files, ""] if files else []),
        f"Terms of the sources: {content['terms']['licence']}. They bind whoever rebuilds it.",
        *(f"Note: {note}." for note in content["notes"]),
        "",
    ]
    return "\n".join(lines)
