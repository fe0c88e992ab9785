"""From rows to studies: rows that must agree, findings that add up, readers who vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.own.keys import READER
from nastdata.sources.own.layouts import ID
from nastdata.sources.own.settings import Agreement
from nastdata.sources.studies import IMAGES, KEYS, NO_FINDING
from nastdata.sources.views import RANK, VIEW, name_views

STUDY = ["patient_id", "study_id"]
DIFFER = "rows of one study have different labels (see agreement)"
OPPOSED = "a finding both present and absent in one study (see agreement)"


@dataclass(frozen=True)
class Folded:
    """Studies with their labels and ``IMAGES`` (rows), and the rows of studies that contradict themselves."""

    studies: pl.DataFrame
    rejects: pl.DataFrame
    """``#id, reason, text`` of rejected rows."""


def fold_rows(
    rows: pl.DataFrame, conditions: Sequence[str], *, exact: bool, agreement: Agreement | None, source: str
) -> Folded:
    """Make one row a study.

    Args:
        rows: keys, ``#id, #rank, #reader``, ``NO_FINDING`` (Boolean) and the label columns.
        conditions: Names of the label columns.
        exact: Whether rows hold whole label vectors, which must be equal; else each holds one finding.
        agreement: How readers become one; None if there is one reader.
        source: Name of the corpus.
    """
    refused = pl.DataFrame(schema={ID: pl.Int64, "reason": pl.String, "text": pl.String})
    votes = agreement is not None and agreement.reader is None
    by = [*STUDY, ID] if votes else [*STUDY, READER]
    if exact and agreement is None:
        bad = _find_different(rows, conditions)
    else:
        bad = _find_opposed(rows, conditions, by)
    if len(bad):
        told = rows.join(bad, on=STUDY, how="inner").select(ID, "reason", "text")
        refused = pl.concat([refused, told])
        rows = rows.join(bad, on=STUDY, how="anti")
    keys = (
        (rows if VIEW in rows.columns else rows.with_columns(name_views()))
        .select(*STUDY, "image_id", "image", "own_split", RANK, VIEW)
        .with_columns(pl.len().over(STUDY).alias(IMAGES))
        .sort(*STUDY, RANK, "image_id", "image", nulls_last=[False, False, True, False, False])
        .unique(STUDY, keep="first", maintain_order=True)
        .with_columns(pl.lit(source).alias("source"))
        .select(*KEYS, IMAGES)
    )
    labels = rows.select(*by, NO_FINDING, *conditions)
    if len(keys) < len(rows):
        labels = labels.group_by(by).agg(
            pl.col(NO_FINDING).any(),
            *(combine(c) for c in conditions),
        )
        if agreement is not None:
            labels = labels.group_by(STUDY).agg(
                pl.col(NO_FINDING).all(), *(_vote(c, agreement) for c in conditions)
            )
    elif agreement is not None:
        labels = labels.group_by(STUDY).agg(
            pl.col(NO_FINDING).all(), *(_vote(c, agreement) for c in conditions)
        )
    labels = labels.select(*STUDY, NO_FINDING, *conditions)
    studies = keys.join(labels, on=STUDY, how="left", maintain_order="left")
    return Folded(studies, refused)


def _find_different(rows: pl.DataFrame, conditions: Sequence[str]) -> pl.DataFrame:
    repeated = rows.filter(pl.len().over(STUDY) > 1)
    if repeated.is_empty():
        return pl.DataFrame(schema={"patient_id": pl.String, "study_id": pl.String})
    differs = repeated.group_by(STUDY).agg(pl.col(c).n_unique().gt(1).alias(c) for c in conditions)
    return _name(differs, conditions, DIFFER)


def _find_opposed(rows: pl.DataFrame, conditions: Sequence[str], by: list[str]) -> pl.DataFrame:
    both = rows.group_by(by).agg(
        ((pl.col(c) == 1).any() & (pl.col(c) == 0).any()).fill_null(False).alias(c) for c in conditions
    )
    found = _name(both, conditions, OPPOSED)
    return found.unique(STUDY, keep="first", maintain_order=True)


def _name(flags: pl.DataFrame, conditions: Sequence[str], reason: str) -> pl.DataFrame:
    named = [pl.when(pl.col(c)).then(pl.lit(c)) for c in conditions]
    text = pl.concat_str(named, separator=", ", ignore_nulls=True) if named else pl.lit("")
    return (
        flags.with_columns(text.alias("text"))
        .filter(pl.col("text") != "")
        .select(*STUDY, pl.lit(reason).alias("reason"), "text")
        .sort(STUDY)
    )


