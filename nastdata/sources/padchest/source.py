"""PadChest: findings with places, from physicians' and a model's labels; absence only from normal studies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import find_in_torchxrayvision, list_places, tell_missing, walk_tables
from nastdata.sources.padchest.labels import NO_INFORMATION, LabelReader, Tally
from nastdata.sources.studies import (
    KEYS,
    collapse_studies,
    pivot_labels,
    reject_rows,
    report_facts,
    sort_facts,
)
from nastdata.sources.tables import ROW, read_table, reject_cell
from nastdata.sources.terms import PADCHEST
from nastdata.sources.views import AP, FRONTAL, LATERAL, PA, UNKNOWN, Views

FILE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
NEEDS = (f"{FILE} (plain or .gz), or its folder", "or the Python package torchxrayvision, which has it")
LIST, LABELS = "LabelsLocalizationsBySentence", "Labels"
RANKS = {"PA": PA, "AP": AP, "AP_horizontal": FRONTAL, "COSTAL": UNKNOWN, "L": LATERAL}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (label file found, places looked at)."""
    looked = []
    for place in list_places("padchest", data):
        looked.append(str(place))
        if place.is_file():
            return [place], looked
        found = [p for p in walk_tables(place, 2) if p.name.startswith("PADCHEST_") and ".csv" in p.name]
        if found:
            return found[:1], looked
    if data is None:
        looked.append("the package torchxrayvision")
        packed = find_in_torchxrayvision(f"{FILE}.gz")
        return ([packed] if packed else []), looked
    return [], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load present facts with places; with ``closed_world``, normal studies show none of the conditions.

    Raises:
        UserError: if the file is missing or lacks a column, or an id is blank.
    """
    files, looked = find(data)
    if not files:
        raise tell_missing("PadChest", data, looked, NEEDS)
    table = read_table(
        files[0], ["ImageID", "StudyID", "PatientID", LIST, LABELS], ["ImageDir", "Projection"]
    )
    for column in ("ImageID", "StudyID", "PatientID"):
        bad = table.frame.filter(pl.col(column).is_null())
        if len(bad):
            reject_cell(table, int(bad[ROW][0]), column, None, "an id", len(bad))
    rows = _name_rows(table.frame)
    findings, broken, tally = _read_lists(rows[LIST].unique().sort(), ontology, options)
    kinds = _judge_studies(rows[LABELS].unique().sort())
    wrong = rows.join(broken, on=LIST)
    doubtful = rows.group_by("study_id").agg(
        pl.col("patient_id").n_unique().alias("n"), pl.col(LIST).n_unique()
    )
    doubtful = doubtful.filter((pl.col("n") > 1) | (pl.col(LIST) > 1)).select("study_id")
    torn = rows.join(wrong.select("image_id"), on="image_id", how="anti").join(doubtful, on="study_id")
    good = rows.join(pl.concat([wrong, torn]).select("image_id"), on="image_id", how="anti")
    studies, lacking = collapse_studies(
        good, [], SOURCE.name, "#rank", keep=(LIST, LABELS), views=options.views
    )
    studies = studies.join(kinds, on=LABELS, how="left")
    present = studies.join(findings, on=LIST, maintain_order="left").select(
        *KEYS, "condition", pl.lit("present").alias("existence"), "location", pl.lit(None).alias("severity")
    )
    parts = [present.cast(pl.Schema(FACTS_SCHEMA))]
    if options.closed_world:
        parts.append(_deny_all(studies.filter(pl.col("#kind") == "normal"), present, ontology))
    facts = sort_facts(pl.concat(parts), ontology)
    unused = studies.join(
        facts.select("patient_id", "study_id").unique(), on=["patient_id", "study_id"], how="anti"
    )
    left_out = _count_left_out(unused, options)
    rejects = reject_rows(
        [
            ("not a list of labels", i, t)
            for i, t in wrong.select("image_id", LIST).sort("image_id").iter_rows()
        ]
        + [
            ("images of one study have different patients or labels", i, s)
            for i, s in torn.select("image_id", "study_id").sort("image_id").iter_rows()
        ],
        SOURCE.name,
    )
    rejects = pl.concat([rejects, lacking])
    return Loaded(
        frame=facts,
        rejects=rejects,
        files=(table.file,),
        rows_in=len(rows),
        rows_out=len(rows) - len(rejects) - sum(left_out.values()),
        left_out=left_out,
        report=_report(facts, studies, tally, ontology),
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load what the facts say as label vectors: present, with ``closed_world`` absent, else blank."""
    loaded = load_facts(data, ontology, options)
    return pivot_labels(loaded, ontology)


