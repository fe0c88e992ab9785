"""An own table as a ``Source``: read in batches, every row used, rejected with its place, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nastdata.frames import FACTS_SCHEMA, REJECTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology
from nastdata.sources.base import Loaded, Options
from nastdata.sources.own.files.text_tables import ROW
from nastdata.sources.own.label_settings import ListLabels, RowLabels
from nastdata.sources.own.layouts import ID, Layout, make_layout
from nastdata.sources.own.settings import OwnSettings
from nastdata.sources.own.studies import combine, fold_rows, settle_details
from nastdata.sources.own.table_rows import FILE, TableRows, read_rows, refuse_too_many
from nastdata.sources.studies import (
    IMAGES,
    NO_FINDING,
    account_facts,
    report_facts,
    report_labels,
    sort_facts,
    take_definite_facts,
)
from nastdata.sources.views import NO_VIEW, RANK, choose_views, name_views

SEE_REJECTS = " (see rejects.parquet, or nastdata sources check)"
"""Where a build's user finds the rows that can't be used."""


class _Folded(NamedTuple):
    table: TableRows
    studies: pl.DataFrame
    rejects: pl.DataFrame
    left_out: dict[str, int]
    report: dict[str, Any]
    warnings: tuple[str, ...]


def load_labels(settings: OwnSettings, base: Path, ontology: Ontology, options: Options) -> Loaded:
    """Load one row a study."""
    table, studies, rejects, left_out, report, warnings = _fold(settings, base, ontology, options)
    used = int(studies[IMAGES].sum())
    columns = list(labels_schema(ontology))
    if studies[NO_FINDING].any():
        columns.append(NO_FINDING)
    frame = studies.with_columns(pl.when(NO_FINDING).then(1).cast(pl.Int8).alias(NO_FINDING)).select(columns)
    return Loaded(
        frame=frame,
        rejects=rejects,
        files=table.files,
        rows_in=table.rows_in,
        rows_out=used,
        left_out=left_out,
        report={**report, **report_labels(studies, ontology)},
        warnings=warnings,
    )


def load_facts(settings: OwnSettings, base: Path, ontology: Ontology, options: Options) -> Loaded:
    """Load definite labels as facts, with place and grade where the table has them."""
    table, studies, rejects, left_out, report, warnings = _fold(settings, base, ontology, options)
    if table.details.is_empty():
        plain = account_facts(studies, rejects, table.files, ontology, report)
        return replace(
            plain, warnings=warnings, rows_in=table.rows_in, left_out={**left_out, **plain.left_out}
        )
    placed = settle_details(table.details, table.rows, settings.agreement, ontology)
    facts = take_definite_facts(studies, ontology)
    keys = ["patient_id", "study_id", "condition", "existence"]
    there = placed.filter(pl.col("existence") == "present")
    facts = facts.drop("location", "severity").join(there, on=keys, how="left").select(list(FACTS_SCHEMA))
    denied = placed.filter(pl.col("existence") == "absent").join(facts.select(keys), on=keys, how="anti")
    denied = denied.with_columns(pl.lit(None, pl.String).alias("qualifier"))
    denied = denied.join(studies.drop(*[c.name for c in ontology.conditions]), on=["patient_id", "study_id"])
    denied, dropped = _drop_opposed(denied, facts, ontology)
    columns = facts.columns
    frame = sort_facts(pl.concat([facts, denied.select(columns)]), ontology)
    with_facts = studies.join(frame.select("patient_id", "study_id").unique(), on=["patient_id", "study_id"])
    used = int(with_facts[IMAGES].sum())
    left = int(studies[IMAGES].sum()) - used
    more: dict[str, Any] = {"denials that another finding speaks against": dropped} if dropped else {}
    return Loaded(
        frame=frame,
        rejects=rejects,
        files=table.files,
        rows_in=table.rows_in,
        rows_out=used,
        left_out={**left_out, **({"no definite label": left} if left else {})},
        report={**report, **more, **report_facts(frame)},
        warnings=warnings,
    )


def _drop_opposed(denied: pl.DataFrame, facts: pl.DataFrame, ontology: Ontology) -> tuple[pl.DataFrame, int]:
    """Drop denials of a place or grade that a finding of the same study speaks against."""
    from nastdata.records import Fact
    from nastdata.sources.denials import find_conflict

    if denied.is_empty():
        return denied, 0
    studies = denied.select("patient_id", "study_id").unique()
    here: dict[tuple[str, str], list[Fact]] = {}
    others = facts.filter(pl.col("existence") != "absent").join(studies, on=["patient_id", "study_id"])
    columns = ("patient_id", "study_id", "condition", "location", "severity")
    for p, s, c, place, grade, existence in others.select(*columns, "existence").iter_rows():
        here.setdefault((p, s), []).append(Fact(c, existence, place, grade))
    kept = [
        find_conflict(Fact(c, "absent", place, grade), here.get((p, s), ()), ontology) is None
        for p, s, c, place, grade in denied.select(columns).iter_rows()
    ]
    return denied.filter(pl.Series(kept, dtype=pl.Boolean)), kept.count(False)


def _fold(settings: OwnSettings, base: Path, ontology: Ontology, options: Options) -> _Folded:
    table = read_rows(settings, base, ontology)
    rows = choose_views(table.rows.with_columns(name_views()), options.views)
    lacking = pl.col(RANK).is_null().all().over("patient_id", "study_id")
    left_out = (
        {NO_VIEW.get(options.views, "no view"): n} if (n := int(rows.select(lacking.sum()).item())) else {}
    )
    table = replace(table, rows=rows.filter(~lacking))
    studies, rejects = fold_studies(table, settings, ontology)
    refuse_too_many(rejects, table.rows_in, settings)
    report, warnings = report_table(table, studies, settings, ontology)
    return _Folded(table, studies, rejects, left_out, report, warnings)


def fold_studies(
    table: TableRows, settings: OwnSettings, ontology: Ontology
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return studies with a column for every condition of the ontology, and all rejects."""
    layout = make_layout(settings, ontology)
    exact = not isinstance(settings.labels, RowLabels)
    conditions = layout.conditions
    agreement = settings.agreement
    rows = table.rows if agreement is None else _fill_readers(table.rows, layout)
    folded = fold_rows(rows, conditions, exact=exact, agreement=agreement, source=settings.name)
    studies = folded.studies
    if not exact and agreement is None:
        studies = studies.with_columns(_fill_rows(layout, studies.columns))
    missing = [c.name for c in ontology.conditions if c.name not in conditions]
    studies = studies.with_columns(pl.lit(None, pl.Int8).alias(c) for c in missing)
    told = table.rows.join(folded.rejects, on=ID, how="inner").sort(ID)
    conflicts = told.select(
        pl.lit("source").alias("stage"),
        "reason",
        pl.lit(settings.name).alias("source"),
        pl.format("{}, row {}", FILE, ROW).alias("key"),
        pl.format("study {}: {}", "study_id", "text").alias("text"),
    )
    return studies, pl.concat([table.rejects, conflicts.cast(pl.Schema(REJECTS_SCHEMA))])


