"""From rows of images to studies, and from labels to facts: what the label corpora share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from nastdata.frames import FACTS_SCHEMA, REJECTS_SCHEMA, STUDY_COLUMNS, labels_schema
from nastdata.ontology import Ontology
from nastdata.records import KIN
from nastdata.sources.base import InputFile, Loaded
from nastdata.sources.views import NO_VIEW, RANK, VIEW, choose_views, count_views, name_views

NO_LABEL = "only doubts or partial denials, no label"
"""Why a study of which facts are known has no labels."""
NO_FINDING = "No Finding"
"""Label column that is no condition; kept where the corpus has it."""
CHEXPERT_LABELS = (
    *("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation"),
    *("Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture"),
    *("Support Devices", NO_FINDING),
)
"""The labels of CheXpert, MIMIC-CXR-JPG and BRAX."""
IMAGES = "#images"
"""Column of ``collapse_studies``: how many rows (images) a study had."""
KEYS = list(STUDY_COLUMNS)


def collapse_studies(
    rows: pl.DataFrame,
    labels: Sequence[str],
    source: str,
    rank: str,
    keep: Sequence[str] = (),
    views: str = "frontal",
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold image rows into one row a study.

    Args:
        rows: ``STUDY_COLUMNS`` but ``source`` (``view`` if ranks don't say it), the label columns, and
            ``rank``: the preferred image of a
            study has the lowest rank (ties: by the image's path).
        labels: Label columns, Int8; equal over the images of a study, or the study is rejected.
        source: Name of the corpus.
        rank: Name of the rank column.
        keep: Other columns to keep, of the preferred image's row.
        views: Which images are wanted (``views.choose_views``).

    Returns:
        Studies sorted by (patient_id, study_id), with ``IMAGES``, and one reject for each row of a study
        whose rows conflict, or which has none of the wanted views.
    """
    differs = [pl.col(c).n_unique().gt(1).alias(c) for c in labels]
    if not labels:
        rows, labels = rows.with_columns(pl.lit(None, pl.Int8).alias("#none")), ["#none"]
        studies, rejects = collapse_studies(rows, labels, source, rank, keep, views)
        return studies.drop("#none"), rejects
    rows = rows.with_columns(pl.col(rank).alias(RANK))
    if VIEW not in rows.columns:
        rows = rows.with_columns(name_views())
    rows = choose_views(rows, views)
    conflicts = (
        rows.group_by("patient_id", "study_id")
        .agg(differs)
        .with_columns(_name_true(labels).alias("#differs"))
        .filter(pl.col("#differs") != "")
        .select("patient_id", "study_id", "#differs")
    )
    studies = (
        rows.join(conflicts, on=["patient_id", "study_id"], how="anti")
        .with_columns(pl.lit(source).alias("source"), pl.len().over("patient_id", "study_id").alias(IMAGES))
        .sort(
            "patient_id", "study_id", RANK, "image_id", "image", nulls_last=[False, False, True, False, False]
        )
        .unique(["patient_id", "study_id"], keep="first", maintain_order=True)
    )
    without = studies.filter(pl.col(RANK).is_null()).select("patient_id", "study_id")
    studies = studies.filter(pl.col(RANK).is_not_null()).select(*KEYS, *labels, *keep, IMAGES)
    rejects = (
        rows.join(conflicts, on=["patient_id", "study_id"], how="inner")
        .sort("patient_id", "study_id", "image_id")
        .select(
            pl.lit("source").alias("stage"),
            pl.lit("images of one study have different labels").alias("reason"),
            pl.lit(source).alias("source"),
            pl.col("study_id").alias("key"),
            pl.format("{}: {}", pl.col("image_id"), pl.col("#differs")).alias("text"),
        )
    )
    lacking = reject_rows(
        [
            (NO_VIEW.get(views, "no view"), study, image)
            for study, image in rows.join(without, on=["patient_id", "study_id"], how="semi")
            .sort("patient_id", "study_id", "image_id")
            .select("study_id", "image_id")
            .iter_rows()
        ],
        source,
    )
    return studies, pl.concat([rejects.cast(pl.Schema(REJECTS_SCHEMA)), lacking])


