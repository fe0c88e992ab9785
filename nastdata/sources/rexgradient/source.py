"""ReXGradient-160K: reports of three American radiology networks, read into facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, tell_missing
from nastdata.sources.report_facts import ReportReader, load_reports
from nastdata.sources.studies import KEYS, pivot_labels, reject_rows
from nastdata.sources.tables import read_bytes, read_table, unpack
from nastdata.sources.terms import REXGRADIENT
from nastdata.sources.views import AP, LATERAL, PA, UNKNOWN, name_view

SECTIONS = ("Findings", "Impression")
STUDY, PATIENT = "StudyInstanceUid", "PatientID"
PREFIX = "../deid_png/"
SPLITS = {"train": "train", "valid": "validation", "val": "validation", "test": "test"}
RANKS = {
    **dict.fromkeys(("PA", "POSTERO_ANTERIOR"), PA),
    **dict.fromkeys(("AP", "ANTERO_POSTERIOR", "AP AXIAL"), AP),
    **dict.fromkeys(("LATERAL", "LL", "RL", "LEFT_LATERAL", "RIGHT_LATERAL"), LATERAL),
}
NEEDS = (
    "metadata/train_metadata_view_position.json (and valid_, test_) of ReXGradient-160K, or their folder",
    "or train_metadata.json or train_metadata.csv: the same without the images' views",
)
WANTED = {
    "views": Wanted(r"(train|val|valid|test)_metadata_view_position\.json(\.gz)?"),
    "plain": Wanted(r"(train|val|valid|test)_metadata\.json(\.gz)?"),
    "table": Wanted(r"(train|val|valid|test)_metadata\.csv(\.gz)?", columns=SECTIONS),
}
Row = tuple[str, str, str | None, str | None, str | None, str]
"""Patient, study, preferred image, own split, text."""


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (files found, places looked at): of each split, the file that says most."""
    found, looked = find_wanted("rexgradient", data, WANTED, ("views", "plain", "table"), 4)
    by_split: dict[str, Path] = {}
    for kind in WANTED:
        for path in found.get(kind, ()):
            by_split.setdefault(path.name.partition("_")[0].lower(), path)
    return [by_split[s] for s in sorted(by_split)], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Read each study's findings and impression into facts with place and grade.

    Raises:
        UserError: if there are no files, or one is no JSON or CSV of studies.
    """
    files, looked = find(data)
    if not files:
        raise tell_missing("ReXGradient-160K", data, looked, NEEDS)
    rejects: list[tuple[str, str, str | None]] = []
    rows: dict[str, tuple[str | None, ...]] = {}
    read = []
    for path in files:
        split = SPLITS.get(path.name.partition("_")[0].lower())
        count = 0
        for number, record in _list_records(path):
            count += 1
            row = _read_study(record, split)
            if row is None:
                rejects.append(
                    (f"no {STUDY} or {PATIENT}", f"{path.name}, record {number}", str(record)[:200])
                )
            elif row[1] in rows:
                rejects.append(("a second record of the same study", row[1], path.name))
            else:
                patient, study, image, own, view, text = row
                name = Path(image).stem if image else study
                rows[study] = (SOURCE.name, patient, study, name, image, own, view, text)
        read.append(InputFile.of(path, count))
    schema = dict.fromkeys((*KEYS, "#text"), pl.String())
    frame = pl.DataFrame(list(rows.values()), schema=schema, orient="row").sort("patient_id", "study_id")
    reader = ReportReader(ontology, texts=options.reader, seed=options.seed, strength=options.strength)
    return load_reports(
        frame,
        "#text",
        reader,
        ontology,
        files=tuple(read),
        rejects=reject_rows(sorted(rejects), SOURCE.name),
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load what the reports say as label vectors."""
    return pivot_labels(load_facts(data, ontology, options), ontology)


def _read_study(record: object, split: str | None) -> Row | None:
    if not isinstance(record, dict):
        return None
    patient, study = str(record.get(PATIENT) or "").strip(), str(record.get(STUDY) or "").strip()
    if not patient or not study:
        return None
    parts = []
    for section in SECTIONS:
        text = record.get(section)
        if isinstance(text, str) and text.strip() and text.strip().lower() not in ("none", "nan"):
            parts.append(f"{section.upper()}: {text.strip()}")
    image, view = _pick_image(record)
    return patient, study, image, split, view, "\n\n".join(parts)


def _pick_image(record: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the preferred image of a study and its view."""
    paths = [p for p in _as_list(record.get("ImagePath")) if isinstance(p, str)]
    views = [str(v).upper() for v in _as_list(record.get("ImageViewPosition"))]
    ranks = [RANKS.get(views[i], UNKNOWN) if i < len(views) else UNKNOWN for i in range(len(paths))]
    ranked = sorted(range(len(paths)), key=lambda i: (ranks[i], paths[i]))
    if not ranked:
        return None, None
    return paths[ranked[0]].removeprefix(PREFIX), name_view(ranks[ranked[0]], LATERAL in ranks)


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _list_records(path: Path) -> Iterator[tuple[int, Any]]:
    if ".csv" in path.name.lower():
        yield from enumerate(
            read_table(path, [PATIENT, STUDY, *SECTIONS]).frame.iter_rows(named=True), start=1
        )
        return
    try:
        data = json.loads(unpack(read_bytes(path), path))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise UserError(f"not a readable JSON file ({e})", where=str(path), how="download it again") from None
    if not isinstance(data, dict | list) or not data:
        raise UserError("no studies in it", where=str(path), how=f"needed: {NEEDS[0]}")
    if isinstance(data, dict):
        # keyed by study
        data = [{STUDY: k, **v} if isinstance(v, dict) else v for k, v in data.items()]
    yield from enumerate(data, start=1)


SOURCE = Source(
    name="rexgradient",
    title="ReXGradient-160K",
    terms=REXGRADIENT,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    has_reports=True,
)
