"""CAD-Chest: facts with place and grade that rules read from MIMIC-CXR's reports."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.cad_chest.mentions import MentionReader, list_entities, tidy_id
from nastdata.sources.denials import says_something, settle
from nastdata.sources.json_stream import RecordStream
from nastdata.sources.locate import list_places, tell_missing, walk_tables
from nastdata.sources.mimic.labels import Files, find_tables, load_images
from nastdata.sources.studies import pivot_labels, reject_rows, report_facts, sort_facts
from nastdata.sources.terms import CAD_CHEST

NEEDS = (
    "cad_disease.json (plain or .gz), or its folder",
    "beside it, or where mimic-cxr is found: MIMIC-CXR-JPG's -split.csv.gz and -metadata.csv.gz, for images",
)
NAME = re.compile(r"cad_disease.*\.json(\.gz)?$")
QUALITY = (
    "read from reports by rules, not by radiologists; later work of its authors reports a high error rate "
    "for such labels"
)


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (the JSON file and MIMIC-CXR's tables found, places looked at)."""
    looked = []
    for place in list_places("cad-chest", data):
        looked.append(str(place))
        if place.is_file():
            found = [place]
        else:
            found = [p for p in walk_tables(place) if NAME.match(p.name)][:1]
        if found:
            tables = _find_mimic(place)
            return [*found, *((t for t in (tables.split, tables.metadata) if t) if tables else ())], looked
    return [], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load definite facts (probability_score 3 or -3), reading the file as a stream.

    Raises:
        UserError: if the file is missing, no JSON list, or cut off (with the byte).
    """
    found, looked = find(data)
    if not found:
        raise tell_missing("CAD-Chest", data, looked, NEEDS)
    tables = _find_mimic(data if data is not None else Path(looked[-1]))
    stream = RecordStream(found[0])
    reader = MentionReader(ontology, options.strength)
    collected = _Collected()
    rejects: list[tuple[str, str, str | None]] = []
    left_out: Counter[str] = Counter()
    for record in stream:
        problem = collected.add(record, reader, ontology, left_out)
        if problem:
            rejects.append((problem[0], f"record {stream.count}", problem[1]))
    images, read = load_images(tables) if tables else (None, ())
    frame = sort_facts(_join(collected, images), ontology)
    report: dict[str, object] = {
        **report_facts(frame),
        "quality": QUALITY,
        "mentions": collected.mentions,
        "mentions_not_used_or_reduced": dict(sorted(reader.counts.items())),
        "studies_not_in_mimic_tables": int(
            frame.filter(pl.col("own_split").is_null()).select("patient_id", "study_id").n_unique()
        )
        if tables and len(frame)
        else None,
        "studies_without_image": int(frame.filter(pl.col("image").is_null())["study_id"].n_unique()),
        "unknown_levels": dict(reader.unknown.most_common(20)),
    }
    if not tables:
        report["notes"] = ["no MIMIC-CXR tables found: images as the records name them, own split not known"]
    return Loaded(
        frame=frame,
        rejects=reject_rows(rejects, SOURCE.name),
        files=(InputFile(found[0], _hash(found[0]), stream.count), *read),
        rows_in=stream.count,
        rows_out=stream.count - len(rejects) - sum(left_out.values()),
        left_out=dict(sorted(left_out.items())),
        report=report,
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load what the facts say as label vectors."""
    return pivot_labels(load_facts(data, ontology, options), ontology)


