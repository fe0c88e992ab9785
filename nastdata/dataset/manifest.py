"""``manifest.json``: what a folder holds, what it was made from and by, with the hashes that prove it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastdata.errors import UserError

NAME = "manifest.json"
FORMAT = 2
"""Version of the folder's layout; 1 is nastdata 0.1, without ``bindings`` and ``ontology.yaml``."""

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
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise UserError(
            f"not a readable manifest ({str(e).splitlines()[0]})",
            where=str(path),
            how="restore it, or remove it to have the folder read as a plain one",
        ) from e
    if not isinstance(data, dict) or "nastdata" not in data:
        raise UserError("not a manifest of nastdata", where=str(path))
    made = data.get("format")
    if isinstance(made, int) and made > FORMAT:
        raise UserError(
            f"format {made}, from nastdata {data['nastdata']}; this nastdata reads formats up to {FORMAT}",
            where=str(path),
            how="pip install --upgrade nastdata",
        )
    return data


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
