"""Rows added, removed and changed between two folders, matched by what they are about."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from nastdata.compare.spill import Spilled, count_parts, list_files, read_part, spill_rows
from nastdata.dataset.folder import DatasetFolder
from nastdata.records import COLUMN_ORDER, LETTERS

CHANGES = ("truth", "reworded", "moved", "image", "other")
"""What a row that is in both folders may differ in, gravest first."""
KINDS = (*CHANGES, "removed", "added")
LEVELS = (("content", "split", "image"), ("texts", "split"), ("texts",), ("id",), ("truth",))
"""Rows about the same study and finding are matched by these in turn, what stayed alike first. Two that share
neither texts nor id nor truth are two statements: one was removed, one added."""


@dataclass
class ConfigDiff:
    """What changed in one config."""

    config: str
    before: Spilled
    after: Spilled
    unchanged: int = 0
    renamed: int = 0
    """Rows that differ in their id or group only; they count as unchanged."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    """Kind of change -> rows; a row may be changed in several ways."""
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {k: [] for k in KINDS})
    """Kind of change -> some rows: ``before``, ``after`` (id, split, study, texts, right, truth)."""

    @property
    def changed(self) -> bool:
        """Whether anything but names of rows is different."""
        return any(self.counts.values())


def compare_rows(a: DatasetFolder, b: DatasetFolder, config: str, examples: int) -> ConfigDiff:
    """Compare one config of two folders, in parts that fit into memory.

    Args:
        a: the folder before.
        b: the folder after.
        config: of one of them, or of both.
        examples: rows that are shown of each kind of change.

    Raises:
        UserError: if a file is damaged.
    """
    parts = count_parts((a, config), (b, config))
    with tempfile.TemporaryDirectory(prefix="nastdata-diff-") as folder:
        where = Path(folder)
        out = ConfigDiff(
            config,
            spill_rows(a, config, parts, where / "before"),
            spill_rows(b, config, parts, where / "after"),
        )
        found: dict[str, list[tuple[Place | None, Place | None]]] = {k: [] for k in KINDS}
        for part in range(parts):
            _compare_part(
                out, found, read_part(where / "before", part), read_part(where / "after", part), examples
            )
    for kind, pairs in found.items():
        out.examples[kind] = [
            {"before": _show(a, config, before), "after": _show(b, config, after)} for before, after in pairs
        ]
    return out


Place = tuple[int, int]
"""File (number in order) and row."""


def _compare_part(
    out: ConfigDiff,
    found: dict[str, list[tuple[Place | None, Place | None]]],
    a: pl.DataFrame,
    b: pl.DataFrame,
    examples: int,
) -> None:
    a, b = (f.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("at")) for f in (a, b))
    for level in LEVELS:
        pairs = _match(a, b, ("key", *level))
        _judge(out, found, pairs, examples)
        a = a.join(pairs.select("at"), on="at", how="anti")
        b = b.join(pairs.select(pl.col("at_b").alias("at")), on="at", how="anti")
    for kind, left in (("removed", a), ("added", b)):
        out.counts[kind] += len(left)
        more = left.sort("file", "row").head(max(examples - len(found[kind]), 0))
        for place in more.select("file", "row").iter_rows():
            found[kind].append((place, None) if kind == "removed" else (None, place))


def _match(a: pl.DataFrame, b: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """Return pairs of rows that are alike in some columns; of several, the first with the first."""
    numbered = (
        f.sort("file", "row").with_columns(pl.int_range(pl.len()).over(on).alias("nth")) for f in (a, b)
    )
    first, second = numbered
    # a null is a value like others here: fingerprints hold none
    return first.join(second, on=[*on, "nth"], how="inner", suffix="_b", coalesce=False)


def _judge(
    out: ConfigDiff,
    found: dict[str, list[tuple[Place | None, Place | None]]],
    pairs: pl.DataFrame,
    examples: int,
) -> None:
    differs = {
        c: pl.col(c) != pl.col(f"{c}_b")
        for c in ("id", "content", "texts", "right", "truth", "image", "split")
    }
    flags = pairs.select(
        "file",
        "row",
        "file_b",
        "row_b",
        truth=differs["truth"] | (~differs["texts"] & differs["right"]),
        reworded=differs["texts"],
        moved=differs["split"],
        image=differs["image"],
        content=differs["content"],
        id=differs["id"],
    ).with_columns(other=pl.col("content") & ~pl.any_horizontal("truth", "reworded"))
    same = ~pl.any_horizontal(*CHANGES)
    out.unchanged += flags.filter(same).height
    out.renamed += flags.filter(same & pl.col("id")).height
    for kind in CHANGES:
        mine = flags.filter(pl.col(kind))
        out.counts[kind] += len(mine)
        more = mine.sort("file", "row").head(max(examples - len(found[kind]), 0))
        for file, row, file_b, row_b in more.select("file", "row", "file_b", "row_b").iter_rows():
            found[kind].append(((file, row), (file_b, row_b)))


def _show(folder: DatasetFolder, config: str, place: Place | None) -> dict[str, Any] | None:
    """Read one row and return what is shown of it."""
    if place is None:
        return None
    split, path = list_files(folder, config)[place[0]]
    left = place[1]
    with pq.ParquetFile(path) as file:
        columns = [c for c in file.schema_arrow.names if c not in ("image", "distractor_image")]
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if left < size:
                row = file.read_row_group(group, columns=columns).slice(left, 1).to_pylist()[0]
                return {"split": split, **describe_row(config, row)}
            left -= size
    return None


def describe_row(config: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return what is shown of a row: ``id``, ``study``, ``truth``, ``right`` (texts), ``others`` (texts)."""
    out: dict[str, Any] = {"id": row.get(COLUMN_ORDER[config][0]), "study": row.get("study_id")}
    try:
        truth, right, others = _read_truth(config, row)
    except (KeyError, IndexError, TypeError, ValueError):
        truth, right, others = "malformed", [], []
    return {**out, "truth": truth, "right": right, "others": others}


def _read_truth(config: str, row: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    if config == "mednega":
        at = LETTERS.index(row["answer"])
        labels = zip(row["conditions"], row["choice_labels"][at], strict=True)
        truth = "; ".join(f"{c} {'present' if v == 1 else 'absent'}" for c, v in labels)
        both = list(zip(row["negated_choices"], row["affirmative_choices"], strict=True))
        others = [t for i, pair in enumerate(both) if i != at for t in pair]
        return truth, list(both[at]), others
    if config == "contextual_claims":
        at = row["answer"]
        truth = _tell(row["claim_facts"][at], row["claim_negations"][at])
        return truth, [row["claims"][at]], [t for i, t in enumerate(row["claims"]) if i != at]
    if config == "contextual_captions":
        return _tell(row["fact"], row["negation_type"]), [row["caption"]], []
    if config == "probes":
        return f"{row['condition']}, negation in the {row['negation_in']}", [row["correct"]], [row["foil"]]
    if config == "opposition":
        return f"{row['condition']}, {row['polarity']}", [row["prompt"]], [row["distractor_prompt"]]
    at = row["answer"]
    others = [t for i, t in enumerate(row["choices"]) if i != at]
    return _tell(row["choice_facts"][at], ""), [f"{row['question']} {row['choices'][at]}"], others


def _tell(fact: dict[str, Any], denial: str) -> str:
    parts = [fact[k] for k in ("condition", "existence", "location", "severity") if fact[k]]
    return ", ".join(map(str, parts)) + (f" (denies {denial})" if denial not in ("", "none") else "")
