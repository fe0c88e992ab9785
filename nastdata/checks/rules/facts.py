"""What holds of facts, claim sets and captions (``docs/contextual.md``)."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastdata.checks.verdicts import Ledger, judge_rows
from nastdata.design.contextual.states import differs_in
from nastdata.ontology import Ontology
from nastdata.records import Denial, Fact

ATTRIBUTES = ("existence", "location", "severity")
FACT = ("condition", "existence", "location", "severity", "negation", "qualifier")
"""Columns that a stored fact is told by."""


def list_claims(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row a claim: key, split, source, study_id, text, the columns ``FACT``, altered, true."""
    long = frame.select(
        *(
            "key",
            "split",
            "source",
            "study_id",
            "answer",
            "claims",
            "claim_facts",
            "claim_negations",
            "altered",
        ),
        pl.int_ranges(pl.col("claims").list.len()).alias("at"),
    ).explode("claims", "claim_facts", "claim_negations", "altered", "at")
    return long.select(
        *("key", "split", "source", "study_id", "altered"),
        pl.col("claims").alias("text"),
        *(pl.col("claim_facts").struct.field(name) for name in FACT[:4]),
        pl.col("claim_negations").alias("negation"),
        pl.lit(None, pl.String).alias("qualifier"),
        (pl.col("at") == pl.col("answer")).alias("true"),
    )


