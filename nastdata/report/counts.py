"""Rows by condition, polarity, negation type and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from nastdata.records import LETTERS, SPLITS

KEYS = ("condition", "polarity", "type")
FEW = 30
"""Rows of a test cell below which its accuracy says little: it may then be off by 15 points and more."""
AFFIRMATIVE, NEGATED = "affirmative", "negated"


@dataclass(frozen=True)
class Counts:
    """Counts of one config."""

    config: str
    unit: str
    """What is counted: "truths of questions", "captions" ..."""
    labels: tuple[str, str]
    """What polarity means here: affirmative and negated."""
    rows: list[tuple[str, str, str, dict[str, int]]]
    """(condition, polarity, type, split -> number), sorted."""

    @property
    def few_in_test(self) -> list[tuple[str, str, str]]:
        """Cells whose test split is too small to say anything about them."""
        return [(c, p, t) for c, p, t, splits in self.rows if splits["test"] < FEW]

    def total(self, by: str) -> dict[str, tuple[int, int]]:
        """Sum up by ``condition`` or ``type``: name -> (affirmative, negated)."""
        at = KEYS.index(by)
        out: dict[str, list[int]] = {}
        for row in self.rows:
            pair = out.setdefault(str(row[at]), [0, 0])
            pair[row[1] == self.labels[1]] += sum(row[3].values())
        return {name: (pair[0], pair[1]) for name, pair in out.items()}


def count_config(config: str, frame: pl.DataFrame) -> Counts:
    """Count a config's rows."""
    unit, labels, select = HOW[config]
    long = select(frame.lazy())
    table = long.group_by(*KEYS, "split").len().collect()
    cells: dict[tuple[str, str, str], dict[str, int]] = {}
    for condition, polarity, kind, split, n in table.sort(*KEYS, "split").iter_rows():
        zeros: dict[str, int] = dict.fromkeys(SPLITS, 0)
        cells.setdefault((condition, polarity, kind), zeros)[split] = n
    return Counts(config, unit, labels, [(*key, splits) for key, splits in cells.items()])


def count_patients(frames: Mapping[str, pl.DataFrame]) -> tuple[int, int]:
    """Return how many patients all configs speak of, and how many of them are in several splits."""
    parts = [f.lazy().select("source", "patient_id", "split").unique() for f in frames.values()]
    seen = pl.concat(parts).unique().group_by("source", "patient_id").len().collect()
    return len(seen), int((seen["len"] > 1).sum())


def _select_mednega(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row a condition of the right option."""
    index = pl.col("answer").replace_strict(LETTERS, range(len(LETTERS)), return_dtype=pl.Int64)
    true = pl.col("choice_labels").list.get(index)
    long = rows.select("split", pl.col("conditions").alias("condition"), true.alias("value")).explode(
        "condition", "value"
    )
    polarity = pl.when(pl.col("value") == 1).then(pl.lit("present")).otherwise(pl.lit("absent"))
    return long.select("split", "condition", polarity.alias("polarity"), pl.lit("existence").alias("type"))


def _select_claims(rows: pl.LazyFrame) -> pl.LazyFrame:
    true = pl.col("claim_negations").list.get(pl.col("answer"))
    polarity = pl.when(true == "none").then(pl.lit(AFFIRMATIVE)).otherwise(pl.lit(NEGATED))
    return rows.select(
        "split", "condition", polarity.alias("polarity"), pl.col("negation_type").alias("type")
    )


def _select_captions(rows: pl.LazyFrame) -> pl.LazyFrame:
    condition = pl.col("fact").struct.field("condition")
    return rows.select(
        "split", condition.alias("condition"), "polarity", pl.col("negation_type").alias("type")
    )


def _select_probes(rows: pl.LazyFrame) -> pl.LazyFrame:
    negated = pl.col("negation_in") == "correct"
    polarity = pl.when(negated).then(pl.lit(NEGATED)).otherwise(pl.lit(AFFIRMATIVE))
    return rows.select("split", "condition", polarity.alias("polarity"), pl.lit("existence").alias("type"))


def _select_opposition(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select("split", "condition", "polarity", pl.col("style").alias("type"))


def _select_protocols(rows: pl.LazyFrame) -> pl.LazyFrame:
    true = pl.col("choice_facts").list.get(pl.col("answer")).struct.field("existence")
    return rows.select("split", "condition", true.alias("polarity"), pl.col("protocol").alias("type"))


HOW = {
    "mednega": ("conditions in right options", ("present", "absent"), _select_mednega),
    "contextual_claims": ("claim sets by their true claim", (AFFIRMATIVE, NEGATED), _select_claims),
    "contextual_captions": ("captions", (AFFIRMATIVE, NEGATED), _select_captions),
    "probes": ("pairs by their true caption", (AFFIRMATIVE, NEGATED), _select_probes),
    "protocols": ("questions by their right option", ("present", "absent"), _select_protocols),
    "opposition": ("pairs by the prompt of their first image", ("positive", "negative"), _select_opposition),
}
"""Config -> (unit, the two polarities, selection of condition, polarity, type, split)."""
