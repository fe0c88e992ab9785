"""CheXpert: CSV tables of images with 14 labels; also any CSV of the same shape with other conditions.

Tables that fit: ``train.csv``, ``valid.csv``, ``test_labels.csv`` of any release, the CheXbert variants when
named, and CheXpert Plus's label files (``impression_fixed.json``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.chexpert.plus_labels import JSON_NAME, find_label_json, read_label_json
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.studies import (
    CHEXPERT_LABELS,
    NO_FINDING,
    account_facts,
    account_labels,
    collapse_studies,
)
from nastdata.sources.tables import ROW, Table, parse_labels, read_table, reject_cell
from nastdata.sources.terms import CHEXPERT
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA, UNKNOWN, Views

NEEDS = (
    "train.csv or valid.csv of CheXpert (plain or .gz), or their folder",
    "or CheXpert Plus's label files (impression_fixed.json), or their folder",
    "or the Python package torchxrayvision, which has train.csv",
)
WANTED = {
    "labels": Wanted(
        r"(chexpert_?)?(train|valid|val_labels|valid_labels|test_labels)\.csv(\.gz)?",
        columns=("Path",),
        packed="chexpert_train.csv.gz",
    ),
    "json": Wanted(JSON_NAME),
}
PATH = r"(patient\d+)[/\\](study\d+)[/\\]([^/\\]+)$"
OWN = r"(^|[/\\])(train|valid|val|test)[/\\]patient|view\d+_(frontal|lateral)"
"""What a path of CheXpert's has: other people's folders of patients and studies are not passed off as its."""
DEPTH = 3


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label files found, places looked at).

    Of a folder with several copies of the corpus, the first is used; of two tables of the same images
    (``valid.csv`` and ``val_labels.csv``), one.
    """
    found, looked = find_wanted("chexpert", data, WANTED, ("labels", "json"), DEPTH)
    tables = found.get("labels", [])
    if data is not None and data.is_file():
        return (tables or find_label_json(found.get("json", [])))[:1], looked
    if not tables:
        return find_label_json(found.get("json", [])), looked
    first = [p for p in tables if p.parent == tables[0].parent]
    by_split: dict[str, Path] = {}
    for path in sorted(first, key=lambda p: ("labels" in p.name, p.name)):
        by_split.setdefault(re.sub(r"chexpert_?|_labels|idation|id|\..*", "", path.name.lower()), path)
    return sorted(by_split.values()), looked


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
    tables = [
        read_label_json(f, labels)
        if f.name.lower().endswith(".json")
        else read_table(f, ["Path", *labels], ["Frontal/Lateral", "AP/PA", NO_FINDING])
        for f in files
    ]
    if any(NO_FINDING in t.frame.columns for t in tables) and NO_FINDING not in labels:
        labels.append(NO_FINDING)
    rows = pl.concat([read_rows(t, labels) for t in tables], how="diagonal")
    studies, rejects = collapse_studies(rows, labels, SOURCE.name, "#rank", views=options.views)
    report: dict[str, object] = {"images": len(rows), "label_files": [f.name for f in files]}
    return studies, rejects, tuple(t.file for t in tables), ontology, report


def read_rows(table: Table, labels: list[str]) -> pl.DataFrame:
    """Name the patient, study and image of each row by its path, and read its labels.

    Raises:
        UserError: on the first path or label that is not as it should be.
    """
    present = [c for c in labels if c in table.frame.columns]
    frame = name_paths(table, parse_labels(table, present), "Path")
    blank = pl.lit(None, pl.String)
    side = pl.col("Frontal/Lateral") if "Frontal/Lateral" in frame.columns else blank
    view = pl.col("AP/PA") if "AP/PA" in frame.columns else blank
    return frame.select(
        "patient_id",
        "study_id",
        "image_id",
        pl.col("Path").alias("image"),
        "own_split",
        *(pl.col(c) for c in present),
        rank_views(side, view).alias("#rank"),
    )


def name_paths(table: Table, frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Add ``patient_id, study_id, image_id, own_split`` by a path like patient00001/study1/view1_frontal.jpg.

    Raises:
        UserError: on the first path that is no such path, with how many there are.
    """
    parts = pl.col(column).str.extract_groups(PATH)
    frame = frame.with_columns(
        parts.struct.field("1").alias("patient_id"),
        parts.struct.field("2").alias("#study"),
        parts.struct.field("3").alias("#view"),
    )
    bad = frame.filter(pl.col("patient_id").is_null() | ~pl.col(column).str.contains(OWN))
    if len(bad):
        wanted = "a path of CheXpert, like train/patient00001/study1/view1_frontal.jpg"
        reject_cell(table, int(bad[ROW][0]), column, bad[column][0], wanted, len(bad))
    folder = pl.col(column).str.extract(r"[/\\]?(train|valid|val|test)[/\\]patient", 1)
    study = pl.format("{}/{}", "patient_id", "#study")
    return frame.with_columns(
        study.alias("study_id"),
        pl.format("{}/{}", study, pl.col("#view").str.replace(r"\.[^.]+$", "")).alias("image_id"),
        folder.replace({"valid": "validation", "val": "validation"}).alias("own_split"),
    )


def rank_views(side: pl.Expr, view: pl.Expr) -> pl.Expr:
    """Return the rank of an image within its study: PA, AP, another frontal view, not said, lateral."""
    named = pl.col("#view").str.extract("(frontal|lateral)")
    seen = pl.coalesce(side.str.to_lowercase().str.head(1), named.str.head(1)).fill_null("")
    said = pl.when(seen == "l").then(LATERAL).when(view == "PA").then(PA).when(view == "AP").then(AP)
    return said.when(seen == "f").then(FRONTAL).otherwise(UNKNOWN).cast(pl.Int8)


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
    family="chexpert",
)
