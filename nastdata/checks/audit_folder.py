"""The audit of a dataset folder: with the seed, ontology and promises of its manifest, where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from nastdata.audit.run import AuditReport, audit_frames, find_promises
from nastdata.dataset.kept import load_kept_ontology
from nastdata.errors import UserError
from nastdata.recipe import AuditSettings
from nastdata.records import COLUMN_ORDER

if TYPE_CHECKING:
    from nastdata.dataset.folder import DatasetFolder


def audit_folder(folder: DatasetFolder, *, seeds: int, folds: int) -> AuditReport:
    """Audit every config of a dataset folder; images are not read.

    Raises:
        UserError: if a file can't be read, or lacks a column of its config.
    """
    recipe = _take((folder.manifest or {}).get("recipe"))
    given = {k: v for k, v in _take(recipe.get("audit")).items() if k == "threshold"}
    return audit_frames(
        {config: read_blind(folder, config) for config in folder.configs},
        AuditSettings(seeds=seeds, folds=folds, **given),
        int(recipe.get("seed", 0)),
        load_kept_ontology(folder.path, recipe),
        promises=find_promises(recipe),
    )


def read_blind(folder: DatasetFolder, config: str) -> pl.DataFrame:
    """Return a config's rows with their split, without the image column.

    Raises:
        UserError: if a file can't be read, or lacks a column of its config.
    """
    wanted = [*(c for c in COLUMN_ORDER[config] if c != "image"), "split"]
    where = f"{folder.path}: {config}"
    try:
        lazy = folder.scan(config)
        missing = [c for c in wanted if c not in lazy.collect_schema()]
        if missing:
            raise UserError(f"no column {', '.join(missing)}", where=where, how="see `nastdata validate`")
        return lazy.select(wanted).collect()
    except (pl.exceptions.PolarsError, OSError) as e:
        first = str(e).splitlines()[0]
        raise UserError(f"damaged or of different columns ({first})", where=where) from e


def _take(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
