"""CheXpert Plus: facts from the reports of CheXpert; label vectors from its label files."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.ontology import Ontology
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.chexpert.labels import name_paths, rank_views, read_rows
from nastdata.sources.chexpert.plus_labels import JSON_NAME, find_label_json, read_label_json
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.report_facts import ReportReader, load_reports
from nastdata.sources.studies import (
    CHEXPERT_LABELS,
    NO_FINDING,
    account_labels,
    collapse_studies,
    pivot_labels,
)
from nastdata.sources.tables import Table, read_table
from nastdata.sources.terms import CHEXPERT_PLUS
from nastdata.sources.views import Views

PATH = "path_to_image"
SECTIONS = {"section_findings": "FINDINGS", "section_impression": "IMPRESSION"}
WHOLE = "report"
"""Used where a study has neither section."""
NEEDS = (
    "df_chexpert_plus_240401.csv (plain or .gz), or its folder: the reports",
    "beside it or below: impression_fixed.json (or report_fixed, findings_fixed): the labels",
)
WANTED = {
    "reports": Wanted(r"df_chexpert_plus.*\.csv(\.gz)?", columns=(PATH, *SECTIONS)),
    "labels": Wanted(JSON_NAME),
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (report table and label file found, places looked at)."""
    found, looked = find_wanted("chexpert-plus", data, WANTED, ("reports", "labels"), 4)
    return [*found.get("reports", [])[:1], *find_label_json(found.get("labels", []))], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Read each study's findings and impression into facts with place and grade.

    Raises:
        UserError: if there is no report table, or a path or column is not as it should be.
    """
    found, looked = find_wanted("chexpert-plus", data, WANTED, "reports", 4)
    if not found:
        raise tell_missing("CheXpert Plus report", data, looked, NEEDS)
    optional = ["frontal_lateral", "ap_pa", "split", WHOLE]
    table = read_table(found["reports"][0], [PATH, *SECTIONS], optional)
    rows = _name_rows(table)
    texts = [pl.col(c).fill_null("") for c in SECTIONS]
    sections = [
        pl.when(text != "").then(pl.format(f"{head}: {{}}", text)).otherwise(pl.lit(None, pl.String))
        for text, head in zip(texts, SECTIONS.values(), strict=True)
    ]
    joined = pl.concat_str(sections, separator="\n\n", ignore_nulls=True)
    whole = pl.col(WHOLE) if WHOLE in rows.columns else pl.lit(None, pl.String)
    rows = rows.with_columns(pl.when(joined != "").then(joined).otherwise(whole).alias("#text"))
    studies, refused = collapse_studies(rows, [], SOURCE.name, "#rank", keep=("#text",), views=options.views)
    reader = ReportReader(ontology, texts=options.reader, seed=options.seed, strength=options.strength)
    loaded = load_reports(
        studies, "#text", reader, ontology, files=(table.file,), rejects=refused, report={"images": len(rows)}
    )
    return loaded


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the label file, one row a study; without one, what the reports say.

    Raises:
        UserError: if there is neither, or a path, label or column is not as it should be.
    """
    found, looked = find_wanted("chexpert-plus", data, WANTED, ("reports", "labels"), 4)
    if not found:
        raise tell_missing("CheXpert Plus", data, looked, NEEDS)
    files = find_label_json(found.get("labels", []))
    if not files:
        return pivot_labels(load_facts(data, ontology, options), ontology)
    labels = [c.name for c in ontology.conditions]
    table = read_label_json(files[0], labels)
    if NO_FINDING in table.frame.columns and NO_FINDING not in labels:
        labels.append(NO_FINDING)
    rows = read_rows(table, labels)
    studies, rejects = collapse_studies(rows, labels, SOURCE.name, "#rank", views=options.views)
    report: dict[str, object] = {"images": len(rows), "label_files": [files[0].name]}
    return account_labels(studies, rejects, (table.file,), ontology, report)


def _name_rows(table: Table) -> pl.DataFrame:
    frame = name_paths(table, table.frame, PATH)
    blank = pl.lit(None, pl.String)
    side = pl.col("frontal_lateral") if "frontal_lateral" in frame.columns else blank
    view = pl.col("ap_pa") if "ap_pa" in frame.columns else blank
    split = pl.col("split").replace({"valid": "validation"}) if "split" in frame.columns else blank
    kept = [c for c in (*SECTIONS, WHOLE) if c in frame.columns]
    return frame.select(
        "patient_id",
        "study_id",
        "image_id",
        pl.col(PATH).alias("image"),
        pl.coalesce("own_split", split).alias("own_split"),
        *kept,
        rank_views(side, view).alias("#rank"),
    )


SOURCE = Source(
    name="chexpert-plus",
    title="CheXpert Plus",
    terms=CHEXPERT_PLUS,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    has_reports=True,
    labels=CHEXPERT_LABELS,
    views=get_args(Views),
    family="chexpert",
)
