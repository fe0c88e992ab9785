"""The whole comparison of two folders, and as plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nastdata.compare.manifests import Line, compare_manifests
from nastdata.compare.rows import ConfigDiff, compare_rows
from nastdata.dataset.folder import DatasetFolder, read_dataset

Cell = tuple[str, str, str, str, int, int]
"""Split, condition, polarity, kind, number before, number after."""


@dataclass(frozen=True)
class Comparison:
    """What changed between two folders."""

    before: DatasetFolder
    after: DatasetFolder
    configs: tuple[ConfigDiff, ...]
    manifests: dict[str, list[Line]]
    notes: tuple[str, ...]

    @property
    def differ(self) -> bool:
        """Whether rows differ, or what the manifests say."""
        return any(c.changed for c in self.configs) or any(self.manifests.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values (schema ``nastdata-diff-1``)."""
        return {
            "schema": "nastdata-diff-1",
            "before": str(self.before.path),
            "after": str(self.after.path),
            "differ": self.differ,
            "notes": list(self.notes),
            "rows": {
                c.config: {
                    "before": c.before.rows,
                    "after": c.after.rows,
                    "unchanged": c.unchanged,
                    "renamed": c.renamed,
                    **c.counts,
                    "cells": [
                        dict(
                            zip(("split", "condition", "polarity", "kind", "before", "after"), x, strict=True)
                        )
                        for x in list_cells(c)
                    ],
                    "examples": c.examples,
                }
                for c in self.configs
            },
            **{
                name: [{"key": k, "before": x, "after": y} for k, x, y in lines]
                for name, lines in self.manifests.items()
            },
        }


def compare_folders(a: Path, b: Path, *, examples: int = 20) -> Comparison:
    """Compare two dataset folders, ours or others' in our columns.

    Args:
        a: the folder before.
        b: the folder after.
        examples: rows that are shown of each kind of change.

    Raises:
        UserError: if one is no dataset folder, or a file is damaged.
    """
    before, after = read_dataset(a), read_dataset(b)
    names = dict.fromkeys([*before.configs, *after.configs])
    configs = tuple(compare_rows(before, after, name, examples) for name in names)
    drawn = [
        m
        for f in (before, after)
        if "phantom" in ((m := f.manifest or {}).get("recipe") or {}).get("source", ())
    ]
    notes = [f"{f.path}: {note}" for f in (before, after) for note in f.notes]
    if len(drawn) == 2 and drawn[0].get("seed") != drawn[1].get("seed"):
        notes.append("phantom patients of two seeds are different people under the same ids")
    return Comparison(
        before, after, configs, compare_manifests(before.manifest, after.manifest), tuple(notes)
    )


def list_cells(diff: ConfigDiff) -> list[Cell]:
    """Return the cells whose number changed, the largest change first."""
    one, two = diff.before.cells, diff.after.cells
    found = [(*k, one[k], two[k]) for k in dict.fromkeys([*one, *two]) if one[k] != two[k]]
    return sorted(found, key=lambda c: (-abs(c[5] - c[4]), c[:4]))


def sum_cells(cells: Counter[tuple[str, str, str, str]], by: int) -> dict[str, int]:
    """Return the numbers by one of split, condition, polarity, kind."""
    out: Counter[str] = Counter()
    for key, n in cells.items():
        out[key[by]] += n
    return dict(sorted(out.items()))
