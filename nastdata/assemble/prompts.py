"""Probes and opposition: their texts are fixed patterns, so nothing is worded, but each text is read back."""

from __future__ import annotations

import polars as pl

from nastdata.assemble.options import Assembled
from nastdata.design.base import Design
from nastdata.engines.base import Engine
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import read_texts

NEGATED_IN: dict[str, tuple[tuple[str, pl.Expr], ...]] = {
    "probes": (
        ("correct", pl.col("negation_in") == "correct"),
        ("foil", pl.col("negation_in") == "foil"),
    ),
    "opposition": (
        ("prompt", pl.col("polarity") == "negative"),
        ("distractor_prompt", pl.col("polarity") == "positive"),
    ),
}
"""Config -> (text column, whether that text denies the row's condition)."""


def assemble_prompts(config: str, design: Design, ontology: Ontology, engine: Engine) -> Assembled:
    """Read every distinct text back and reject the rows in which one does not say what it should."""
    frame = design.frame.with_row_index("row")
    wanted = pl.concat(
        frame.select("row", "condition", pl.col(column).alias("text"), negated.alias("negated"))
        for column, negated in NEGATED_IN[config]
    )
    distinct = wanted.select("condition", "text", "negated").unique().sort("condition", "text", "negated")
    readings = read_texts(distinct["text"].to_list(), ontology, engine)
    reasons = [
        None if reading.labels == {condition: 0 if negated else 1} else f"read as {reading.labels}"
        for reading, (condition, _, negated) in zip(readings, distinct.iter_rows(), strict=True)
    ]
    distinct = distinct.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = wanted.join(distinct, on=["condition", "text", "negated"], how="inner").unique("row", keep="first")
    done = frame.join(bad, on="row", how="anti", maintain_order="left")
    lost = frame.join(bad.select("row", "reason", "text"), on="row", how="inner", maintain_order="left")
    rejects = lost.select(
        pl.lit("text").alias("stage"), "reason", "source", pl.col("pair_id").alias("key"), "text"
    ).cast(pl.Schema(REJECTS_SCHEMA))
    report = {
        "rows_in": len(frame),
        "accepted": len(done),
        "rejected": len(rejects),
        "distinct_texts": wanted["text"].n_unique(),
    }
    schema = {**config_schema(config), "split": pl.String()}
    return Assembled(done.select(list(schema)).cast(pl.Schema(schema)), rejects, report)
