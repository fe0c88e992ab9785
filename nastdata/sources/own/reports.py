"""Free-text reports as a source, read into facts: what is doubtful, past, or said and denied is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.errors import UserError
from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.records import FRONTAL, PAIR, Fact
from nastdata.sources.base import InputFile, Loaded, Options
from nastdata.sources.own import report_files
from nastdata.sources.own.files import tables
from nastdata.sources.own.keys import (
    WHY,
    find_stray_dates,
    list_columns,
    read_keys,
    tell_studies_apart,
)
from nastdata.sources.own.layouts import ID
from nastdata.sources.own.settings import OwnSettings
from nastdata.sources.own.table_rows import FILE, refuse_too_many, reject_broken, reject_marked
from nastdata.sources.report_facts import IN_LANGUAGE, ReportReader, list_sentences
from nastdata.sources.studies import KEYS, pivot_labels, reject_rows, report_facts, sort_facts
from nastdata.sources.views import LATERAL, VIEW, name_views

NO_TEXT, NO_FACT = "no report text", "no definite finding in the report"
STUDY = ["patient_id", "study_id"]
VIEW_AT = KEYS.index(VIEW)
Keys = tuple[Any, ...]
"""The values of ``studies.KEYS``."""


TOGETHER = 2000
"""Studies that are read together."""


@dataclass
class _Read:
    """What has been read so far."""

    facts: list[tuple[Keys, list[Fact]]] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    files: list[InputFile] = field(default_factory=list)
    rows_in: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    pending: list[tuple[Keys, list[str], int]] = field(default_factory=list)
    """Studies that wait to be read: keys, texts, rows."""


def load_facts(settings: OwnSettings, base: Path, ontology: Ontology, options: Options) -> Loaded:
    """Read the reports of a source into a fact frame; every report is accounted for.

    Raises:
        UserError: if there are none, or too many cannot be used.
    """
    assert settings.reports is not None
    reader = ReportReader(
        ontology,
        language=settings.reports.language,
        texts=options.reader,
        seed=options.seed,
        strength=options.strength,
    )
    read = _Read()
    if settings.reports.folder is not None:
        _read_folder(settings, base, reader, read)
    else:
        _read_table(settings, base, reader, read)
    _read_pending(reader, read)
    rejects = pl.concat([reject_rows([], settings.name), *read.rejects])
    refuse_too_many(rejects, read.rows_in, settings)
    cells = [
        (*keys, f.condition, f.existence, f.location, f.severity, f.qualifier)
        for keys, facts in read.facts
        for f in facts
    ]
    frame = sort_facts(pl.DataFrame(cells, schema=FACTS_SCHEMA, orient="row"), ontology)
    account = reader.account()
    return Loaded(
        frame=frame,
        rejects=rejects,
        files=tuple(read.files),
        rows_in=read.rows_in,
        rows_out=read.rows_in - len(rejects) - sum(read.left_out.values()),
        left_out=dict(sorted(read.left_out.items())),
        report={**report_facts(frame), "reading": account},
        warnings=_warn(settings, frame, account),
        notes=(_tell(settings, account),),
        sentences=list_sentences(reader, settings.name),
    )


def load_labels(settings: OwnSettings, base: Path, ontology: Ontology, options: Options) -> Loaded:
    """Read the reports of a source into label vectors."""
    return pivot_labels(load_facts(settings, base, ontology, options), ontology)


def _read_folder(settings: OwnSettings, base: Path, reader: ReportReader, read: _Read) -> None:
    assert settings.reports is not None and settings.reports.folder is not None
    folder = base / Path(settings.reports.folder).expanduser()
    names = report_files.find_texts(folder)
    if not names:
        raise UserError("no .txt files in it", where=f"reports.folder: {folder}")
    rejected: list[tuple[str, str, str | None]] = []
    pattern, encoding = settings.reports.pattern, settings.read.encoding
    seen: dict[tuple[str, str], list[str]] = {}
    for name, patient, study, text, why in report_files.iterate_texts(folder, names, pattern, encoding):
        read.rows_in += 1
        if why is not None:
            rejected.append((why, name, None))
            continue
        seen.setdefault((patient or study, study), []).append(text or "")
    for (patient, study), texts in sorted(seen.items()):
        keys = (settings.name, patient, study, study, None, None, None)
        _use(keys, texts, len(texts), reader, read)
    read.rejects.append(reject_rows(rejected, settings.name))
    read.files.append(InputFile(folder, report_files.hash_texts(folder, names), len(names)))


def _read_table(settings: OwnSettings, base: Path, reader: ReportReader, read: _Read) -> None:
    """Read twice: first whose reports there are, then the texts, a few in memory at a time."""
    assert settings.reports is not None
    texts = list(settings.reports.text_columns)
    wanted = list_columns(settings)
    paths = tables.find_files(settings.files, base)
    for path in paths:
        tables.check_columns(path, tables.read_header(path, settings.read), [*wanted, *texts])
    known = pl.concat([f for f, _ in _read_batches(settings, paths, [*wanted, *texts], None)])
    stray = find_stray_dates(known)
    apart = tell_studies_apart(known.filter(pl.col(WHY).is_null()))
    sizes = known.filter(pl.col(WHY).is_null()).group_by(STUDY).len()
    several = {tuple(r) for r in sizes.filter(pl.col("len") > 1).select(STUDY).iter_rows()}
    held: dict[tuple[str, str], tuple[int, Keys, list[str], int]] = {}
    counts: Counter[Path] = Counter()
    for frame, broken in _read_batches(settings, paths, [*wanted, *texts], texts):
        path = broken[0]
        read.rejects.append(reject_broken(broken[1], path, settings.name))
        counts[path] += len(frame) + len(broken[1])
        if stray is not None:
            told = pl.lit("study: a date where an id should be\x1f")
            frame = frame.with_columns(pl.coalesce(WHY, pl.when(stray).then(told)).alias(WHY))
        read.rejects.append(reject_marked(frame.filter(pl.col(WHY).is_not_null()), settings.name))
        good = frame.filter(pl.col(WHY).is_null()).with_columns(pl.lit(settings.name).alias("source"))
        named = pl.format("{}/{}", "patient_id", "study_id") if apart else pl.col("study_id")
        good = good.with_columns(named.alias("study_id")).with_columns(name_views())
        for row in good.select(*KEYS, "#rank", *(f"#text{i}" for i in range(len(texts)))).iter_rows():
            keys, rank, parts = row[: len(KEYS)], row[len(KEYS)], [t for t in row[len(KEYS) + 1 :] if t]
            study = (keys[1], keys[2].removeprefix(f"{keys[1]}/") if apart else keys[2])
            if study not in several:
                _use(keys, parts, 1, reader, read)
                continue
            before = held.get(study)
            if before is None:
                held[study] = (rank, keys, parts, 1)
            else:
                best = min((before[0], before[1]), (rank, keys), key=lambda x: (x[0], str(x[1])))
                if LATERAL in (rank, before[0]) and best[1][VIEW_AT] == FRONTAL:
                    best = (best[0], (*best[1][:VIEW_AT], PAIR, *best[1][VIEW_AT + 1 :]))
                held[study] = (*best, [*before[2], *(p for p in parts if p not in before[2])], before[3] + 1)
    for _, keys, parts, rows in held.values():
        _use(keys, parts, rows, reader, read)
    read.rows_in = sum(counts.values())
    read.files += [InputFile(p, tables.hash_file(p), counts[p]) for p in paths]


def _read_batches(
    settings: OwnSettings, paths: list[Path], columns: list[str], texts: list[str] | None
) -> Iterator[tuple[pl.DataFrame, tuple[Path, tuple[tuple[int, str, str], ...]]]]:
    """Yield rows with their keys, and with their texts where these are asked for."""
    for path in paths:
        for batch in tables.read_batches(path, settings.read, list(dict.fromkeys(columns))):
            copies = [pl.col(t).alias(f"#text{i}") for i, t in enumerate(texts or ())]
            frame = batch.frame.with_columns(
                *copies, pl.lit(path.name).alias(FILE), pl.lit(0, pl.Int64).alias(ID)
            )
            frame = read_keys(frame, settings)
            kept = [*STUDY, "image_id", "image", "own_split", "#rank", "#dated", WHY, "#row", FILE]
            yield frame.select(*kept, *(f"#text{i}" for i in range(len(texts or ())))), (path, batch.broken)


def _use(keys: Keys, texts: list[str], rows: int, reader: ReportReader, read: _Read) -> None:
    parts = [t for t in texts if t.strip()]
    if not parts:
        read.left_out[NO_TEXT] += rows
        return
    read.pending.append((keys, parts, rows))
    if len(read.pending) >= TOGETHER:
        _read_pending(reader, read)


def _read_pending(reader: ReportReader, read: _Read) -> None:
    """Read the studies that wait, all at once: a language model answers many questions at a time."""
    reader.prepare(t for _, parts, _ in read.pending for t in parts)
    for keys, parts, rows in read.pending:
        facts = reader.read(parts, str(keys[KEYS.index("study_id")]))
        if facts:
            read.facts.append((keys, facts))
        else:
            read.left_out[NO_FACT] += rows
    read.pending.clear()


def _tell(settings: OwnSettings, account: dict[str, Any]) -> str:
    naming = account.get("sentences that name a finding", 0)
    share = account.get("share of such sentences that could not be read")
    told = (
        "nothing named a finding" if share is None else f"{share:.1%} of {naming:,} could not be read in full"
    )
    return (
        f"{settings.name}: {account.get('reports', 0):,} texts; of the sentences that name a finding, {told}"
    )


def _warn(settings: OwnSettings, frame: pl.DataFrame, account: dict[str, Any]) -> tuple[str, ...]:
    texts = account.get("reports", 0)
    unread = tuple(
        f"{settings.name}: {n:,} of {texts:,} {'text is' if texts == 1 else 'texts are'} in "
        f"{key.removeprefix(IN_LANGUAGE)}, which is not read"
        for key, n in account.items()
        if key.startswith(IN_LANGUAGE)
    )
    lone = frame["patient_id"].eq(frame["study_id"]).all() if len(frame) else False
    if not lone:
        return unread
    return (
        *unread,
        f"{settings.name}: patients are not told apart: each study counts as one patient, so that reports of "
        "one person may be in several splits",
    )
