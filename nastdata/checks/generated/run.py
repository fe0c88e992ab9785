"""Judges files of captions or reports that others generated, and saves every verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.checks.generated.facts import Notes
from nastdata.checks.generated.inputs import (
    Options,
    join,
    load_captions,
    load_reference,
    name_files,
)
from nastdata.checks.generated.judge import Judge
from nastdata.checks.generated.known import Reference
from nastdata.checks.generated.label_values import Names
from nastdata.checks.generated.readings import read_distinct
from nastdata.checks.generated.results import Result, judge_file
from nastdata.checks.generated.summary import list_totals, summarise
from nastdata.engines import open_engine
from nastdata.errors import UserError
from nastdata.ontology import load_ontology

SCHEMA = "nastdata-captions-1"


@dataclass(frozen=True)
class Settings:
    """How captions are judged."""

    options: Options = field(default_factory=Options)
    ontology: str = "chest_xray"
    no_finding: bool = True
    """Whether "No Finding" makes unrecorded conditions absent."""
    max_contradicted: float = 0.0
    """Highest share of contradicted findings that passes."""
    draws: int = 1000
    seed: int = 0
    worst: int = 10
    engine: str = "local"
    workers: int = 0


def validate_captions(
    paths: Sequence[Path], against: Path | None, settings: Settings
) -> tuple[dict[str, Any], list[Result]]:
    """Judge every finding of every text against what is on record.

    Args:
        paths: files of captions or reports; the first is what the others are compared with.
        against: a table of labels, a list of facts, or a dataset folder; None if each file holds its own.
        settings: columns, ontology and figures.

    Returns:
        The JSON output (``docs/validate.md``) and the results with all findings.

    Raises:
        UserError: if a file can't be read or joined, or no finding at all could be judged.
    """
    ontology = load_ontology(settings.ontology)
    meaning = Names(ontology)
    options = settings.options
    on_record = load_reference(against, options, meaning) if against else None
    notes = on_record.notes if on_record else Notes()
    names = name_files(paths)
    loaded = [
        load_captions(p, n, options, meaning, notes, alone=on_record is None)
        for p, n in zip(paths, names, strict=True)
    ]
    joined = [join(c, on_record, options) for c in loaded]
    distinct = list(dict.fromkeys(t for c in loaded for t in c.texts))
    with open_engine(settings.engine, settings.workers) as engine:
        read = dict(zip(distinct, read_distinct(distinct, settings.ontology, engine), strict=True))
    judge = Judge(Reference(ontology, no_finding=settings.no_finding))
    results = [judge_file(j, read, judge) for j in joined]
    for r in results:
        if not r.total("findings"):
            raise UserError(
                "no finding could be judged: the texts state none and none is on record",
                where=str(r.joined.captions.path),
                how="--text-key and --id-key say which columns are meant",
            )
    report = summarise(results, settings.draws, settings.seed, settings.worst)
    shares = [f["rates"]["contradicted"]["value"] for f in report["files"].values()]
    unjudged = [name for name, f in report["files"].items() if f["rates"]["contradicted"]["value"] is None]
    passed = not unjudged and all(s <= settings.max_contradicted for s in shares if s is not None)
    reference: dict[str, Any] = {"path": str(against) if against else None}
    if on_record:
        reference |= {**on_record.layout, "rows": len(on_record.records)}
    elif loaded[0].layout:
        reference |= {"form": loaded[0].layout.form, "columns": loaded[0].layout.columns}
    judged = [record for j in joined for record in j.records if record is not None]
    reference |= {
        "no_finding": "absent" if settings.no_finding else "unknown",
        "no_finding_texts": sum(normal for _, normal in judged),
        "unknown_conditions": dict(notes.unknown_conditions.most_common(50)),
        "unknown_places": dict(notes.unknown_places.most_common(50)),
        "unknown_grades": dict(notes.unknown_grades.most_common(50)),
        "keys_with_contradictory_labels": len(notes.conflicts),
        "keys_with_contradictory_labels_some": list(notes.conflicts)[:5],
    }
    head = {
        "schema": SCHEMA,
        "passed": passed,
        "max_contradicted": settings.max_contradicted,
        "files_without_a_readable_finding": unjudged,
        "reference": reference,
    }
    return {**head, **report}, results


def save(out: Path, report: dict[str, Any], results: Sequence[Result]) -> dict[str, str]:
    """Write all verdicts beside ``out``: findings, texts, totals and the report.

    Args:
        out: ``verdicts`` gives ``verdicts.findings.parquet`` and so on; ``verdicts.csv`` writes them as CSV.
        report: the JSON output.
        results: all findings.

    Returns:
        What each file is -> its path.

    Raises:
        UserError: if they can't be written; nothing is left half-written.
    """
    suffix = out.suffix.lower()
    base = out.with_suffix("") if suffix in (".csv", ".parquet", ".json") else out
    kind = "csv" if suffix == ".csv" else "parquet"
    texts = pl.concat([r.texts for r in results]).with_columns(pl.col("style").list.join("; "))
    frames = {
        f"findings.{kind}": pl.concat([r.findings for r in results]),
        f"texts.{kind}": texts.select("file", pl.exclude("file")),
        "totals.csv": list_totals(results),
    }
    paths = {name.split(".")[0]: base.with_name(f"{base.name}.{name}") for name in frames}
    paths["report"] = base.with_name(f"{base.name}.json")
    saved = {what: str(p) for what, p in paths.items()}
    partial = {what: p.with_name(f".{p.name}.partial") for what, p in paths.items()}
    try:
        for (name, frame), what in zip(frames.items(), paths, strict=False):
            (frame.write_csv if name.endswith("csv") else frame.write_parquet)(partial[what])
        content = json.dumps({**report, "saved": saved}, indent=1, ensure_ascii=False)
        partial["report"].write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
        for what, path in paths.items():
            partial[what].replace(path)
    except OSError as e:
        said = e.strerror or str(e).partition(" (os error")[0]
        raise UserError(f"can't be written ({said})", where=str(base), how="--out PATH") from e
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
    return saved