def account_labels(
    studies: pl.DataFrame,
    rejects: pl.DataFrame,
    files: tuple[InputFile, ...],
    ontology: Ontology,
    report: Mapping[str, object],
) -> Loaded:
    """Wrap collapsed studies as a label frame; every row counts."""
    used = int(studies[IMAGES].sum())
    return Loaded(
        frame=studies.drop(IMAGES),
        rejects=rejects,
        files=files,
        rows_in=used + len(rejects),
        rows_out=used,
        report={**report, **report_labels(studies, ontology)},
    )


def account_facts(
    studies: pl.DataFrame,
    rejects: pl.DataFrame,
    files: tuple[InputFile, ...],
    ontology: Ontology,
    report: Mapping[str, object],
) -> Loaded:
    """Turn collapsed studies into a fact frame; rows of studies without a definite label are left out."""
    facts = take_definite_facts(studies, ontology)
    names = [c.name for c in ontology.conditions]
    empty = studies.filter(~pl.any_horizontal(pl.col(names).is_in([0, 1]).fill_null(False)))
    left_out = int(empty[IMAGES].sum())
    used = int(studies[IMAGES].sum())
    return Loaded(
        frame=facts,
        rejects=rejects,
        files=files,
        rows_in=used + len(rejects),
        rows_out=used - left_out,
        left_out={"no definite label": left_out} if left_out else {},
        report={**report, **report_facts(facts)},
    )


def take_definite_facts(studies: pl.DataFrame, ontology: Ontology) -> pl.DataFrame:
    """Turn labels (1, 0, -1) into facts without place and grade, in ontology order within a study.

    Doubtful labels are kept, as uncertain, of studies that have a definite one.
    """
    names = [c.name for c in ontology.conditions]
    facts = (
        studies.with_row_index("#study")
        .unpivot(on=names, index=["#study", *KEYS], variable_name="condition", value_name="label")
        .filter(pl.col("label").is_not_null())
        .filter(pl.col("label").is_in([0, 1]).any().over("#study"))
        .with_columns(
            pl.col("condition").replace_strict(ontology.order, return_dtype=pl.Int32).alias("#order"),
            pl.when(pl.col("label") == 1)
            .then(pl.lit("present"))
            .when(pl.col("label") == 0)
            .then(pl.lit("absent"))
            .otherwise(pl.lit("uncertain"))
            .alias("existence"),
            pl.lit(None, pl.String).alias("location"),
            pl.lit(None, pl.String).alias("severity"),
            pl.lit(None, pl.String).alias("qualifier"),
        )
        .sort("#study", "#order")
    )
    return complete_facts(facts)


def complete_facts(facts: pl.DataFrame) -> pl.DataFrame:
    """Bring a fact frame into its schema; a column that its source does not have is null."""
    missing = [pl.lit(None, t).alias(c) for c, t in FACTS_SCHEMA.items() if c not in facts.columns]
    return facts.with_columns(missing).select(list(FACTS_SCHEMA)).cast(pl.Schema(FACTS_SCHEMA))


def sort_facts(facts: pl.DataFrame, ontology: Ontology) -> pl.DataFrame:
    """Merge exact duplicates and sort by (patient, study, condition in ontology order, attributes).

    Uncertain facts of studies of which nothing definite is known are left out.
    """
    order = pl.col("condition").replace_strict(ontology.order, return_dtype=pl.Int32)
    study = ("source", "patient_id", "study_id")
    return (
        complete_facts(facts)
        .unique()
        .filter((pl.col("existence") != "uncertain").any().over(study))
        .sort(
            *study,
            order,
            *("existence", "location", "severity", "qualifier", "image_id", "image"),
            descending=[False, False, False, False, True, False, False, False, False, False],
            nulls_last=True,
        )
    )


