"""PadChest: findings with places from labels, absence from the report text, each held against the other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.locate import find_in_torchxrayvision, list_places, tell_missing, walk_tables
from nastdata.sources.padchest.labels import NO_INFORMATION, LabelReader, Mention, Tally
from nastdata.sources.padchest.report_text import ReportSentences
from nastdata.sources.padchest.witness import Witnesses
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
from nastdata.sources.witness import Agreement

FILE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
NEEDS = (f"{FILE} (plain or .gz), or its folder", "or the Python package torchxrayvision, which has it")
LIST, LABELS, REPORT = "LabelsLocalizationsBySentence", "Labels", "Report"
NO_TEXT = (
    "PadChest: no column Report: there is no second witness, and nothing but normal studies denies anything"
)
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
    """Load what labels and report text say together, none contradicting the other.

    With ``closed_world``, normal studies show none of the conditions, but for what their text says otherwise.

    Raises:
        UserError: if the file is missing or lacks a column, or an id is blank.
    """
    files, looked = find(data)
    if not files:
        raise tell_missing("PadChest", data, looked, NEEDS)
    table = read_table(
        files[0], ["ImageID", "StudyID", "PatientID", LIST, LABELS], ["ImageDir", "Projection", REPORT]
    )
    for column in ("ImageID", "StudyID", "PatientID"):
        bad = table.frame.filter(pl.col(column).is_null())
        if len(bad):
            reject_cell(table, int(bad[ROW][0]), column, None, "an id", len(bad))
    rows = _name_rows(table.frame)
    mentions, broken, tally = _read_lists(rows[LIST].unique().sort(), ontology, options)
    kinds = _judge_studies(rows[LABELS].unique().sort())
    wrong = rows.join(broken, on=LIST)
    doubtful = rows.group_by("study_id").agg(
        pl.col("patient_id").n_unique().alias("n"), pl.col(LIST).n_unique()
    )
    doubtful = doubtful.filter((pl.col("n") > 1) | (pl.col(LIST) > 1)).select("study_id")
    torn = rows.join(wrong.select("image_id"), on="image_id", how="anti").join(doubtful, on="study_id")
    good = rows.join(pl.concat([wrong, torn]).select("image_id"), on="image_id", how="anti")
    studies, lacking = collapse_studies(
        good, [], SOURCE.name, "#rank", keep=(LIST, LABELS, REPORT), views=options.views
    )
    studies = studies.join(kinds, on=LABELS, how="left")
    facts, agreement = _judge(studies, mentions, ontology, options)
    facts = sort_facts(facts, ontology)
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
        report=_report(facts, studies, tally, agreement, ontology),
        notes=() if REPORT in table.frame.columns else (NO_TEXT,),
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load what the facts say as label vectors: present, with ``closed_world`` absent, else blank."""
    loaded = load_facts(data, ontology, options)
    return pivot_labels(loaded, ontology)


def _name_rows(frame: pl.DataFrame) -> pl.DataFrame:
    blank = pl.lit(None, pl.String)
    folder = pl.col("ImageDir") if "ImageDir" in frame.columns else blank
    view = pl.col("Projection") if "Projection" in frame.columns else blank
    text = pl.col(REPORT) if REPORT in frame.columns else blank
    return frame.select(
        pl.col("PatientID").alias("patient_id"),
        pl.col("StudyID").alias("study_id"),
        pl.col("ImageID").alias("image_id"),
        pl.concat_str([folder, pl.col("ImageID")], separator="/", ignore_nulls=True).alias("image"),
        blank.alias("own_split"),
        view.replace_strict(RANKS, default=LATERAL + 1, return_dtype=pl.Int8).alias("#rank"),
        text.alias(REPORT),
        pl.col(LIST).fill_null("nan"),
        pl.col(LABELS).fill_null("nan"),
    )


def _read_lists(
    texts: pl.Series, ontology: Ontology, options: Options
) -> tuple[dict[str, tuple[list[Mention], int]], pl.DataFrame, Tally]:
    """Read each distinct label list once: its mentions and sentences, the lists that are broken, counts."""
    reader, tally = LabelReader(ontology, options.strength), Tally()
    found: dict[str, tuple[list[Mention], int]] = {}
    broken: list[str] = []
    for text in texts.to_list():
        try:
            found[text] = reader.read_mentions(text, tally)
        except ValueError:
            broken.append(text)
    return found, pl.DataFrame({LIST: broken}, {LIST: pl.String}), tally


def _judge(
    studies: pl.DataFrame,
    mentions: dict[str, tuple[list[Mention], int]],
    ontology: Ontology,
    options: Options,
) -> tuple[pl.DataFrame, Agreement]:
    """Hold each distinct pair of label list and report together once, and give its facts to its studies."""
    pairs = (
        studies.group_by(LIST, REPORT, "#kind")
        .len("#studies")
        .sort(LIST, REPORT, "#kind")
        .with_row_index("#pair")
    )
    sentences = ReportSentences(ontology)
    witnesses = Witnesses(ontology, options.strength)
    rows: list[tuple[int, Fact]] = []
    for number, labels, report, kind, weight in pairs.iter_rows():
        text = None if report is None else sentences.read(report)
        own, size = mentions.get(labels, ([], 0))
        facts = witnesses.judge(own, text, text is not None and size == len(text), weight)
        if options.closed_world and kind == "normal":
            facts = witnesses.deny_all(facts)
        rows += [(number, f) for f in facts]
    parts = ("condition", "existence", "location", "severity", "qualifier")
    found = pl.DataFrame(
        [(n, f.condition, f.existence, f.location, f.severity, f.qualifier) for n, f in rows],
        schema={"#pair": pl.UInt32(), **{c: FACTS_SCHEMA[c] for c in parts}},
        orient="row",
    )
    numbered = studies.join(
        pairs.drop("#studies"), on=[LIST, REPORT, "#kind"], nulls_equal=True, maintain_order="left"
    )
    return numbered.join(found, on="#pair", maintain_order="left").select(*KEYS, *parts), witnesses.agreement


def _judge_studies(texts: pl.Series) -> pl.DataFrame:
    """Say of each distinct ``Labels`` text whether it is normal, empty of information, or has findings."""
    kinds = []
    for text in texts.to_list():
        words = {w.strip(" '\"") for w in text.strip("[]").split(",")} - {"nan", ""}
        told = words - NO_INFORMATION
        # "normal" beside "suboptimal study" does not vouch for every condition
        kinds.append("normal" if words == {"normal"} else "findings" if told else "nothing")
    return pl.DataFrame({LABELS: texts, "#kind": pl.Series(kinds, dtype=pl.String)})


def _count_left_out(unused: pl.DataFrame, options: Options) -> dict[str, int]:
    reasons = {
        "normal": "normal study" if options.closed_world else "normal study (closed_world is off)",
        "nothing": "no information (exclude, unchanged or no label)",
        "findings": "no label that is a condition of the ontology",
    }
    counts = unused.group_by("#kind").agg(pl.col("#images").sum()).sort("#kind")
    return {reasons[kind]: int(n) for kind, n in counts.iter_rows() if n}


def _report(
    facts: pl.DataFrame, studies: pl.DataFrame, tally: Tally, agreement: Agreement, ontology: Ontology
) -> dict[str, object]:
    sides = {p.name: p.side for p in ontology.places}
    where = facts.filter(pl.col("existence") == "present")["location"].drop_nulls()
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
            "several findings for one place, before the text is asked": tally.shared_places,
        },
        "second_witness": agreement.report(ontology),
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
