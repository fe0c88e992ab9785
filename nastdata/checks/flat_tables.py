"""The flat tables that expectation suites speak of: lists as numbered columns, rows beside their kin."""

from __future__ import annotations

import polars as pl

from nastdata.checks.rules.facts import FACT, list_claims, make_fact
from nastdata.checks.rules.options import true_labels
from nastdata.checks.suites import CLAIMS
from nastdata.design.contextual.states import differs_in
from nastdata.records import LETTERS

_EACH = pl.element()


def flatten(config: str, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return table name -> flat frame; every frame has ``key`` and ``split``.

    Args:
        config: name of the config.
        frame: its rows with ``split`` and ``key``, well-formed as far as ``options`` or ``claims`` ask.
    """
    frame = frame.with_columns(
        pl.col("split").n_unique().over("source", "patient_id").alias("splits_of_patient")
    )
    if config == "mednega":
        return {config: _flatten_items(frame)}
    if config == "contextual_claims":
        return {config: _flatten_sets(frame), CLAIMS: _flatten_claims(frame)}
    if config == "protocols":
        flat = frame.with_columns(
            pl.col("choices").list.len().cast(pl.Int64).alias("n_choices"),
            pl.col("choices").list.n_unique().cast(pl.Int64).alias("n_different_choices"),
            pl.col("choice_facts").list.len().cast(pl.Int64).alias("n_choice_facts"),
        )
        return {config: flat.drop("choices", "choice_facts")}
    if config == "contextual_captions":
        flat = frame.with_columns(
            pl.col("fact").struct.field("existence").alias("fact_existence"),
            pl.concat_str("polarity", "negation_type", separator=", ").alias("polarity_and_type"),
        )
        return {config: flat.drop("fact")}
    return {config: frame}


def _flatten_items(frame: pl.DataFrame) -> pl.DataFrame:
    lists = {"negated": "negated_choices", "affirmative": "affirmative_choices"}
    labels = pl.col("choice_labels").list.eval(_EACH.cast(pl.List(pl.String)).list.join(""))
    truth = true_labels().cast(pl.List(pl.String)).list.join("")
    flat = frame.with_columns(
        *(pl.col("conditions").list.get(i).alias(f"condition_{i + 1}") for i in range(3)),
        *(labels.list.get(i).alias(f"labels_{x}") for i, x in enumerate(LETTERS)),
        *(pl.col(c).list.get(i).alias(f"{n}_{x}") for n, c in lists.items() for i, x in enumerate(LETTERS)),
        truth.alias("labels_of_answer"),
        pl.struct(pl.col("conditions").list.join(";"), truth.alias("labels")).alias("_said"),
    )
    agreed = _labels_of_studies(frame)
    return flat.join(agreed, on="key", how="left").drop(
        "_said", "conditions", "choice_labels", *lists.values()
    )


def _labels_of_studies(frame: pl.DataFrame) -> pl.DataFrame:
    """Return key -> the labels of its study by the majority of the rows that name it, its own included."""
    long = frame.select("key", "source", "study_id", "conditions", true_labels().alias("label")).explode(
        "conditions", "label"
    )
    mean = pl.col("label").mean().over("source", "study_id", "conditions")
    # A tie is settled for the row's own label: neither of two rows can be called the wrong one.
    agreed = pl.when(mean == 0.5).then("label").otherwise((mean > 0.5).cast(pl.Int64))
    return (
        long.select("key", agreed.cast(pl.String).alias("agreed"))
        .group_by("key", maintain_order=True)
        .agg(pl.col("agreed").str.join("").alias("labels_of_study"))
    )


def _flatten_sets(frame: pl.DataFrame) -> pl.DataFrame:
    lists = ("claims", "claim_facts", "claim_negations", "altered")
    return frame.with_columns(
        pl.col("claims").list.len().cast(pl.Int64).alias("k"),
        *(pl.col(c).list.len().cast(pl.Int64).alias(f"n_{c}") for c in lists[1:]),
        pl.col("claims").list.n_unique().cast(pl.Int64).alias("n_different_claims"),
        pl.col("altered").list.eval(_EACH.is_null().cast(pl.Int64)).list.sum().alias("n_unaltered"),
        pl.col("altered").list.get(pl.col("answer"), null_on_oob=True).alias("altered_in_answer"),
    ).drop(lists)


def _flatten_claims(frame: pl.DataFrame) -> pl.DataFrame:
    long = list_claims(frame)
    true = long.filter("true").select("key", *(pl.col(c).alias(f"true_{c}") for c in FACT))
    columns = [*FACT, *(f"true_{c}" for c in FACT)]
    pairs = long.join(true, on="key", how="left")
    distinct = pairs.select(columns).unique(maintain_order=True)
    changed = [_count_changes(r) for r in distinct.iter_rows()]
    counts = distinct.with_columns(pl.Series("attributes_changed", changed, pl.Int64))
    joined = pairs.join(counts, on=columns, how="left", nulls_equal=True)
    return joined.select("key", "split", "text", "altered", *FACT, "attributes_changed")


def _count_changes(row: tuple[str, ...]) -> int:
    said, true = make_fact(*row[:5]), make_fact(*row[5:10])
    return len(differs_in(said, true)) if said.condition == true.condition else 0