def _name_rows(frame: pl.DataFrame) -> pl.DataFrame:
    blank = pl.lit(None, pl.String)
    folder = pl.col("ImageDir") if "ImageDir" in frame.columns else blank
    view = pl.col("Projection") if "Projection" in frame.columns else blank
    return frame.select(
        pl.col("PatientID").alias("patient_id"),
        pl.col("StudyID").alias("study_id"),
        pl.col("ImageID").alias("image_id"),
        pl.concat_str([folder, pl.col("ImageID")], separator="/", ignore_nulls=True).alias("image"),
        blank.alias("own_split"),
        view.replace_strict(RANKS, default=5, return_dtype=pl.Int8).alias("#rank"),
        pl.col(LIST).fill_null("nan"),
        pl.col(LABELS).fill_null("nan"),
    )


def _read_lists(
    texts: pl.Series, ontology: Ontology, options: Options
) -> tuple[pl.DataFrame, pl.DataFrame, Tally]:
    """Read each distinct label list once: (list, condition, location) rows, lists that are broken, counts."""
    reader, tally = LabelReader(ontology, options.strength), Tally()
    found: list[tuple[str, str, str | None]] = []
    broken: list[str] = []
    for text in texts.to_list():
        try:
            found += [(text, condition, place) for condition, place in reader.read(text, tally)]
        except ValueError:
            broken.append(text)
    schema = {LIST: pl.String(), "condition": pl.String(), "location": pl.String()}
    return (
        pl.DataFrame(found, schema=schema, orient="row"),
        pl.DataFrame({LIST: broken}, {LIST: pl.String}),
        tally,
    )


def _judge_studies(texts: pl.Series) -> pl.DataFrame:
    """Say of each distinct ``Labels`` text whether it is normal, empty of information, or has findings."""
    kinds = []
    for text in texts.to_list():
        words = {w.strip(" '\"") for w in text.strip("[]").split(",")} - {"nan", ""}
        told = words - NO_INFORMATION
        # "normal" beside "suboptimal study" does not vouch for every condition
        kinds.append("normal" if words == {"normal"} else "findings" if told else "nothing")
    return pl.DataFrame({LABELS: texts, "#kind": pl.Series(kinds, dtype=pl.String)})


def _deny_all(normal: pl.DataFrame, present: pl.DataFrame, ontology: Ontology) -> pl.DataFrame:
    conditions = pl.DataFrame({"condition": [c.name for c in ontology.conditions]})
    quiet = normal.join(present.select("study_id"), on="study_id", how="anti")
    return (
        quiet.select(KEYS)
        .join(conditions, how="cross")
        .with_columns(
            pl.lit("absent").alias("existence"),
            pl.lit(None).alias("location"),
            pl.lit(None).alias("severity"),
        )
        .cast(pl.Schema(FACTS_SCHEMA))
    )


def _count_left_out(unused: pl.DataFrame, options: Options) -> dict[str, int]:
    reasons = {
        "normal": "normal study" if options.closed_world else "normal study (closed_world is off)",
        "nothing": "no information (exclude, unchanged or no label)",
        "findings": "no label that is a condition of the ontology",
    }
    counts = unused.group_by("#kind").agg(pl.col("#images").sum()).sort("#kind")
    return {reasons[kind]: int(n) for kind, n in counts.iter_rows() if n}


def _report(
    facts: pl.DataFrame, studies: pl.DataFrame, tally: Tally, ontology: Ontology
) -> dict[str, object]:
    sides = {p.name: p.side for p in ontology.places}
    where = facts["location"].drop_nulls()
    return {
        **report_facts(facts),
        "lateralised": int(where.replace_strict(sides, return_dtype=pl.String).is_not_null().sum()),
        "studies_read": len(studies),
        "patients_read": studies["patient_id"].n_unique(),
        "images": int(studies["#images"].sum()),
        "normal_studies": int((studies["#kind"] == "normal").sum()),
        "place_unknown": {
            "sides contradict one another (distinct label lists)": tally.contradictory_sides,
            "several places for one finding (distinct label lists)": tally.several_places,
        },
        "labels_not_used": dict(Counter(tally.unmapped).most_common(20)),
    }


SOURCE = Source(
    name="padchest",
    title="PadChest",
    terms=PADCHEST,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family="padchest",
    views=get_args(Views),
)
