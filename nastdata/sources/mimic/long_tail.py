"""CXR-LT: MIMIC-CXR with some forty labels, 26 of 2023's challenge and more of 2024's.

A 1 is a label that was mined from the report (or set by a radiologist, in the gold standard); a 0 is its
lack, which is not absence.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.annotations.label_maps import LabelMap, fold
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.mimic.ids import FAMILY
from nastdata.sources.studies import account_facts, account_labels, collapse_studies
from nastdata.sources.tables import ROW, Table, parse_labels, read_table, reject_cell
from nastdata.sources.terms import CXR_LT
from nastdata.sources.views import AP, LATERAL, PA, UNKNOWN

IDS = ("subject_id", "study_id", "dicom_id")
PATHS = ("fpath", "path")
NORMAL = ("normal", "no finding")
RANKS = {"PA": PA, "AP": AP, "LATERAL": LATERAL, "LL": LATERAL, "RL": LATERAL}
NEEDS = (
    "train_labeled.csv, development_labeled_task1.csv ... of CXR-LT 2024, or train.csv ... of 2023 (plain or "
    ".gz), or their folder",
)
WANTED = {
    "labels": Wanted(
        r"(.*labeled.*|labels|.*long-tail.*|.*_task\d.*|train|val|development|test)\.csv(\.gz)?",
        columns=(*IDS, "Calcification of the Aorta"),
    )
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label tables found, places looked at): those of one folder."""
    found, looked = find_wanted("cxr-lt", data, WANTED, "labels", 6)
    tables = found.get("labels", [])
    return [p for p in tables if p.parent == tables[0].parent], looked


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load one row a study: 1 where a label was given, blank otherwise.

    With ``closed_world``, a study that is "Normal" or "No Finding" has none of the labelled conditions.

    Raises:
        UserError: if no table is found, or a column or cell is not as it should be.
    """
    return account_labels(*_load(data, ontology, options))


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as facts without place and grade."""
    return account_facts(*_load(data, ontology, options))


def _load(
    data: Path | None, ontology: Ontology, options: Options
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[InputFile, ...], Ontology, dict[str, object]]:
    files, looked = find(data)
    if not files:
        raise tell_missing("CXR-LT", data, looked, NEEDS)
    labels = LabelMap("cxr_lt_labels", ontology, options.strength)
    tables = [read_table(f) for f in files]
    rows = pl.concat([_read_rows(t, labels, ontology, options) for t in tables]).unique(maintain_order=True)
    images = sum(len(t.frame) for t in tables)
    repeated = images - len(rows)
    names = [c.name for c in ontology.conditions]
    studies, rejects = collapse_studies(rows, names, SOURCE.name, "#rank")
    report: dict[str, object] = {"images": len(rows), "label_files": [f.name for f in files]}
    if repeated:
        report["rows_of_images_listed_before"] = repeated
    return studies, rejects, tuple(t.file for t in tables), ontology, report


def _read_rows(table: Table, labels: LabelMap, ontology: Ontology, options: Options) -> pl.DataFrame:
    given = [c for c in table.frame.columns if labels.knows(c) and c not in (*IDS, *PATHS)]
    frame = parse_labels(table, given)
    for column in IDS[:2]:
        bad = frame.filter(~pl.col(column).fill_null("").str.contains(r"^\d+(\.0)?$"))
        if len(bad):
            reject_cell(table, int(bad[ROW][0]), column, bad[column][0], "a number", len(bad))
    by_condition: dict[str, list[str]] = {}
    for column in given:
        for condition in labels.find_stated(column):
            by_condition.setdefault(condition, []).append(column)
    normal = [c for c in given if fold(c) in NORMAL]
    deniable = labels.find_deniable(given) if options.closed_world and normal else []
    is_normal = pl.any_horizontal([pl.col(c) == 1 for c in normal]) if normal else pl.lit(False)
    columns = []
    for c in ontology.conditions:
        stated = [pl.col(x) == 1 for x in by_condition.get(c.name, ())]
        is_stated = pl.any_horizontal(stated) if stated else pl.lit(False)
        is_denied = is_normal if c.name in deniable else pl.lit(False)
        label = pl.when(is_stated).then(1).when(is_denied).then(0).otherwise(None)
        columns.append(label.cast(pl.Int8).alias(c.name))
    path = next((pl.col(p) for p in PATHS if p in frame.columns), None)
    number = [pl.col(c).str.strip_suffix(".0") for c in IDS[:2]]
    patient, study = pl.format("p{}", number[0]), pl.format("s{}", number[1])
    usual = pl.format("files/{}/{}/{}/{}.jpg", patient.str.head(3), patient, study, "dicom_id")
    view = pl.col("ViewPosition") if "ViewPosition" in frame.columns else pl.lit(None, pl.String)
    own = pl.col("split") if "split" in frame.columns else pl.lit(None, pl.String)
    return frame.select(
        patient.alias("patient_id"),
        study.alias("study_id"),
        pl.col("dicom_id").fill_null(study).alias("image_id"),
        (usual if path is None else pl.coalesce(path, usual)).alias("image"),
        own.replace({"val": "validation", "validate": "validation"}).alias("own_split"),
        *columns,
        view.replace_strict(RANKS, default=UNKNOWN, return_dtype=pl.Int8).alias("#rank"),
    )


SOURCE = Source(
    name="cxr-lt",
    title="CXR-LT",
    terms=CXR_LT,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
