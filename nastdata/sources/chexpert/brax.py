"""BRAX: CheXpert's labels, read from Portuguese reports of a hospital in Brazil."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.studies import (
    CHEXPERT_LABELS,
    NO_FINDING,
    account_facts,
    account_labels,
    collapse_studies,
)
from nastdata.sources.tables import ROW, parse_labels, read_table, reject_cell
from nastdata.sources.terms import BRAX
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA, UNKNOWN, Views

PATIENT, STUDY, IMAGE, VIEW = "PatientID", "AccessionNumber", "PngPath", "ViewPosition"
RANKS = {
    "PA": PA,
    "AP": AP,
    "AP LLD": FRONTAL,
    **dict.fromkeys(("L", "RL", "LL", "RLO", "LT-DECUB"), LATERAL),
}
NEEDS = ("master_spreadsheet_update.csv of BRAX (plain or .gz), or its folder",)
WANTED = {
    "labels": Wanted(
        r"master_spreadsheet(_update)?\.csv(\.gz)?", columns=(PATIENT, STUDY, IMAGE, NO_FINDING), header=True
    )
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label table found, places looked at)."""
    found, looked = find_wanted("brax", data, WANTED, "labels", 4)
    # the updated spreadsheet, if both are there
    return sorted(found.get("labels", []), key=lambda p: "update" not in p.name)[:1], looked


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row a study.

    Raises:
        UserError: if the table is missing, or a row, column or cell is not as it should be.
    """
    return account_labels(*_load(data, ontology, options))


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load definite labels as facts without place and grade."""
    return account_facts(*_load(data, ontology, options))


def _load(
    data: Path | None, ontology: Ontology, options: Options
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[InputFile, ...], Ontology, dict[str, object]]:
    files, looked = find(data)
    if not files:
        raise tell_missing("BRAX", data, looked, NEEDS)
    labels = [c.name for c in ontology.conditions]
    table = read_table(files[0], [PATIENT, STUDY, IMAGE, *labels], [NO_FINDING, VIEW])
    for column in (PATIENT, STUDY, IMAGE):
        bad = table.frame.filter(pl.col(column).is_null())
        if len(bad):
            reject_cell(table, int(bad[ROW][0]), column, None, "an id", len(bad))
    if NO_FINDING in table.frame.columns and NO_FINDING not in labels:
        labels.append(NO_FINDING)
    frame = parse_labels(table, labels)
    view = pl.col(VIEW) if VIEW in frame.columns else pl.lit(None, pl.String)
    rows = frame.select(
        pl.col(PATIENT).alias("patient_id"),
        # accession numbers are not unique over patients
        pl.format("{}/{}", PATIENT, STUDY).alias("study_id"),
        pl.col(IMAGE).str.split("/").list.last().str.replace(r"\.[^.]+$", "").alias("image_id"),
        pl.col(IMAGE).alias("image"),
        pl.lit(None, pl.String).alias("own_split"),
        *labels,
        view.replace_strict(RANKS, default=UNKNOWN, return_dtype=pl.Int8).alias("#rank"),
    )
    studies, rejects = collapse_studies(rows, labels, SOURCE.name, "#rank", views=options.views)
    return studies, rejects, (table.file,), ontology, {"images": len(rows)}


SOURCE = Source(
    name="brax",
    title="BRAX",
    terms=BRAX,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    labels=CHEXPERT_LABELS,
    views=get_args(Views),
)
