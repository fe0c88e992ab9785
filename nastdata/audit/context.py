"""What stands around a question and must not tell its answer: ids, order, source, split, other rows.

All of it is read off the whole frame, in the order of its rows, before anything is sampled.
"""

from __future__ import annotations

import polars as pl

from nastdata.audit.choices import CONTEXT, RECURRENCE

FEW = 24
"""Numbers in ids up to this one have a code each; larger ones share one by their number of bits."""
STRETCHES = 16
"""Parts that the rows of a split are cut into."""
OWN_ID = {
    "mednega": "item_id",
    "contextual_claims": "set_id",
    "contextual_captions": "caption_id",
    "protocols": "item_id",
    "probes": "pair_id",
    "opposition": "pair_id",
}
STUDY = ("source", "patient_id", "study_id")


def add_context(frame: pl.DataFrame, config: str) -> pl.DataFrame:
    """Add what stands around each question, as columns of codes named ``#context NAME: COLUMN``.

    Columns with one value only tell nothing and are left out.

    Args:
        frame: rows of a config, with ``split``, in the order of the files.
        config: whose ids they have.
    """
    own = OWN_ID[config]
    group = "group_id" if "group_id" in frame.columns else own
    made: dict[str, list[pl.Expr]] = {
        "ids": [
            *(read_number(c).alias(c) for c in dict.fromkeys((own, group))),
            pl.col(own).rank("ordinal").over(group).alias("turn by id"),
            read_last_letter(own).alias("last letter"),
            (pl.col(own).rank("ordinal").over("split") * STRETCHES // (pl.len().over("split") + 1)).alias(
                "stretch by id"
            ),
        ],
        "study number": [read_number(c).alias(c) for c in ("study_id", "image_id", "patient_id")],
        "row order": [
            pl.int_range(pl.len()).over(group).alias("turn in group"),
            (pl.int_range(pl.len()) % 2).alias("odd or even row"),
            (pl.int_range(pl.len()).over("split") * STRETCHES // pl.len().over("split")).alias("stretch"),
        ],
        "source": [pl.col("source").rank("dense").alias("source")],
        "split": [pl.col("split").rank("dense").alias("split")],
    }
    for name, columns in made.items():
        codes = frame.select(
            c.cast(pl.Int32).fill_null(-1).name.prefix(f"{CONTEXT}{name}: ") for c in columns
        )
        frame = frame.hstack(codes.select(c for c in codes.columns if codes[c].n_unique() > 1))
    return frame


def read_number(column: str) -> pl.Expr:
    """Return a code for the last number in an id: itself if small, else its size and whether it is odd."""
    number = pl.col(column).cast(pl.String).str.extract(r"(\d{1,15})\D*$").cast(pl.Int64)
    size = FEW + 1 + 2 * (number + 1).log(2).cast(pl.Int64) + number % 2
    return pl.when(number <= FEW).then(number).otherwise(size)


def read_last_letter(column: str) -> pl.Expr:
    """Return a code for the last character of an id."""
    return pl.col(column).cast(pl.String).str.slice(-1).rank("dense")


def add_recurrence(frame: pl.DataFrame, part: pl.DataFrame, config: str) -> pl.DataFrame:
    """Add how often what an option says occurs in other questions about its study, and about its patient.

    Args:
        frame: all questions of a config.
        part: those to add to, as list columns named ``#recurrence ...`` (one number an option).
        config: what they are.

    Returns:
        ``part`` with the columns; without them if no patient has two questions.
    """
    patient = ["source", "patient_id"]
    about = frame.join(part.select(patient).unique(), on=patient, how="semi")
    if about.select(patient).is_unique().all():
        return part
    own = OWN_ID[config]
    options = _list_options(about.with_row_index("row"), config)
    ways = [c for c in options.columns if c not in ("row", own, *STUDY)]
    counts = []
    for way in ways:
        for unit in (list(STUDY), patient):
            if about.select(unit).is_unique().all():
                continue
            elsewhere = pl.len().over(*unit, way) - pl.len().over("row", way)
            counts.append(
                pl.when(pl.col(way).is_null())
                .then(0)
                .otherwise(elsewhere)
                .cast(pl.Int64)
                .alias(f"{RECURRENCE}{unit[-1]}: {way}")
            )
    found = options.select(own, "row", *counts)
    lists = found.group_by("row", maintain_order=True).agg(pl.col(own).first(), pl.exclude(own, "row"))
    return part.join(lists.drop("row"), on=own, how="left", maintain_order="left")


def _list_options(frame: pl.DataFrame, config: str) -> pl.DataFrame:
    """Return one row an option: its question, study, and what it says, looked at in several ways."""
    keys = ["row", OWN_ID[config], *STUDY]
    if config == "contextual_claims":
        rows = frame.select(*keys, "claims", "claim_facts", "claim_negations")
        rows = rows.explode("claims", "claim_facts", "claim_negations").unnest("claim_facts", separator="_")
        fact = [f"claim_facts_{c}" for c in ("condition", "existence", "location", "severity")]
        return rows.select(
            *keys,
            pl.col("claims").alias("text"),
            _glue(*fact, "claim_negations").alias("fact"),
            _glue(fact[0], fact[1], "claim_negations").alias("kind of fact"),
            pl.col(fact[2]).alias("place"),
        )
    if config == "mednega":
        rows = frame.select(
            *keys,
            pl.col("conditions").list.join("|").alias("triple"),
            pl.col("choice_labels").list.eval(pl.element().cast(pl.List(pl.String)).list.join("")),
            "negated_choices",
        ).explode("choice_labels", "negated_choices")
        return rows.select(
            *keys, _glue("triple", "choice_labels").alias("fact"), pl.col("negated_choices").alias("text")
        )
    rows = frame.select(*keys, "protocol", "question", "choices", "choice_facts")
    rows = rows.explode("choices", "choice_facts").unnest("choice_facts", separator="_")
    return rows.select(
        *keys,
        _glue("choice_facts_condition", "choice_facts_existence").alias("fact"),
        _glue("protocol", "choice_facts_condition", "choice_facts_existence").alias("fact in its protocol"),
        _glue("question", "choices").alias("text"),
    )


def _glue(*columns: str) -> pl.Expr:
    return pl.concat_str(*(pl.col(c).cast(pl.String).fill_null("") for c in columns), separator="|")