class _Collected:
    """Facts of all records, as numbers into small tables: a million of them fit into some 50 MB."""

    def __init__(self) -> None:
        self.patients: list[str] = []
        self.studies: list[str] = []
        self.dicoms: list[str] = []
        self.study_of = array("l")
        self.fact_of = array("l")
        self.facts: dict[Fact, int] = {}
        self.mentions = 0
        self._seen: set[str] = set()

    def add(
        self, record: object, reader: MentionReader, ontology: Ontology, left_out: Counter[str]
    ) -> tuple[str, str] | None:
        """Add a record; return (reason, text) if it is rejected."""
        if not isinstance(record, dict):
            return "not a record", str(record)[:200]
        tidy = {str(k).strip().lower(): v for k, v in record.items()}
        patient, study = tidy_id(tidy.get("subject_id")), tidy_id(tidy.get("study_id"))
        if not (patient.isdigit() and study.isdigit()):
            return "no subject_id or study_id", f"{tidy.get('subject_id')}, {tidy.get('study_id')}"
        if study in self._seen:
            return "a second record of the same study", study
        try:
            entities = list_entities(tidy)
        except ValueError as e:
            return "mentions not readable", f"{study}: {e}"
        self._seen.add(study)
        self.mentions += len(entities)
        facts = _settle([reader.read(e) for e in entities], reader.counts, ontology)
        if not facts:
            left_out["no definite fact"] += 1
            return None
        for fact in facts:
            self.study_of.append(len(self.studies))
            self.fact_of.append(self.facts.setdefault(fact, len(self.facts)))
        self.patients.append(f"p{patient}")
        self.studies.append(f"s{study}")
        self.dicoms.append(str(tidy.get("dicom_id") or "").strip())
        return None


def _settle(mentions: list[Any], counts: Counter[str], ontology: Ontology) -> list[Fact]:
    """Return a study's facts without contradicted denials; nothing if none is definite."""
    facts = settle([f for m in mentions for f in (*m.facts, *m.doubtful)], ontology, counts)
    return facts if says_something(facts) else []


def _join(collected: _Collected, images: pl.DataFrame | None) -> pl.DataFrame:
    own = pl.DataFrame(
        {
            "patient_id": collected.patients,
            "study_id": collected.studies,
            "#dicom": collected.dicoms,
        },
        schema=dict.fromkeys(("patient_id", "study_id", "#dicom"), pl.String()),
    ).with_row_index("#study")
    named = pl.when(pl.col("#dicom") != "").then(pl.col("#dicom"))
    path = pl.format(
        "files/{}/{}/{}/{}.jpg", pl.col("patient_id").str.head(3), "patient_id", "study_id", named
    )
    if images is None:
        own = own.with_columns(
            named.alias("image_id"), path.alias("image"), pl.lit(None, pl.String).alias("own_split"),
            pl.lit(None, pl.String).alias("view"),
        )  # fmt: skip
    else:
        own = own.join(images, on=["patient_id", "study_id"], how="left", maintain_order="left")
        own = own.with_columns(pl.col("image").fill_null(path), pl.col("image_id").fill_null(named))
    own = own.with_columns(
        pl.lit(SOURCE.name).alias("source"), pl.col("image_id").fill_null(pl.col("study_id"))
    )
    kinds = pl.DataFrame(
        [(f.condition, f.existence, f.location, f.severity, f.qualifier) for f in collected.facts],
        schema={c: FACTS_SCHEMA[c] for c in ("condition", "existence", "location", "severity", "qualifier")},
        orient="row",
    ).with_row_index("#fact")
    pairs = pl.DataFrame(
        {"#study": list(collected.study_of), "#fact": list(collected.fact_of)},
        schema={"#study": pl.UInt32(), "#fact": pl.UInt32()},
    )
    return pairs.join(own, on="#study").join(kinds, on="#fact").select(list(FACTS_SCHEMA))


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _find_mimic(place: Path) -> Files | None:
    """Find MIMIC-CXR's tables near the JSON file, in the same download, or where ``mimic-cxr`` is."""
    folder = place.parent if place.is_file() else place
    download = next((p for p in folder.absolute().parents if p.name == "physionet.org"), None)
    for where in (folder, download, *list_places("mimic-cxr", None)):
        if where is not None and where.is_dir():
            tables = find_tables(where, need_labels=False)
            if tables:
                return tables
    return None


SOURCE = Source(
    name="cad-chest",
    title="CAD-Chest",
    terms=CAD_CHEST,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family="mimic-cxr",
)