def list_captions(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row a caption, with the columns of ``list_claims``; every caption is true."""
    return frame.select(
        *("key", "split", "source", "study_id"),
        pl.lit(None, pl.String).alias("altered"),
        pl.col("caption").alias("text"),
        *(pl.col("fact").struct.field(name) for name in FACT[:4]),
        pl.col("negation_type").alias("negation"),
        pl.col("fact").struct.field("qualifier"),
        pl.lit(True).alias("true"),
    )


def make_fact(
    condition: str,
    existence: Any,
    location: str | None,
    severity: str | None,
    negation: str,
    qualifier: str | None = None,
) -> Fact:
    """Put a stored fact and what its text denies together."""
    denies: Denial | None = None
    if existence == "present" and negation == "location":
        denies = "location"
    elif existence == "present" and negation == "severity":
        denies = "severity"
    return Fact(condition, existence, location, severity, denies, qualifier)


def check_claims(ledger: Ledger, frame: pl.DataFrame, k_min: int | None, k_max: int | None) -> None:
    """Check the make-up of claim sets: the other rules take it for granted."""
    k = pl.col("claims").list.len()
    altered = pl.col("altered")
    blank = altered.list.eval(pl.element().is_null().cast(pl.Int64)).list
    lowered = pl.col("claims").list.eval(pl.element().str.to_lowercase().str.strip_chars())
    about = pl.col("claim_facts").list.eval(pl.element().struct.field("condition"))
    answer = pl.col("answer")
    lists = ("claim_facts", "claim_negations", "altered")
    least, most = k_min or 2, k_max or 1_000
    judge_rows(
        ledger,
        "claims",
        "contextual_claims",
        frame,
        {
            "lists of different lengths": pl.all_horizontal(pl.col(c).list.len() == k for c in lists),
            f"K is not in {least} to {most}" if k_max else "fewer than two claims": k.is_between(least, most),
            "the answer is no claim": (answer >= 0) & (answer < k),
            "two claims with the same text": lowered.list.n_unique() == k,
            "not just the answer alters nothing": (blank.sum() == 1)
            & (altered.list.get(answer, null_on_oob=True).is_null()),
            "altered is none of existence, location, severity": altered.list.eval(
                (pl.element().is_null() | pl.element().is_in(ATTRIBUTES)).all()
            ).list.first(),
            "a claim's negation type is unknown": pl.col("claim_negations")
            .list.eval(pl.element().is_in(["none", *ATTRIBUTES]).fill_null(False).all())
            .list.first(),
            "condition is not that of the true claim": about.list.get(answer, null_on_oob=True)
            == pl.col("condition"),
            "set kind is not that of the claims": pl.when(pl.col("set_kind") == "same_condition")
            .then(about.list.n_unique() == 1)
            .otherwise(about.list.n_unique() > 1),
            "negation type is that of no claim": (pl.col("negation_type") == "none")
            & pl.col("claim_negations").list.eval((pl.element() == "none").all()).list.first()
            | pl.col("claim_negations").list.contains(pl.col("negation_type")),
        },
        text=pl.col("claims").list.join(" | "),
    )


def check_facts(ledger: Ledger, config: str, long: pl.DataFrame, ontology: Ontology) -> None:
    """Check every distinct fact against the ontology."""
    distinct = long.select(FACT).unique(maintain_order=True)
    reasons = [_judge_fact(row, ontology) for row in distinct.iter_rows()]
    wrong = distinct.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = long.join(wrong, on=list(FACT), how="inner", nulls_equal=True)
    ledger.add("facts", config, len(distinct), bad)


def _judge_fact(row: tuple[Any, ...], ontology: Ontology) -> str | None:
    condition, existence, location, severity, negation, qualifier = row
    known = ontology.condition_by_name.get(condition)
    if known is None:
        return f"'{condition}' is no condition of the ontology"
    if existence not in ("present", "absent"):
        return f"existence '{existence}' is neither present nor absent"
    if location is not None and location not in known.places:
        return f"{condition} can't be in '{location}'"
    if severity is not None and severity not in ontology.grades(condition):
        return f"{condition} can't be '{severity}'"
    absent = existence == "absent"
    words = ontology.list_qualifiers(condition) if absent else ontology.evident
    if qualifier is not None and (location or severity or qualifier not in words):
        return f"'{qualifier}' is no word by which {condition} is {'denied' if absent else 'stated'}"
    if existence == "present" and negation == "existence":
        return "a present finding whose existence is denied"
    fact = make_fact(*row)
    if fact.negation_type != negation:
        return f"denies {fact.negation_type}, not {negation}"
    if (fact.denies == "location" and location is None) or (fact.denies == "severity" and severity is None):
        return f"denies a {negation} that it does not name"
    return None


def check_alterations(ledger: Ledger, long: pl.DataFrame) -> None:
    """Check that false claims depart in one attribute, the one named.

    A false claim about the condition of the true one must not differ from it in anything else. About
    another condition the study's fact is not in the row; there the claim has to name what it alters.
    """
    true = long.filter("true").select("key", *(pl.col(c).alias(f"true_{c}") for c in FACT))
    pairs = long.filter(~pl.col("true")).join(true, on="key", how="left")
    columns = [*FACT, *(f"true_{c}" for c in FACT), "altered"]
    distinct = pairs.select(columns).unique(maintain_order=True)
    reasons = [_judge_pair(make_fact(*r[:6]), make_fact(*r[6:12]), r[12]) for r in distinct.iter_rows()]
    wrong = distinct.with_columns(pl.Series("reason", reasons, pl.String)).drop_nulls("reason")
    bad = pairs.join(wrong, on=columns, how="inner", nulls_equal=True)
    twice = long.filter(pl.struct("key", *FACT).is_duplicated() & ~pl.col("true")).with_columns(
        pl.lit("another claim of the set states the same fact").alias("reason")
    )
    told = ["split", "key", "reason", "text"]
    bad = pl.concat([bad.select(told), twice.select(told)])
    ledger.add("one_attribute", "contextual_claims", len(pairs), bad)


def _judge_pair(false: Fact, true: Fact, altered: str) -> str | None:
    if altered == "location" and false.location is None:
        return "location altered, but the claim names none"
    if altered == "severity" and false.severity is None:
        return "severity altered, but the claim names none"
    if false.condition != true.condition:
        return None
    if false == true:
        return "states the same as the true claim"
    differs = differs_in(true, false)
    if len(differs) > 1:
        return f"differs from the true claim in {' and '.join(sorted(differs))}"
    # "No effusion on the left" is true where there is none at all: existence may be what a claim alters then.
    if differs and altered not in differs and not (altered == "existence" and true.existence == "absent"):
        return f"alters {next(iter(differs))}, not {altered}"
    return None


def check_families(ledger: Ledger, frame: pl.DataFrame, balanced: bool | None) -> None:
    """Check that groups of claim sets are closed: K rows with the same K texts, each true once.

    Args:
        ledger: where the verdict goes.
        frame: claim sets.
        balanced: whether the recipe promises closed groups; None if there is no recipe.
    """
    groups = (
        frame.with_columns(
            pl.col("claims").list.get(pl.col("answer"), null_on_oob=True).alias("true"),
            pl.col("claims").list.len().alias("k"),
        )
        .group_by("group_id")
        .agg(
            pl.len().alias("rows"),
            pl.col("k").max(),
            pl.col("split").n_unique().alias("splits"),
            pl.col("split").first().alias("split"),
            pl.struct("source", "study_id").n_unique().alias("studies"),
            pl.col("true").n_unique().alias("truths"),
            pl.col("claims").list.sort().list.join("\n").n_unique().alias("texts"),
            pl.col("claims").first().list.join(" | ").alias("text"),
        )
        .rename({"group_id": "key"})
        .sort("key")
    )
    if balanced is None:
        balanced = bool((groups["rows"] > 1).mean() or 0 > 0.5)
    if not balanced:
        ledger.skip("groups", "contextual_claims", "no closed groups are promised")
        return
    judge_rows(
        ledger,
        "groups",
        "contextual_claims",
        groups,
        {
            "not as many rows as claims": pl.col("rows") == pl.col("k"),
            "in two splits": pl.col("splits") == 1,
            "a study is there twice": pl.col("studies") == pl.col("rows"),
            "not each claim is true once": pl.col("truths") == pl.col("k"),
            "rows with different claims": pl.col("texts") == 1,
        },
        text=pl.col("text"),
    )


def check_captions(ledger: Ledger, frame: pl.DataFrame, balanced: bool) -> None:
    """Check that polarity and negation type go together, and the balance where the recipe promises it."""
    affirms = pl.col("negation_type") == "none"
    judge_rows(
        ledger,
        "polarity",
        "contextual_captions",
        frame,
        {"polarity is not that of the negation type": affirms == (pl.col("polarity") == "affirmative")},
        text=pl.col("caption"),
    )
    if not balanced:
        ledger.skip("balance", "contextual_captions", "no balance is promised")
        return
    cells = (
        frame.select(
            "split",
            *(pl.col("fact").struct.field(c) for c in ("condition", "location", "severity")),
            (pl.col("polarity") == "negated").alias("negated"),
        )
        .group_by("split", "condition", "location", "severity")
        .agg(pl.len().alias("rows"), pl.col("negated").sum())
        .with_columns(
            pl.concat_str("condition", "location", "severity", separator=", ", ignore_nulls=True).alias("key")
        )
        .sort("split", "key")
    )
    judge_rows(
        ledger,
        "balance",
        "contextual_captions",
        cells,
        {"negated and affirmative captions are not equally many": pl.col("negated") * 2 == pl.col("rows")},
        text=pl.col("negated").cast(pl.String) + " of " + pl.col("rows").cast(pl.String) + " are negated",
    )