def _fill_rows(layout: Layout, columns: list[str]) -> list[pl.Expr]:
    """Fill what a study's rows do not name, where the description says that this means absent."""
    labels, values = layout.labels, layout.settings.values
    where = pl.lit(isinstance(labels, RowLabels | ListLabels) and labels.unlisted == "absent")
    if values.nothing_found == "absent":
        where = where | pl.col(NO_FINDING).fill_null(False)
    return layout.fill_absent(columns, where)


def _fill_readers(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Fill each reader's blanks before they vote: a reader who names two findings denies the others."""
    if not isinstance(layout.labels, RowLabels):
        return rows
    by = ["patient_id", "study_id", "#reader"]
    merged = rows.group_by(by).agg(pl.col(NO_FINDING).any(), *(combine(c) for c in layout.conditions))
    filled = merged.with_columns(_fill_rows(layout, merged.columns)).select(*by, *layout.conditions)
    renamed = filled.rename({c: f"#filled {c}" for c in layout.conditions})
    joined = rows.join(renamed, on=by, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(
        pl.when(pl.col(c).is_null() & (pl.col(f"#filled {c}") == 0))
        .then(0)
        .otherwise(pl.col(c))
        .cast(pl.Int8)
        .alias(c)
        for c in layout.conditions
    ).drop([f"#filled {c}" for c in layout.conditions])


def report_table(
    table: TableRows, studies: pl.DataFrame, settings: OwnSettings, ontology: Ontology
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what the source's report says beside counts of labels, and what the user should know."""
    warnings = []
    layout = make_layout(settings, ontology)
    unseen = sorted(k for k, t in layout.targets.items() if t.special is None and not table.seen.get(k))
    what = "columns are blank in every row" if not isinstance(settings.labels, RowLabels | ListLabels) else (
        "names are in no row"
    )  # fmt: skip
    if unseen:
        shown = ", ".join(f"'{u}'" for u in unseen[:8]) + (" ..." if len(unseen) > 8 else "")
        warnings.append(
            f"{settings.name}: these {what}: {shown}; check their spelling in the description, or remove them"
        )
    if table.rejects.height:
        warnings.append(
            f"{settings.name}: {len(table.rejects):,} of {table.rows_in:,} rows can't be used{SEE_REJECTS}"
        )
    if not studies.is_empty() and not settings.columns.patient:
        warnings.append(
            f"{settings.name}: no patient column: each study counts as one patient, so that images of one "
            "person may be in several splits"
        )
    return {"images": len(table.rows)}, tuple(warnings)
