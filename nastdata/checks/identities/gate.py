"""Before rows of an own table are passed on: do their ids and paths name nobody?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nastdata.checks.identities.likely_names import COLUMNS, find_likely_names
from nastdata.dataset.folder import DatasetFolder
from nastdata.dataset.kept import find_kept_source
from nastdata.errors import UserError

ABOUT_IDS = r"\b(id|image|path|patient|study)\b"
"""Reasons of rejects that quote an id or a path."""
MOST = 3


def check_identities(folder: DatasetFolder) -> None:
    """Refuse rows of own tables with ids or paths that could name a person, unless the owner has looked.

    The owner's statement is ``rights.deidentified`` in the description that the folder keeps.

    Raises:
        UserError: naming the columns, with an example of each.
    """
    manifest = folder.manifest or {}
    own = [s["name"] for s in manifest.get("sources") or [] if isinstance(s, dict) and s.get("description")]
    for source in own:
        if state_deidentified(folder, source):
            continue
        found = find_in_folder(folder, source)
        if found:
            more = f" (and {len(found) - MOST} more columns)" if len(found) > MOST else ""
            raise UserError(
                f"{'; '.join(found[:MOST])}{more}",
                where=str(folder.path),
                how="rename them and build again; or, if they name nobody, say who has looked in the "
                'description (rights: deidentified: "A. Roe, 3 May 2026") and build again',
            )


def state_deidentified(folder: DatasetFolder, source: str) -> str:
    """Return the owner's statement that nobody is named, or an empty text."""
    try:
        text = Path(find_kept_source(folder.path, source)).read_text(encoding="utf-8")
        described: Any = yaml.safe_load(text)
        return str((described.get("rights") or {}).get("deidentified") or "").strip()
    except (OSError, yaml.YAMLError, AttributeError):
        return ""


def find_in_folder(folder: DatasetFolder, source: str) -> list[str]:
    """Return what could be a name in the ids and paths of a source's rows and rejects, a line a column."""
    found: dict[str, str] = {}
    for config in folder.configs:
        rows = folder.scan(config).filter(pl.col("source") == source)
        schema = rows.collect_schema()
        there = [c for c in COLUMNS if schema.get(c) == pl.String]
        for suspicious in find_likely_names(rows.select(there).unique().collect()):
            found.setdefault(suspicious.column, str(suspicious))
    rejects = folder.read_rejects()
    if rejects is not None:
        about_ids = (pl.col("source") == source) & pl.col("reason").str.contains(ABOUT_IDS)
        quoted = rejects.filter(about_ids).select(
            pl.int_range(pl.len()).cast(pl.String).alias("patient_id"), pl.col("text").alias("image")
        )
        for suspicious in find_likely_names(quoted):
            found.setdefault("rejects", f"rejects: {suspicious}")
    return list(found.values())
