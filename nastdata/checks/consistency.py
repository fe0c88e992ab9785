"""Do rows agree with one another about a study: what one says is so, no other may say is not so.

Every statement is broken up into what it surely implies ("large effusion on the left" implies an effusion, a
large one, one on the left). That needs none of the source's records, so it can be checked by anybody.
"""

from __future__ import annotations

import polars as pl

from nastdata.checks.rules.facts import FACT, list_captions, list_claims, make_fact
from nastdata.checks.rules.options import true_labels
from nastdata.checks.verdicts import Ledger

Atom = tuple[str | None, str | None]
"""Place and grade of "there is such a finding"."""


def check_consistency(ledger: Ledger, frames: dict[str, pl.DataFrame]) -> None:
    """Check all statements of all configs about each study against one another."""
    parts = []
    if "mednega" in frames:
        parts.append(_list_items(frames["mednega"]))
    if "contextual_claims" in frames:
        parts.append(list_claims(frames["contextual_claims"]))
    if "contextual_captions" in frames:
        parts.append(list_captions(frames["contextual_captions"]))
    if not parts:
        return
    columns = ["key", "split", "source", "study_id", *FACT, "true"]
    said = pl.concat([p.select(columns) for p in parts])
    facts = said.select(*FACT, "true").unique(maintain_order=True)
    rows = [
        {"fact": i, "place": place, "grade": grade, "value": value}
        for i, row in enumerate(facts.iter_rows())
        for place, grade, value in _break_up(row[:6], row[6])
    ]
    schema = {"fact": pl.UInt32, "place": pl.String, "grade": pl.String, "value": pl.Boolean}
    atoms = pl.DataFrame(rows, schema=schema, orient="row")
    numbered = facts.with_row_index("fact")
    about = ["source", "study_id", "condition", "place", "grade"]
    stated = (
        said.join(numbered, on=[*FACT, "true"], how="inner", nulls_equal=True)
        .select("source", "study_id", "condition", "fact")
        .unique()
        .join(atoms, on="fact", how="inner")
    )
    clash = (
        stated.group_by(about)
        .agg(pl.col("value").n_unique().alias("values"))
        .filter(pl.col("values") > 1)
        .sort(about, nulls_last=False)
        .with_columns(
            pl.concat_str("source", "study_id", separator="/").alias("key"),
            pl.lit(None, pl.String).alias("split"),
            pl.lit("stated and denied of the same study").alias("reason"),
            pl.concat_str("grade", "condition", "place", separator=" ", ignore_nulls=True).alias("text"),
        )
    )
    ledger.add("consistency", None, said.select("source", "study_id").n_unique(), clash)


def _list_items(frame: pl.DataFrame) -> pl.DataFrame:
    long = frame.select("key", "split", "source", "study_id", "conditions", true_labels().alias("label"))
    nothing = pl.lit(None, pl.String)
    return long.explode("conditions", "label").select(
        *("key", "split", "source", "study_id"),
        pl.col("conditions").alias("condition"),
        pl.when(pl.col("label") == 1).then(pl.lit("present")).otherwise(pl.lit("absent")).alias("existence"),
        nothing.alias("location"),
        nothing.alias("severity"),
        pl.when(pl.col("label") == 1).then(pl.lit("none")).otherwise(pl.lit("existence")).alias("negation"),
        nothing.alias("qualifier"),
        pl.lit(True).alias("true"),
    )


def _break_up(
    row: tuple[str, str, str | None, str | None, str, str | None], true: bool
) -> list[tuple[str | None, str | None, bool]]:
    """Return (place, grade, whether there is such a finding) that a true or false statement implies."""
    fact = make_fact(*row)
    place, grade = fact.location, fact.severity
    if fact.existence == "absent" and fact.qualifier is not None:
        return []  # "no focal consolidation" leaves another one open
    if fact.denies is not None:
        # A false denial may be false since there is no finding at all: it implies nothing.
        here = (place, None) if fact.denies == "location" else (None, grade)
        return [(None, None, True), (*here, False)] if true else []
    there = (fact.existence == "present") == true
    if not there:
        return [(place, grade, False)]
    return [
        (p, g, True) for p, g in dict.fromkeys([(place, grade), (place, None), (None, grade), (None, None)])
    ]