def combine(c: str) -> pl.Expr:
    """Return one reader's label: present beats uncertain beats absent."""
    column = pl.col(c)
    return (
        pl.when((column == 1).any()).then(1).when((column == -1).any()).then(-1).when((column == 0).any())
        .then(0).otherwise(None).cast(pl.Int8).alias(c)
    )  # fmt: skip


def _need(rule: int | str) -> pl.Expr:
    if rule == "any":
        return pl.lit(1)
    if rule == "majority":
        return pl.len() // 2 + 1
    return pl.len() if rule == "all" else pl.lit(int(rule))


def _vote(c: str, agreement: Agreement) -> pl.Expr:
    column = pl.col(c)
    present, absent, doubtful = (column == 1).sum(), (column == 0).sum(), (column == -1).sum()
    return (
        pl.when(present >= _need(agreement.present_if)).then(1)
        .when(absent >= _need(agreement.absent_if)).then(0)
        .when(present + doubtful > 0).then(-1)
        .otherwise(None).cast(pl.Int8).alias(c)
    )  # fmt: skip


def settle_details(
    details: pl.DataFrame, rows: pl.DataFrame, agreement: Agreement | None, ontology: Ontology
) -> pl.DataFrame:
    """Return ``patient_id, study_id, condition, existence, location, severity``, as readers agree on them.

    A place counts if as many readers give it as it takes for the finding to be there; else their common
    side; else none. A second grade at one place makes the grade unknown.
    """
    who = rows.select(ID, *STUDY, READER)
    found = details.join(who, on=ID)
    if agreement is not None:
        voters = READER if agreement.reader else ID
        size = rows.group_by(STUDY).agg(pl.col(voters).n_unique().alias("#n"))
        need = _need(agreement.present_if)
        size = size.with_columns(
            (pl.col("#n") // 2 + 1 if agreement.present_if == "majority"
             else pl.col("#n") if agreement.present_if == "all" else need).alias("#need")
        )  # fmt: skip
        found = found.join(size.select(*STUDY, "#need"), on=STUDY)
        found = _agree_on_places(found, voters, ontology)
    keys = [*STUDY, "condition", "existence"]
    grades = pl.col("severity").drop_nulls()
    found = found.group_by(*keys, "location").agg(
        pl.when(grades.n_unique() == 1).then(grades.first()).alias("severity")
    )
    place = ontology.place_by_name
    sides = {p.name: p.side for p in ontology.places if p.side}
    bare = [p for p in sides if place[p].region is None]
    side = pl.col("location").replace_strict(sides, default=None, return_dtype=pl.String)
    finer = (side.is_not_null() & ~pl.col("location").is_in(bare)).any().over(*keys, side)
    # a place says its side as well, and any place more than none
    said = pl.col("location").is_in(bare).fill_null(False) & finer
    located = pl.col("location").is_not_null().any().over(keys)
    kept = found.filter(~said & (~located | pl.col("location").is_not_null()))
    return kept.sort(*keys, "location", "severity")


def _agree_on_places(found: pl.DataFrame, voters: str, ontology: Ontology) -> pl.DataFrame:
    keys = [*STUDY, "condition", "existence"]
    side = {p.name: p.side for p in ontology.places if p.side}
    region = {(c.name, ontology.place_by_name[p].side): p for c in ontology.conditions for p in c.places
              if ontology.place_by_name[p].region is None}  # fmt: skip
    found = found.with_columns(
        pl.col("location").replace_strict(side, default=None, return_dtype=pl.String).alias("#side")
    )
    backed = pl.col(voters).n_unique()
    places = found.with_columns(
        (backed.over([*keys, "location"]) >= pl.col("#need")).alias("#place_agreed"),
        (backed.over([*keys, "#side"]) >= pl.col("#need")).alias("#side_agreed"),
    )
    bare = pl.struct("condition", "#side").map_elements(
        lambda x: region.get((x["condition"], x["#side"])), return_dtype=pl.String
    )
    return places.with_columns(
        pl.when(pl.col("location").is_not_null() & pl.col("#place_agreed"))
        .then(pl.col("location"))
        .when(pl.col("#side").is_not_null() & pl.col("#side_agreed"))
        .then(bare)
        .alias("location")
    )
