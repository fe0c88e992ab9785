"""CheXpert: one CSV of images with 14 labels; also any CSV of the same shape with other conditions."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import find_in_torchxrayvision, list_places, tell_missing
from nastdata.sources.studies import (
    CHEXPERT_LABELS,
    NO_FINDING,
    account_facts,
    account_labels,
    collapse_studies,
)
from nastdata.sources.tables import ROW, Table, parse_labels, read_table, reject_cell
from nastdata.sources.terms import CHEXPERT
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA, Views

NEEDS = (
    "train.csv of CheXpert (plain or .gz), or its folder",
    "or the Python package torchxrayvision, which has it",
)
TABLES = ("train.csv", "valid.csv", "train.csv.gz", "valid.csv.gz", "chexpert_train.csv.gz")
FOLDERS = ("", "CheXpert-v1.0-small", "CheXpert-v1.0")
PATH = r"(patient\d+)[/\\](study\d+)[/\\]([^/\\]+)$"
OWN = r"(^|[/\\])(train|valid|test)[/\\]patient|view\d+_(frontal|lateral)"
"""What a path of CheXpert's has: other people's folders of patients and studies are not passed off as its."""


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label files found, places looked at)."""
    looked = []
    for place in list_places("chexpert", data):
        looked.append(str(place))
        if place.is_file():
            return [place], looked
        for folder in FOLDERS:
            found = [f for t in TABLES if (f := place / folder / t).is_file()]
            if found:
                return found, looked
    if data is None:
        looked.append("the package torchxrayvision")
        packed = find_in_torchxrayvision("chexpert_train.csv.gz")
        return ([packed] if packed else []), looked
    return [], looked


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row a study; the conditions of the ontology decide which label columns are needed.

    Raises:
        UserError: if files are missing, or a row, column or cell is not as it should be.
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
        raise tell_missing("CheXpert", data, looked, NEEDS)
    labels = [c.name for c in ontology.conditions]
    tables = [read_table(f, ["Path", *labels], ["Frontal/Lateral", "AP/PA", NO_FINDING]) for f in files]
    if any(NO_FINDING in t.frame.columns for t in tables) and NO_FINDING not in labels:
        labels.append(NO_FINDING)
    rows = pl.concat([_read_rows(t, labels) for t in tables], how="diagonal")
    studies, rejects = collapse_studies(rows, labels, SOURCE.name, "#rank", views=options.views)
    return studies, rejects, tuple(t.file for t in tables), ontology, {"images": len(rows)}


def _read_rows(table: Table, labels: list[str]) -> pl.DataFrame:
    present = [c for c in labels if c in table.frame.columns]
    frame = parse_labels(table, present)
    parts = pl.col("Path").str.extract_groups(PATH)
    frame = frame.with_columns(
        parts.struct.field("1").alias("patient_id"),
        parts.struct.field("2").alias("#study"),
        parts.struct.field("3").alias("#view"),
    )
    bad = frame.filter(pl.col("patient_id").is_null() | ~pl.col("Path").str.contains(OWN))
    if len(bad):
        wanted = "a path of CheXpert, like train/patient00001/study1/view1_frontal.jpg"
        reject_cell(table, int(bad[ROW][0]), "Path", bad["Path"][0], wanted, len(bad))
    blank = pl.lit(None, pl.String)
    side = pl.col("Frontal/Lateral") if "Frontal/Lateral" in frame.columns else blank
    view = pl.col("AP/PA") if "AP/PA" in frame.columns else blank
    frontal = side.str.to_lowercase().str.starts_with("f").fill_null(pl.col("#view").str.contains("frontal"))
    said = pl.when(~frontal).then(LATERAL).when(view == "PA").then(PA).when(view == "AP").then(AP)
    rank = said.otherwise(FRONTAL)
    folder = pl.col("Path").str.extract(r"[/\\]?(train|valid|test)[/\\]patient", 1)
    study = pl.format("{}/{}", "patient_id", "#study")
    return frame.select(
        "patient_id",
        study.alias("study_id"),
        pl.format("{}/{}", study, pl.col("#view").str.replace(r"\.[^.]+$", "")).alias("image_id"),
        pl.col("Path").alias("image"),
        folder.replace({"valid": "validation"}).alias("own_split"),
        *(pl.col(c) for c in present),
        rank.cast(pl.Int8).alias("#rank"),
    )


SOURCE = Source(
    name="chexpert",
    title="CheXpert",
    terms=CHEXPERT,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    labels=CHEXPERT_LABELS,
    views=get_args(Views),
)
