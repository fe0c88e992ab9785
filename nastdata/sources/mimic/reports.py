"""MIMIC-CXR's reports: a folder or zip of ``files/p10/p10000032/s50414267.txt``, or a sectioned CSV."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import Wanted, find_wanted, list_places, tell_missing
from nastdata.sources.mimic.ids import FAMILY, NO_TABLES, ImageList, tidy_number
from nastdata.sources.report_facts import ReportReader, load_reports
from nastdata.sources.studies import KEYS, pivot_labels, reject_rows
from nastdata.sources.tables import ROW, read_table, reject_cell
from nastdata.sources.terms import MIMIC_CXR_REPORTS
from nastdata.text_input.plain_files import open_zip, read_file

REPORT = re.compile(r"(?:^|[/\\])p\d{2}[/\\](p\d{8})[/\\](s\d{8})\.txt$")
SECTIONS = ("findings", "impression")
LAST = "last_paragraph"
"""Where a report has neither section, its last paragraph is what it says."""
NEEDS = (
    "mimic-cxr-reports.zip, or the folder that it unpacks to (files/p10/p10000032/s50414267.txt)",
    "or mimic_cxr_sectioned.csv[.gz], with MIMIC-CXR-JPG's -split.csv.gz or -metadata.csv.gz beside it",
    "for images: MIMIC-CXR-JPG's tables, beside it or where mimic-cxr is found",
)
WANTED = {
    "zip": Wanted(r"mimic-cxr-reports.*\.zip"),
    "sections": Wanted(r"mimic_cxr_section(ed|s).*\.csv(\.gz)?", columns=("study",)),
}


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (zip, sectioned table or folder of reports found, places looked at)."""
    found, looked = find_wanted("mimic-cxr-reports", data, WANTED, ("zip", "sections"))
    for kind in ("zip", "sections"):
        if found.get(kind):
            return found[kind][:1], looked
    for place in list_places("mimic-cxr-reports", data):
        if place.is_dir() and next(_walk(place), None):
            return [place], looked
    return [], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Read each report into facts with place and grade.

    Raises:
        UserError: if there are no reports, or the zip or table is broken.
    """
    files, looked = find(data)
    if not files:
        raise tell_missing("MIMIC-CXR report", data, looked, NEEDS)
    place = files[0]
    images = ImageList(data if data is not None else place)
    rejects: list[tuple[str, str, str | None]] = []
    source, rows = _read(place, images, rejects)
    seen: set[str] = set()
    studies = []
    for patient, study, text in rows:
        if study in seen:
            rejects.append(("a second report of the same study", study, None))
            continue
        seen.add(study)
        k = images.name(patient, study)
        studies.append((SOURCE.name, k.patient, k.study, k.image_id, k.image, k.own_split, k.view, text))
    schema = dict.fromkeys((*KEYS, "#text"), pl.String())
    frame = pl.DataFrame(studies, schema=schema, orient="row").sort("patient_id", "study_id")
    reader = ReportReader(ontology, texts=options.reader, seed=options.seed, strength=options.strength)
    return load_reports(
        frame,
        "#text",
        reader,
        ontology,
        files=(source, *images.files),
        rejects=reject_rows(sorted(rejects), SOURCE.name),
        notes=() if images.there else (NO_TABLES,),
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load what the reports say as label vectors."""
    return pivot_labels(load_facts(data, ontology, options), ontology)


def _read(
    place: Path, images: ImageList, rejects: list[tuple[str, str, str | None]]
) -> tuple[InputFile, list[tuple[str, str, str]]]:
    """Return (what was read, patient, study and text of each report)."""
    if place.is_dir():
        rows: list[tuple[str, str, str]] = []
        digest = hashlib.sha256()
        for path, patient, study in _walk(place):
            raw = read_file(path)
            digest.update(f"{study}\0{len(raw)}\0".encode() + raw)
            _add(rows, rejects, patient, study, raw)
        return InputFile(place, digest.hexdigest(), len(rows)), rows
    if place.name.lower().endswith(".zip"):
        return _read_zip(place, rejects)
    return _read_sections(place, images, rejects)


def _walk(folder: Path) -> Iterator[tuple[Path, str, str]]:
    for path in sorted(folder.rglob("s*.txt")):
        match = REPORT.search(str(path))
        if match:
            yield path, match[1], match[2]


def _read_zip(
    path: Path, rejects: list[tuple[str, str, str | None]]
) -> tuple[InputFile, list[tuple[str, str, str]]]:
    rows: list[tuple[str, str, str]] = []
    with open_zip(path) as archive:
        for name in sorted(archive.names):
            match = REPORT.search(name)
            if match:
                _add(rows, rejects, match[1], match[2], archive.read(name))
    if not rows and not rejects:
        raise UserError("no reports in it", where=str(path), how=f"needed: {NEEDS[0]}")
    return InputFile.of(path, len(rows)), rows


def _add(
    rows: list[tuple[str, str, str]],
    rejects: list[tuple[str, str, str | None]],
    patient: str,
    study: str,
    raw: bytes,
) -> None:
    try:
        rows.append((patient, study, raw.decode("utf-8")))
    except UnicodeDecodeError:
        rejects.append(("not UTF-8 text", study, None))


def _read_sections(
    path: Path, images: ImageList, rejects: list[tuple[str, str, str | None]]
) -> tuple[InputFile, list[tuple[str, str, str]]]:
    table = read_table(path, ["study"], [*SECTIONS, LAST])
    have = [c for c in SECTIONS if c in table.frame.columns]
    if not have:
        raise UserError(
            "neither a column 'findings' nor 'impression'", where=str(path), how="name the sectioned table"
        )
    rows = []
    for cells in table.frame.iter_rows(named=True):
        study = tidy_number(cells["study"], "s")
        if study is None:
            reject_cell(table, cells[ROW], "study", cells["study"], "a study like s50414267")
        patient = images.find_patient(study)
        if patient is None:
            rejects.append(("patient of the study not known", study, None))
            continue
        parts = [f"{c.upper()}: {cells[c]}" for c in have if cells[c]]
        rows.append((patient, study, "\n\n".join(parts) or cells.get(LAST) or ""))
    if not rows:
        raise UserError(
            "no study of the table has a known patient", where=str(path), how=f"needed: {NEEDS[1]}"
        )
    return table.file, rows


SOURCE = Source(
    name="mimic-cxr-reports",
    title="MIMIC-CXR reports",
    terms=MIMIC_CXR_REPORTS,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    has_reports=True,
    family=FAMILY,
)
