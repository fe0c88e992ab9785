"""The round trip of a whole dataset: every distinct text is read once and compared with what is on record."""

from __future__ import annotations

import polars as pl

from nastdata.checks.rules.facts import FACT, make_fact
from nastdata.checks.verdicts import Ledger
from nastdata.engines.base import Engine
from nastdata.ontology import Ontology, find_alternative
from nastdata.reading.caption_gate import check_question, judge_facts, judge_options
from nastdata.records import OptionStatement, OptionWording


def check_option_texts(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology, engine: Engine) -> None:
    """Read both texts of every distinct option back, and every distinct question stem."""
    options = ["choice_labels", "negated_choices", "affirmative_choices"]
    long = frame.select("key", "split", "conditions", *options).explode(*options)
    told = ["conditions", *options]
    distinct = long.select(told).unique(maintain_order=True)
    wordings = [
        OptionWording(
            OptionStatement(
                tuple(conditions), tuple(labels), _find_phrases(affirmative, conditions, ontology)
            ),
            *(0, "", negated, affirmative, ()),
        )
        for conditions, labels, negated, affirmative in distinct.iter_rows()
    ]
    reasons = judge_options(wordings, ontology, engine)
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


def _find_phrases(text: str, conditions: list[str], ontology: Ontology) -> tuple[int, int, int]:
    """Return the affirmative phrases that a text uses; what each of them denies is another rule's matter."""
    known = (ontology.condition_by_name.get(n) for n in conditions)
    a, b, c = ((find_alternative(text, k) or 0) if k else 0 for k in known)
    return a, b, c


def check_fact_texts(
    ledger: Ledger, config: str, long: pl.DataFrame, ontology: Ontology, engine: Engine
) -> None:
    """Read every distinct claim or caption back; ``long`` as ``fact_rules.list_claims`` gives it."""
    told = ["text", *FACT]
    distinct = long.select(told).unique(maintain_order=True)
    reasons = judge_facts([(row[0], make_fact(*row[1:])) for row in distinct.iter_rows()], ontology, engine)
    wrong = distinct.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = long.join(wrong, on=told, how="inner", nulls_equal=True)
    ledger.add("round_trip", config, len(distinct), bad)
