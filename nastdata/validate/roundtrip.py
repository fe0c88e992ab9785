"""The round trip of a whole dataset: every distinct text is read once and compared with what is on record."""

from __future__ import annotations

import polars as pl

from nastdata.ontology import Ontology
from nastdata.records import OptionStatement, OptionWording
from nastdata.validate.fact_rules import FACT, make_fact
from nastdata.validate.texts import check_fact, check_option, check_question, read_texts
from nastdata.validate.verdicts import Ledger


def check_option_texts(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology) -> None:
    """Read both texts of every distinct option back, and every distinct question stem."""
    options = ["choice_labels", "negated_choices", "affirmative_choices"]
    long = frame.select("key", "split", "conditions", *options).explode(*options)
    told = ["conditions", *options]
    distinct = long.select(told).unique(maintain_order=True)
    wordings = [
        OptionWording(OptionStatement(tuple(conditions), tuple(labels)), 0, "", negated, affirmative, ())
        for conditions, labels, negated, affirmative in distinct.iter_rows()
    ]
    readings = iter(read_texts([t for w in wordings for t in (w.negated, w.affirmative)], ontology))
    reasons = [check_option(next(readings), next(readings), w, ontology) for w in wordings]
    wrong = distinct.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = long.join(wrong, on=told, how="inner").with_columns(
        pl.concat_str("negated_choices", "affirmative_choices", separator=" | ").alias("text")
    )
    ledger.add("round_trip", "mednega", 2 * len(distinct), bad)
    stems = frame.select("question").unique(maintain_order=True)
    reasons = [check_question(q, ontology) for q in stems["question"]]
    wrong = stems.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = frame.join(wrong, on="question", how="inner").with_columns(pl.col("question").alias("text"))
    ledger.add("questions", "mednega", len(stems), bad)


def check_fact_texts(ledger: Ledger, config: str, long: pl.DataFrame, ontology: Ontology) -> None:
    """Read every distinct claim or caption back; ``long`` as ``fact_rules.list_claims`` gives it."""
    told = ["text", *FACT]
    distinct = long.select(told).unique(maintain_order=True)
    readings = read_texts(distinct["text"].to_list(), ontology)
    reasons = [
        check_fact(reading, make_fact(*row[1:]), ontology)
        for reading, row in zip(readings, distinct.iter_rows(), strict=True)
    ]
    wrong = distinct.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = long.join(wrong, on=told, how="inner", nulls_equal=True)
    ledger.add("round_trip", config, len(distinct), bad)
