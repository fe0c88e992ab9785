"""The results of one file of captions: every finding with its verdict, every text with its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from nastdata.checks.generated.inputs import Joined
from nastdata.checks.generated.judge import VERDICTS, Finding, Judge
from nastdata.checks.generated.readings import Text
from nastdata.statistics import Floats

FINDINGS_SCHEMA: dict[str, Any] = {
    "file": pl.String,
    "row": pl.UInt32,
    "key": pl.String,
    "patient": pl.String,
    **dict.fromkeys(Finding._fields[:9], pl.String),
    "start": pl.UInt32,
    "end": pl.UInt32,
    "reason": pl.String,
}
"""One row a finding; ``row`` counts the texts of the file from 1, ``start`` and ``end`` are characters."""

COUNTS = (
    *VERDICTS,
    *("contradicted_existence", "contradicted_location", "contradicted_severity"),
    *("said_present", "wrong_present", "said_absent", "wrong_absent", "recorded_present", "missed_present"),
    *("said", "findings"),
)
"""What is counted of each text."""


@dataclass
class Result:
    """All verdicts on one file."""

    name: str
    joined: Joined
    findings: pl.DataFrame
    texts: pl.DataFrame
    counts: Floats
    """(judged texts, ``COUNTS``)."""
    clusters: list[str]
    keys: list[str]
    labels: list[tuple[dict[str, int], dict[str, int]]] = field(default_factory=list)
    """(what a text says, what is on record) as labels, of each judged text."""
    history: int = 0
    empty: int = 0
    """Judged texts that state no finding."""

    def total(self, name: str) -> int:
        """Return a sum over all texts."""
        return int(self.counts[:, COUNTS.index(name)].sum())


def judge_file(joined: Joined, read: dict[str, Text], judge: Judge) -> Result:
    """Judge every text of a file that has something on record."""
    captions = joined.captions
    columns: dict[str, list[Any]] = {name: [] for name in FINDINGS_SCHEMA}
    counts, clusters, keys = [], [], []
    rows: list[dict[str, Any]] = []
    labels = []
    history = empty = 0
    kept: dict[tuple[str, int], tuple[list[Finding], list[int]]] = {}
    for i, (text, record) in enumerate(zip(captions.texts, joined.records, strict=True)):
        key, patient, parsed = joined.keys[i], joined.patients[i], read[text]
        about = {"row": i + 1, "key": key, "patient": patient, "text": text, "style": list(parsed.faults)}
        if record is None:
            rows.append({**about, "matched": False, **dict.fromkeys(VERDICTS, 0)})
            continue
        known = judge.reference.know(record)
        if (text, id(known)) not in kept:
            found = judge.judge(parsed, known)
            kept[text, id(known)] = found, _count(found)
        found, counted = kept[text, id(known)]
        for f in found:
            for name, value in zip(Finding._fields, f, strict=True):
                columns[name].append(value)
        for name, value in (("file", captions.name), ("row", i + 1), ("key", key), ("patient", patient)):
            columns[name] += [value] * len(found)
        counts.append(counted)
        clusters.append(patient)
        keys.append(key or str(i + 1))
        rows.append({**about, "matched": True, **dict(zip(VERDICTS, counted, strict=False))})
        labels.append((dict(parsed.labels), to_labels(record)))
        history += parsed.history
        empty += not parsed.said
    schema = {"row": pl.UInt32, "key": pl.String, "patient": pl.String, "text": pl.String}
    texts = pl.DataFrame(
        rows,
        schema={
            **schema,
            "style": pl.List(pl.String),
            "matched": pl.Boolean,
            **dict.fromkeys(VERDICTS, pl.UInt32),
        },
        orient="row",
    ).with_columns(pl.lit(captions.name).alias("file"))
    findings = pl.DataFrame(columns, schema=FINDINGS_SCHEMA)
    table = np.array(counts, dtype=np.float64).reshape(-1, len(COUNTS))
    return Result(captions.name, joined, findings, texts, table, clusters, keys, labels, history, empty)


def _count(found: list[Finding]) -> list[int]:
    by = Counter(f.verdict for f in found)
    wrong = [f for f in found if f.verdict == "contradicted"]
    said = [f for f in found if f.kind not in ("recorded", "unread")]
    present = [f for f in said if f.polarity == "present"]
    absent = [f for f in said if f.polarity == "absent"]
    missed = sum(f.verdict == "missed" and f.polarity == "present" and f.attribute is None for f in found)
    hit = {f.condition for f in said if f.recorded and f.recorded.startswith("present")}
    return [
        *(by[v] for v in VERDICTS),
        *(sum(a in (f.attribute or "") for f in wrong) for a in ("existence", "location", "severity")),
        *(len(present), sum(f.verdict == "contradicted" for f in present)),
        *(len(absent), sum(f.verdict == "contradicted" for f in absent)),
        *(missed + len(hit), missed),
        *(len(said), len(found)),
    ]


def to_labels(record: Any) -> dict[str, int]:
    """Return what is on record as CheXpert labels; present beats uncertain beats absent."""
    out: dict[str, int] = {}
    rank = {"present": (2, 1), "uncertain": (1, -1), "absent": (0, 0)}
    best: dict[str, int] = {}
    for f in record[0]:
        weight, label = rank[f.existence]
        if weight >= best.get(f.condition, -1):
            best[f.condition], out[f.condition] = weight, label
    return out


def list_worst(result: Result, many: int) -> Iterator[dict[str, Any]]:
    """Return the texts with the most contradicted findings, then the most not supported, then missed."""
    order = [pl.col(c) for c in ("contradicted", "not_supported", "missed")]
    bad = result.texts.filter(pl.col("matched") & ((pl.col("contradicted") + pl.col("not_supported")) > 0))
    top = bad.sort([*order, "row"], descending=[True, True, True, False]).head(many)
    for row in top.iter_rows(named=True):
        wrong = result.findings.filter(
            (pl.col("row") == row["row"])
            & pl.col("verdict").is_in(["contradicted", "not_supported", "missed"])
        ).sort(pl.col("verdict").replace_strict({v: i for i, v in enumerate(VERDICTS)}, return_dtype=pl.Int8))
        shown = ("condition", "verdict", "attribute", "said", "recorded", "start", "end")
        yield {
            **{k: row[k] for k in ("file", "row", "key", "text", "contradicted", "not_supported", "missed")},
            "findings": [{k: f[k] for k in shown} for f in wrong.iter_rows(named=True)],
        }
