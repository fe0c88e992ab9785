"""Protocols: their texts are fixed patterns, so nothing is worded, but each is read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from nastdata.assemble.options import Assembled
from nastdata.design.base import Design
from nastdata.engines.base import Engine
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import read_texts

NAMED = ("which_present", "which_absent", "unpaired_presence")
"""Protocols whose options are names of findings."""


def assemble_protocols(config: str, design: Design, ontology: Ontology, engine: Engine) -> Assembled:
    """Read every distinct text back; reject the groups in which one does not say what it should."""
    frame = design.frame
    texts = sorted({t for row in frame.iter_rows(named=True) for t in list_texts(row)})
    labels = {r.text: r.labels for r in read_texts(texts, ontology, engine)}
    found: dict[str, tuple[str, str]] = {}
    for row in frame.iter_rows(named=True):
        if row["group_id"] not in found and (bad := find_fault(row, labels)) is not None:
            found[row["group_id"]] = bad
    lost = frame.filter(pl.col("group_id").is_in(list(found)))
    done = frame.filter(~pl.col("group_id").is_in(list(found)))
    reason = [found[g][0] for g in lost["group_id"]]
    text = [found[g][1] for g in lost["group_id"]]
    rejects = lost.select(
        pl.lit("text").alias("stage"),
        pl.Series("reason", reason, pl.String),
        "source",
        pl.col("item_id").alias("key"),
        pl.Series("text", text, pl.String),
    ).cast(pl.Schema(REJECTS_SCHEMA))
    report = {
        "rows_in": len(frame),
        "accepted": len(done),
        "rejected": len(rejects),
        "distinct_texts": len(texts),
    }
    schema = {**config_schema(config), "split": pl.String()}
    return Assembled(done.select(list(schema)).cast(pl.Schema(schema)), rejects, report)


def list_texts(row: Mapping[str, Any]) -> list[str]:
    """Return the texts of a row that state something: its options, unless they are Yes and No."""
    return [] if row["protocol"] == "presence_yes_no" else list(row["choices"])


def find_fault(row: Mapping[str, Any], labels: Mapping[str, Mapping[str, int]]) -> tuple[str, str] | None:
    """Return (reason, text) of the first option that is not read as what it should say, or None.

    The name of a finding says that it is present, whichever question it answers; a report says its
    finding among others.
    """
    for text, fact in zip(list_texts(row), row["choice_facts"], strict=False):
        said = labels[text]
        present = 1 if fact["existence"] == "present" else 0
        if row["protocol"] == "which_absent":
            present = 1
        alone = row["protocol"] != "report_alignment"
        if said.get(fact["condition"]) != present or (alone and len(said) != 1):
            return f"read as {dict(said)}", text
    return None
