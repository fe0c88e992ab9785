"""How rows of each config are classed: condition, polarity, kind, writer.

A review samples by these classes.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from nastdata.records import COLUMN_ORDER, LETTERS

STRATUM = ("condition", "polarity", "kind", "writer")
NO_WRITER = "prompts"
"""Of configs whose texts are fixed prompts."""


def strata_columns(config: str) -> tuple[str, ...]:
    """Return the columns that classing a config's rows needs, its key first."""
    return (COLUMN_ORDER[config][0], *NEEDS[config])


def add_strata(config: str, frame: pl.DataFrame, codes: pl.Series) -> pl.DataFrame:
    """Add ``condition``, ``polarity``, ``kind`` and ``writer`` to rows as ``stratum_*`` columns.

    Args:
        config: of the rows.
        frame: at least ``strata_columns(config)``.
        codes: one uniform draw a row; a MedNega question counts for one of its three conditions, drawn so.
    """
    parts = CLASSES[config](codes)
    named = {f"stratum_{k}": e.cast(pl.String).fill_null("") for k, e in zip(STRATUM, parts, strict=True)}
    return frame.with_columns(**named)


def tell_writer(column: str = "realizer") -> pl.Expr:
    """Return a writer's name without the hash of its prompt."""
    return pl.col(column).str.replace_all(r"#[^,]*", "")


Four = tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]


def _mednega(codes: pl.Series) -> Four:
    right = pl.col("answer").replace_strict(LETTERS, range(4), return_dtype=pl.Int64, default=None)
    labels = pl.col("choice_labels").list.get(right, null_on_oob=True)
    present, all_of = labels.list.sum(), labels.list.len()
    polarity = (
        pl.when(present == all_of)
        .then(pl.lit("affirmative"))
        .when(present == 0)
        .then(pl.lit("negated"))
        .otherwise(pl.lit("mixed"))
    )
    at = pl.lit(codes % 3).cast(pl.Int64)
    condition = pl.col("conditions").list.get(at, null_on_oob=True)
    return condition, polarity, pl.col("design"), tell_writer()


def _claims(codes: pl.Series) -> Four:
    denied = pl.col("claim_negations").list.get(pl.col("answer"), null_on_oob=True)
    kind = pl.concat_str("set_kind", "negation_type", separator=", ")
    return pl.col("condition"), _polarity(denied != "none"), kind, tell_writer()


def _captions(codes: pl.Series) -> Four:
    condition = pl.col("fact").struct.field("condition")
    return condition, pl.col("polarity"), pl.col("negation_type"), tell_writer()


def _probes(codes: pl.Series) -> Four:
    polarity = _polarity(pl.col("negation_in") == "correct")
    return pl.col("condition"), polarity, pl.lit("probe"), pl.lit(NO_WRITER)


def _opposition(codes: pl.Series) -> Four:
    return pl.col("condition"), pl.col("polarity"), pl.col("style"), pl.lit(NO_WRITER)


def _protocols(codes: pl.Series) -> Four:
    return pl.col("condition"), pl.col("polarity"), pl.col("protocol"), pl.lit(NO_WRITER)


def _polarity(denied: pl.Expr) -> pl.Expr:
    return pl.when(denied).then(pl.lit("negated")).otherwise(pl.lit("affirmative"))


CLASSES: dict[str, Callable[[pl.Series], Four]] = {
    "mednega": _mednega,
    "contextual_claims": _claims,
    "contextual_captions": _captions,
    "probes": _probes,
    "opposition": _opposition,
    "protocols": _protocols,
}
NEEDS: dict[str, tuple[str, ...]] = {
    "mednega": ("conditions", "choice_labels", "answer", "design", "realizer"),
    "contextual_claims": (
        *("condition", "claim_negations", "answer", "set_kind", "negation_type", "realizer"),
    ),
    "contextual_captions": ("fact", "polarity", "negation_type", "realizer"),
    "probes": ("condition", "negation_in"),
    "opposition": ("condition", "polarity", "style"),
    "protocols": ("condition", "polarity", "protocol"),
}
"""Config -> columns that ``CLASSES`` reads."""
