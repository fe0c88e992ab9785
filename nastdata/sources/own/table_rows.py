"""All rows of an own table: read in batches, each good, or rejected with its file, row and reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nastdata.errors import UserError
from nastdata.frames import REJECTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile
from nastdata.sources.own.files import tables
from nastdata.sources.own.files.text_tables import ROW
from nastdata.sources.own.keys import (
    MARK,
    WHY,
    find_stray_dates,
    list_columns,
    name_studies,
    read_keys,
    tell_studies_apart,
)
from nastdata.sources.own.layouts import ID, make_layout
from nastdata.sources.own.memory import refuse_too_big
from nastdata.sources.own.settings import OwnSettings

FILE = "#file"
CLAIMED = 5
"""Rejected rows that an error shows."""


@dataclass(frozen=True)
class TableRows:
    """All rows of an own table: the good ones with keys and labels, the rejected ones, the files."""

    rows: pl.DataFrame
    details: pl.DataFrame
    rejects: pl.DataFrame
    """``frames.REJECTS_SCHEMA``."""
    files: tuple[InputFile, ...]
    rows_in: int
    seen: dict[str, int]
    """Name of the description -> rows that had it."""


def read_rows(settings: OwnSettings, base: Path, ontology: Ontology) -> TableRows:
    """Read every row of a source's files.

    Raises:
        UserError: if files or columns are missing or unreadable, or the labels do not fit the ontology.
    """
    layout = make_layout(settings, ontology)
    wanted = list(dict.fromkeys([*list_columns(settings), *layout.columns]))
    paths = tables.find_files(settings.files, base)
    for path in paths:
        tables.check_columns(path, tables.read_header(path, settings.read), wanted)
    rows, details, rejects, files = [], [], [], []
    total = kept = 0
    for path in paths:
        in_file = 0
        for batch in tables.read_batches(path, settings.read, wanted):
            frame = batch.frame.with_columns(
                (pl.int_range(pl.len(), dtype=pl.Int64) + total).alias(ID), pl.lit(path.name).alias(FILE)
            )
            in_file += len(frame) + len(batch.broken)
            total += len(frame)
            said = layout.read(read_keys(frame, settings))
            bad = said.rows.filter(pl.col(WHY).is_not_null())
            rejects += [reject_marked(bad, settings.name), reject_broken(batch.broken, path, settings.name)]
            good = said.rows.filter(pl.col(WHY).is_null()).drop(WHY)
            rows.append(good)
            kept += int(good.estimated_size())
            refuse_too_big(kept, total, path)
            details.append(said.details.filter(pl.col(ID).is_in(good[ID].implode())))
        files.append(InputFile(path, tables.hash_file(path), in_file))
    whole = pl.concat(rows) if rows else pl.DataFrame()
    rows_in = sum(f.rows for f in files)
    if not rows_in:
        raise UserError("no rows below the header", where=", ".join(f.path.name for f in files))
    stray = find_stray_dates(whole)
    if stray is not None:
        bad = whole.filter(stray).with_columns(
            pl.concat_str(
                [
                    pl.lit(f"study: a date where an id should be{MARK}"),
                    pl.col("study_id").str.replace("^.date:", ""),
                ]
            ).alias(WHY)
        )
        rejects.append(reject_marked(bad, settings.name))
        whole = whole.filter(~stray)
    if tell_studies_apart(whole):
        whole = name_studies(whole)
    made = TableRows(
        whole, pl.concat(details), pl.concat(rejects), tuple(files), rows_in, layout.seen
    )  # fmt: skip
    return made


def refuse_too_many(rejects: pl.DataFrame, rows_in: int, settings: OwnSettings) -> None:
    """Refuse a table of which too large a part cannot be used.

    Raises:
        UserError: with the commonest reasons and examples.
    """
    if len(rejects) <= settings.max_rejected * rows_in:
        return
    reasons = Counter(rejects["reason"].to_list()).most_common(CLAIMED)
    first = {r: (k, t) for r, k, t in reversed(rejects.select("reason", "key", "text").rows())}
    told = [f"{n:,} x {r} (first: {first[r][0]}{_quote(first[r][1])})" for r, n in reasons]
    raise UserError(
        f"{len(rejects):,} of {rows_in:,} rows can't be used: " + "; ".join(told),
        where=settings.name,
        how="correct the table or its description: nastdata sources check shows more; or raise max_rejected",
    )


def reject_marked(bad: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return the rejects of rows whose ``#why`` says what is wrong."""
    parts = pl.col(WHY).str.splitn(MARK, 2)
    text = parts.struct.field("field_1")
    return bad.select(
        pl.lit("source").alias("stage"),
        parts.struct.field("field_0").alias("reason"),
        pl.lit(source).alias("source"),
        pl.format("{}, row {}", FILE, ROW).alias("key"),
        pl.when(text != "").then(text).alias("text"),
    ).cast(pl.Schema(REJECTS_SCHEMA))


def reject_broken(broken: tuple[tuple[int, str, str], ...], path: Path, source: str) -> pl.DataFrame:
    """Return the rejects of rows that are no rows of the table."""
    rows = [("source", reason, source, f"{path.name}, row {row}", text) for row, reason, text in broken]
    return pl.DataFrame(rows, schema=REJECTS_SCHEMA, orient="row")


def _quote(text: str | None) -> str:
    return f": '{text[:80]}'" if text else ""
