"""MIMIC-CXR-JPG: labels of studies, beside tables that list their images, split and view."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import list_places, tell_missing, walk_tables
from nastdata.sources.studies import (
    CHEXPERT_LABELS,
    NO_FINDING,
    account_facts,
    account_labels,
    collapse_studies,
)
from nastdata.sources.tables import ROW, Table, parse_labels, read_table, reject_cell
from nastdata.sources.terms import MIMIC_CXR
from nastdata.sources.views import (
    AP,
    FRONTAL,
    LATERAL,
    NO_VIEW,
    PA,
    RANK,
    UNKNOWN,
    VIEW,
    Views,
    choose_views,
    name_views,
)

NEEDS = (
    "mimic-cxr-2.x.0-chexpert.csv.gz (or -negbio), in PhysioNet's folder or any other",
    "beside it -split.csv.gz and -metadata.csv.gz, for images and the corpus's own split",
)
NAME = re.compile(r"mimic-cxr-\d+\.\d+\.\d+-(?P<kind>chexpert|negbio|split|metadata)\.csv(\.gz)?$")
OWN_SPLIT = {"train": "train", "validate": "validation", "test": "test"}


@dataclass(frozen=True)
class Files:
    """The tables of one version of the corpus; the labels are CheXpert's where both kinds are there."""

    labels: Path | None
    split: Path | None
    metadata: Path | None


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (tables found: labels, split, metadata; places looked at)."""
    looked = []
    for place in list_places("mimic-cxr", data):
        looked.append(str(place))
        files = find_tables(place)
        if files:
            return [f for f in (files.labels, files.split, files.metadata) if f], looked
    return [], looked


def find_tables(place: Path, need_labels: bool = True) -> Files | None:
    """Find the tables at or below a folder, or beside a named label file; the newest version wins."""
    named = place if place.is_file() else None
    folders: dict[Path, dict[str, Path]] = {}
    # in order of names: within a folder, the newest version of each kind stays
    for path in walk_tables(place.parent if named else place, depth=0 if named else 5):
        match = NAME.match(path.name)
        if match:
            folders.setdefault(path.parent, {})[match["kind"]] = path
    if named:
        beside = folders.get(named.parent, {})
        return Files(named, beside.get("split"), beside.get("metadata"))
    found = [
        (max(path.name for path in kinds.values()), folder)
        for folder, kinds in folders.items()
        if not need_labels or "chexpert" in kinds or "negbio" in kinds
    ]
    if not found:
        return None
    kinds = folders[max(found)[1]]
    return Files(kinds.get("chexpert") or kinds.get("negbio"), kinds.get("split"), kinds.get("metadata"))


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row a study; the conditions of the ontology decide which label columns are needed.

    Raises:
        UserError: if files are missing, or a row, column or cell is not as it should be.
    """
    return account_labels(*_load(data, ontology, options))


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load definite labels as facts without place and grade."""
    return account_facts(*_load(data, ontology, options))


def load_images(files: Files, views: str = "frontal") -> tuple[pl.DataFrame, tuple[InputFile, ...]]:
    """Load one row a study: ``patient_id, study_id, image_id, image, own_split``, and ``images`` counted.

    The preferred image is PA, then AP, then another frontal view, then any. ``views`` (``sources.views``) may
    ask for others: ``all`` gives a row an image, and studies without the wanted view have no row.
    """
    read: list[InputFile] = []
    frames = []
    if files.split:
        table = read_table(files.split, ["dicom_id", "subject_id", "study_id", "split"])
        read.append(table.file)
        known = table.frame["split"].is_in(list(OWN_SPLIT))
        bad = table.frame.filter(~known.fill_null(False))
        if len(bad):
            reject_cell(
                table, int(bad[ROW][0]), "split", bad["split"][0], "train, validate or test", len(bad)
            )
        frames.append(_name_ids(table, ["dicom_id"], [pl.col("split").replace(OWN_SPLIT).alias("own_split")]))
    if files.metadata:
        table = read_table(files.metadata, ["dicom_id", "subject_id", "study_id"], ["ViewPosition"])
        read.append(table.file)
        blank = pl.lit(None, pl.String)
        view = pl.col("ViewPosition") if "ViewPosition" in table.frame.columns else blank
        frames.append(_name_ids(table, ["dicom_id"], [view.str.to_uppercase().alias("#said")]))
    if not frames:
        columns = ("patient_id", "study_id", "image_id", "image", "own_split", VIEW)
        empty = pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), "images": pl.UInt32})
        return empty, ()
    keys = ["patient_id", "study_id", "dicom_id"]
    rows = frames[0] if len(frames) == 1 else frames[0].join(frames[1], on=keys, how="full", coalesce=True)
    for column in ("own_split", "#said"):
        if column not in rows.columns:
            rows = rows.with_columns(pl.lit(None, pl.String).alias(column))
    view = pl.col("#said").fill_null("")
    lateral = view.str.contains("LAT") | view.is_in(["LL", "RL"])
    frontal = view.str.contains("^(PA|AP)")
    rank = pl.when(view == "PA").then(PA).when(view == "AP").then(AP).when(frontal).then(FRONTAL)
    rows = rows.with_columns(rank.when(lateral).then(LATERAL).otherwise(UNKNOWN).alias(RANK))
    rows = rows.with_columns(name_views())
    if views in NO_VIEW:
        rows = choose_views(rows, views).filter(pl.col(RANK).is_not_null())
    images = (
        rows.sort(*keys[:2], RANK, "dicom_id")
        .group_by(*(keys if views == "all" else keys[:2]), maintain_order=True)
        .agg(
            (pl.col("dicom_id") if views != "all" else pl.col(RANK).cast(pl.String))
            .first()
            .alias("image_id"),
            pl.col("own_split").drop_nulls().first(),
            pl.len().alias("images"),
            pl.col(VIEW).first(),
        )
    )
    if views == "all":
        images = images.drop("image_id").rename({"dicom_id": "image_id"})
    path = pl.format(
        "files/{}/{}/{}/{}.jpg", pl.col("patient_id").str.head(3), "patient_id", "study_id", "image_id"
    )
    return images.with_columns(path.alias("image")), tuple(read)


def _load(
    data: Path | None, ontology: Ontology, options: Options
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[InputFile, ...], Ontology, dict[str, object]]:
    looked = [str(p) for p in list_places("mimic-cxr", data)]
    files = next((f for p in looked if (f := find_tables(Path(p)))), None)
    if files is None or files.labels is None:
        raise tell_missing("MIMIC-CXR", data, looked, NEEDS)
    labels = [c.name for c in ontology.conditions]
    table = read_table(files.labels, ["subject_id", "study_id", *labels], [NO_FINDING])
    if NO_FINDING in table.frame.columns and NO_FINDING not in labels:
        labels.append(NO_FINDING)
    parsed = Table(table.path, parse_labels(table, labels), table.sha256)
    rows = _name_ids(parsed, [], [pl.col(c) for c in labels])
    images, read = load_images(files, options.views)
    rows = rows.join(images, on=["patient_id", "study_id"], how="left")
    found = LATERAL if options.views == "lateral" else PA
    rank = pl.when(pl.col("image").is_null() & (options.views in NO_VIEW)).then(UNKNOWN).otherwise(found)
    rows = rows.with_columns(rank.alias(RANK))
    studies, rejects = collapse_studies(rows, labels, SOURCE.name, RANK, views=options.views)
    report: dict[str, object] = {
        "label_file": files.labels.name,
        "images": int(images["images"].sum()),
        "studies_without_image": int(studies["image"].is_null().sum()),
    }
    notes = [
        f"no {kind} table beside the labels: {lost}"
        for kind, path, lost in (
            ("split", files.split, "the corpus's own split is not known"),
            ("metadata", files.metadata, "views are not known, the image of a study may be lateral"),
        )
        if path is None
    ]
    if notes:
        report["notes"] = notes
    studies = studies.with_columns(pl.col("image_id").fill_null(pl.col("study_id")))
    return studies, rejects, (table.file, *read), ontology, report


def _name_ids(table: Table, text: list[str], other: list[pl.Expr]) -> pl.DataFrame:
    """Return ``patient_id`` (p10000032), ``study_id`` (s50414267) and other columns."""
    for column in ("subject_id", "study_id"):
        bad = table.frame.filter(~pl.col(column).fill_null("").str.contains(r"^\d+(\.0)?$"))
        if len(bad):
            reject_cell(table, int(bad[ROW][0]), column, bad[column][0], "a number", len(bad))
    for column in text:
        bad = table.frame.filter(pl.col(column).is_null())
        if len(bad):
            reject_cell(table, int(bad[ROW][0]), column, None, "an id", len(bad))
    number = [pl.col(c).str.strip_suffix(".0") for c in ("subject_id", "study_id")]
    return table.frame.select(
        pl.format("p{}", number[0]).alias("patient_id"),
        pl.format("s{}", number[1]).alias("study_id"),
        *text,
        *other,
    )


SOURCE = Source(
    name="mimic-cxr",
    title="MIMIC-CXR-JPG",
    terms=MIMIC_CXR,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family="mimic-cxr",
    labels=CHEXPERT_LABELS,
    views=get_args(Views),
)
