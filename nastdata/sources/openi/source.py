"""Open-i (Indiana University): present facts from MeSH headings, absent ones from the text.

Each is held against the other (``witness``).
Patients can't be linked across reports, so that one report counts as one patient.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import polars as pl

from nastdata.errors import UserError
from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.denials import says_something
from nastdata.sources.locate import find_in_torchxrayvision, list_places, tell_missing
from nastdata.sources.openi.files import Report, hash_input, read_members, read_report
from nastdata.sources.openi.headings import HeadingReader, HeadingTally
from nastdata.sources.openi.image_views import NO_TABLE, pick_images, read_views
from nastdata.sources.openi.witness import Witnesses
from nastdata.sources.report_sentences import read_statements
from nastdata.sources.studies import pivot_labels, reject_rows, report_facts, sort_facts
from nastdata.sources.terms import OPENI
from nastdata.sources.views import NO_VIEW, Views

NEEDS = (
    "NLMCXR_reports.tgz, or the folder of its XML files",
    "or the Python package torchxrayvision, which has it",
)
UNCERTAIN, WEAK = "uncertain headings (borderline)", "headings not of the chosen strength"


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (archive or folder found, places looked at)."""
    looked = []
    for place in list_places("openi", data):
        looked.append(str(place))
        if place.is_file():
            return [place], looked
        if (place / "NLMCXR_reports.tgz").is_file():
            return [place / "NLMCXR_reports.tgz"], looked
        if place.is_dir() and next(place.rglob("*.xml"), None):
            return [place], looked
    if data is None:
        looked.append("the package torchxrayvision")
        packed = find_in_torchxrayvision("NLMCXR_reports.tgz")
        return ([packed] if packed else []), looked
    return [], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load facts; a broken report is rejected, one without an image or a fact left out, all counted.

    Raises:
        UserError: if there is no archive or folder, it is broken, or none of its files is a report.
    """
    found, looked = find(data)
    if not found:
        raise tell_missing("Open-i", data, looked, NEEDS)
    reader = HeadingReader(ontology)
    tally, counts = HeadingTally(), Counter[str]()
    left_out = Counter[str]()
    rejects: list[tuple[str, str, str | None]] = []
    rows: list[tuple[str, str, str, str | None, Fact]] = []
    known, tables = read_views(found[0])
    if not known and options.views in NO_VIEW:
        raise UserError(
            "Open-i's reports do not say which images are frontal",
            where="images.views",
            how="pip install --no-deps torchxrayvision (it has the headers), or --set images.views=all",
        )
    witnesses = Witnesses(ontology, options.strength)
    names: set[str] = set()
    reports: list[Report] = []
    total = 0
    for member, content in read_members(found[0]):
        total += 1
        try:
            report = read_report(content)
        except ValueError as e:
            rejects.append(("not a readable report", member, str(e)))
            continue
        if report.name in names:
            rejects.append(("a second report with the same id", member, report.name))
            continue
        names.add(report.name)
        reports.append(report)
    texts = [text for report in reports for text in report.texts]
    readings = dict(zip(texts, options.read_texts(texts, ontology), strict=True))
    for report in reports:
        said = [fact for heading in report.headings for fact in reader.read(heading, tally)]
        counts[UNCERTAIN] += sum(not f.certain and f.strength in options.strength for f in said)
        counts[WEAK] += sum(f.strength not in options.strength and f.strength != "kin" for f in said)
        facts = witnesses.judge(said, [(text, readings[text]) for text in report.texts])
        if not report.images:
            left_out["report without an image"] += 1
        elif not says_something(facts):
            left_out["no definite fact"] += 1
        else:
            chosen = pick_images(report.images, options.views, known, report.has_lateral)
            if not chosen:
                left_out[NO_VIEW[options.views]] += 1
            for image, view in chosen:
                study = f"{report.name}/{image}" if options.views == "all" else report.name
                rows += [(report.name, study, image, view, fact) for fact in facts]
    if not names:
        reason = f" (the first: {rejects[0][1]}, {rejects[0][2]})" if rejects else ""
        raise UserError(f"no report in it{reason}", where=str(found[0]), how=f"needed: {NEEDS[0]}")
    facts_frame = _make_frame(rows, ontology)
    quoted = ((SOURCE.name, r.name, r.texts) for r in reports)
    return Loaded(
        frame=facts_frame,
        rejects=reject_rows(sorted(rejects), SOURCE.name),
        files=(InputFile(found[0], hash_input(found[0]), total), *tables),
        rows_in=total,
        rows_out=total - len(rejects) - sum(left_out.values()),
        left_out=dict(sorted(left_out.items())),
        statements=read_statements(quoted, ontology) if options.statements else None,
        report={
            **report_facts(facts_frame),
            "reports": len(names),
            "place_unknown": {
                "sides contradict one another (headings)": tally.contradictory_sides,
                "several places for one finding (headings)": tally.several_places,
            },
            "not_used": dict(sorted((counts + witnesses.agreement.counts).items())),
            "second_witness": witnesses.agreement.report(ontology),
            "headings_not_used": dict(tally.unmapped.most_common(20)),
        },
        notes=() if known else (NO_TABLE,),
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load what the facts say as label vectors."""
    return pivot_labels(load_facts(data, ontology, options), ontology)


def _make_frame(rows: list[tuple[str, str, str, str | None, Fact]], ontology: Ontology) -> pl.DataFrame:
    cells = [
        (
            *(SOURCE.name, n, s, i, f"{i}.png", None, v),
            f.condition,
            f.existence,
            f.location,
            f.severity,
            f.qualifier,
        )
        for n, s, i, v, f in rows
    ]
    return sort_facts(pl.DataFrame(cells, schema=FACTS_SCHEMA, orient="row"), ontology)


SOURCE = Source(
    name="openi",
    title="Open-i (Indiana University)",
    terms=OPENI,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    one_report_one_patient=True,
    has_reports=True,
    views=get_args(Views),
)