def pivot_labels(loaded: Loaded, ontology: Ontology) -> Loaded:
    """Turn a fact frame into a label frame: 1 present, -1 uncertain, 0 plainly absent, else null."""
    bare = pl.all_horizontal(pl.col("location", "severity", "qualifier").is_null())
    value = (
        pl.when(pl.col("existence") == "present").then(1)
        .when((pl.col("existence") == "uncertain") & pl.col("qualifier").is_null()).then(-1)
        .when((pl.col("existence") == "absent") & bare).then(0)
        .cast(pl.Int8)
    )  # fmt: skip
    plain = loaded.frame.with_columns(value.alias("#value")).filter(
        pl.col("#value").is_not_null() & (pl.col("#value") != -1).any().over("patient_id", "study_id")
    )

    def settle(condition: str) -> pl.Expr:
        own = pl.col("#value").filter(pl.col("condition") == condition)
        doubt = pl.when((own == -1).any()).then(pl.lit(-1, pl.Int8)).otherwise(own.max())
        return pl.when((own == 1).any()).then(pl.lit(1, pl.Int8)).otherwise(doubt).alias(condition)

    vectors = plain.group_by(KEYS, maintain_order=True).agg(settle(c.name) for c in ontology.conditions)
    frame = vectors.cast(pl.Schema(labels_schema(ontology))).sort("patient_id", "study_id")
    lost = loaded.frame.select("patient_id", "study_id").n_unique() - len(frame) if len(loaded.frame) else 0
    return replace(
        loaded,
        frame=frame,
        rows_out=loaded.rows_out - lost,
        left_out={**loaded.left_out, **({NO_LABEL: lost} if lost else {})},
        report={**loaded.report, **report_labels(frame, ontology)},
    )


def report_labels(studies: pl.DataFrame, ontology: Ontology) -> dict[str, object]:
    """Count studies by condition and label."""
    counts = {}
    for c in ontology.conditions:
        tally = dict(studies[c.name].value_counts().iter_rows())
        counts[c.name] = {
            "present": tally.get(1, 0),
            "absent": tally.get(0, 0),
            "uncertain": tally.get(-1, 0),
            "blank": tally.get(None, 0),
        }
    seen = {"views": count_views(studies)} if "view" in studies.columns else {}
    return {
        "studies": len(studies),
        "patients": studies["patient_id"].n_unique(),
        "labels": counts,
        **seen,
    }


def report_facts(facts: pl.DataFrame) -> dict[str, object]:
    """Count facts by condition and existence, place, and grade."""
    by_condition: dict[str, dict[str, int]] = {}
    unsure = facts.filter(pl.col("existence") == "uncertain")
    near = int((unsure["qualifier"] == KIN).sum())
    views = count_views(facts)
    facts = facts.filter(pl.col("existence") != "uncertain")
    qualified = facts.filter(pl.col("qualifier").is_not_null())
    facts = facts.filter(pl.col("qualifier").is_null())
    tally = (
        facts.group_by("condition", "existence")
        .len()
        .sort("condition", "existence", descending=[False, True])
    )
    for condition, existence, n in tally.iter_rows():
        by_condition.setdefault(condition, {"present": 0, "absent": 0})[existence] = n
    present = facts.filter(pl.col("existence") == "present")
    return {
        "facts": len(facts),
        "studies": facts.select("patient_id", "study_id").n_unique() if len(facts) else 0,
        "patients": facts["patient_id"].n_unique(),
        "by_condition": by_condition,
        "by_existence": {"present": len(present), "absent": len(facts) - len(present)},
        "located": int(present["location"].is_not_null().sum()),
        "graded": int(present["severity"].is_not_null().sum()),
        "by_place": _count(present, "location"),
        "by_grade": _count(present, "severity"),
        "qualified_denials": {
            "facts": len(qualified),
            "by_condition": _count(qualified, "condition"),
            "by_qualifier": dict(list(_count(qualified, "qualifier").items())[:20]),
        },
        "uncertain": {"doubts": len(unsure) - near, "of the same kind": near},
        "views": views,
    }


def reject_rows(reasons: Sequence[tuple[str, str, str | None]], source: str) -> pl.DataFrame:
    """Return a rejects frame from (reason, key, text) triples."""
    columns = ("stage", "reason", "source", "key", "text")
    rows = [("source", reason, source, key, text) for reason, key, text in reasons]
    return pl.DataFrame(rows, schema={c: REJECTS_SCHEMA[c] for c in columns}, orient="row").select(
        list(REJECTS_SCHEMA)
    )


def _count(frame: pl.DataFrame, column: str) -> dict[str, int]:
    counts = frame[column].drop_nulls().value_counts().sort(["count", column], descending=[True, False])
    return {str(value): int(n) for value, n in counts.iter_rows()}


def _name_true(columns: Sequence[str]) -> pl.Expr:
    named = [pl.when(pl.col(c)).then(pl.lit(c)) for c in columns]
    return pl.concat_str(named, separator=", ", ignore_nulls=True)
