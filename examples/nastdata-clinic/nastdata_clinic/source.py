"""The source ``clinic``: one CSV with a row for each study, ``yes``, ``no`` or nothing for each condition."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from nastdata.errors import UserError
from nastdata.frames import REJECTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.terms import Terms

VALUES = {"yes": 1, "no": 0}
TERMS = Terms(
    licence="cc0-1.0",
    may_leave_machine=True,
    may_publish="yes",
    citation="Made-up studies of a made-up clinic",
    url="",
)


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return the files found, and where they were looked for."""
    if data is None:
        return [], ["--data FILE.csv"]
    path = data / "clinic.csv" if data.is_dir() else data
    return ([path] if path.is_file() else []), [str(path)]


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Read the table; a row without patient or study is rejected."""
    found, looked = find(data)
    if not found:
        raise UserError("no table of the clinic", where=looked[0], how="--data clinic=FILE.csv")
    table = pl.read_csv(found[0], infer_schema=False)
    for column in ("patient", "study", "image"):
        if column not in table.columns:
            raise UserError(f"no column '{column}'", where=str(found[0]), how="see the example's clinic.csv")
    names = [c.name for c in ontology.conditions]
    schema = labels_schema(ontology)
    usable = pl.col("patient").is_not_null() & pl.col("study").is_not_null()
    bad = table.with_row_index("row", offset=2).filter(~usable)
    frame = table.filter(usable).select(
        pl.lit("clinic").alias("source"),
        pl.col("patient").alias("patient_id"),
        pl.col("study").alias("study_id"),
        pl.col("image").alias("image_id"),
        pl.col("image"),
        *(_read_labels(table, name).alias(name) for name in names),
    )
    missing = [pl.lit(None, t).alias(n) for n, t in schema.items() if n not in frame.columns]
    frame = frame.with_columns(missing).select(list(schema)).cast(schema).sort("patient_id", "study_id")
    rejects = pl.DataFrame(
        {
            "stage": ["source"] * len(bad),
            "source": ["clinic"] * len(bad),
            "key": [f"row {n}" for n in bad["row"]],
            "reason": ["no patient or no study"] * len(bad),
            "text": [None] * len(bad),
        },
        schema=REJECTS_SCHEMA,
    )
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    file = InputFile(found[0], digest, len(table))
    return Loaded(frame, rejects, (file,), rows_in=len(table), rows_out=len(frame))


def _read_labels(table: pl.DataFrame, name: str) -> pl.Expr:
    """Return 1, 0 or null; a condition without a column is not mentioned anywhere."""
    if name not in table.columns:
        return pl.lit(None, pl.Int8)
    return pl.col(name).replace_strict(VALUES, default=None, return_dtype=pl.Int8)


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """The clinic's table has labels only."""
    raise UserError("the clinic's table has no places or grades", how="nastdata build mednega")


SOURCE = Source(
    name="clinic",
    title="A made-up clinic (example plug-in)",
    terms=TERMS,
    needs=("clinic.csv: patient, study, image, and a column for each condition (yes, no or nothing)",),
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
)
