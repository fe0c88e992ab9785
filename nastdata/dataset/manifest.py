"""``manifest.json``: what a folder holds, what it was made from and by, with the hashes that prove it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.text_input.plain_files import read_file

NAME = "manifest.json"
FORMAT = 2
"""Version of the folder's layout; 1 is nastdata 0.1, without ``bindings`` and ``ontology.yaml``."""

MOST_BYTES = 256 << 20
KINDS: dict[str, type[dict[Any, Any]] | type[list[Any]]] = {
    **dict.fromkeys(("recipe", "rows", "outputs", "counts", "ontology", "bindings", "libraries"), dict),
    **dict.fromkeys(("audit", "ledger", "terms", "images", "arrow_bytes"), dict),
    "sources": list,
}

Rows = dict[str, dict[str, int]]
"""Config -> split -> rows."""


def finish_manifest(
    facts: Mapping[str, Any], *, rows: Rows, arrow_bytes: Rows, images: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Add to the pipeline's facts what only the written folder knows; ``outputs`` stays last."""
    out = {"format": FORMAT, **facts}
    out.pop("outputs", None)
    if images is not None:
        out["images"] = dict(images)
    out.setdefault("review", {"status": "not reviewed"})
    out["rows"] = rows
    out["arrow_bytes"] = arrow_bytes
    return out


def dump_manifest(manifest: Mapping[str, Any]) -> bytes:
    """Return the bytes of a manifest: indented JSON, keys in the order given."""
    return dump_json(manifest)


def dump_json(data: Any) -> bytes:
    """Return indented UTF-8 JSON with a final newline; NaN and infinities are refused."""
    return (json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return a folder's manifest, or None if it has none.

    Raises:
        UserError: if there is one that can't be read or is not ours.
    """
    path = folder / NAME
    if not path.exists() and not path.is_symlink():
        return None
    raw = read_file(path, MOST_BYTES)
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as e:
        raise UserError(
            f"not a readable manifest ({str(e).splitlines()[0]})",
            where=str(path),
            how="restore it, or remove it to have the folder read as a plain one",
        ) from e
    if not isinstance(data, dict) or "nastdata" not in data:
        raise UserError("not a manifest of nastdata", where=str(path))
    for key, kind in KINDS.items():
        if data.get(key) is not None and not isinstance(data[key], kind):
            wanted = "list" if kind is list else "object"
            raise UserError(f"not a manifest of nastdata: '{key}' is no {wanted}", where=str(path))
    rows = data.get("rows") or {}
    if not all(isinstance(r, dict) and all(_is_count(n) for n in r.values()) for r in rows.values()):
        raise UserError("not a manifest of nastdata: 'rows' does not hold numbers of rows", where=str(path))
    if not all(isinstance(s, dict) and isinstance(s.get("name"), str) for s in data.get("sources") or []):
        raise UserError("not a manifest of nastdata: a source has no name", where=str(path))
    if not all(isinstance(v, str) for v in (data.get("outputs") or {}).values()):
        raise UserError("not a manifest of nastdata: 'outputs' does not hold hashes", where=str(path))
    made = data.get("format")
    if isinstance(made, int) and made > FORMAT:
        raise UserError(
            f"format {made}, from nastdata {data['nastdata']}; this nastdata reads formats up to {FORMAT}",
            where=str(path),
            how="pip install --upgrade nastdata",
        )
    return data


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_bytes(content: bytes) -> str:
    """Return the sha256 of bytes as hex."""
    return hashlib.sha256(content).hexdigest()


def hash_outputs(folder: Path) -> dict[str, str]:
    """Return relative path -> sha256 of every file in a folder but the manifest."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != NAME)
    return {p.relative_to(folder).as_posix(): hash_file(p) for p in files}
