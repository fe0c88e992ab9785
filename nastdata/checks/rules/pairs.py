"""What holds of pairs: probes for tracing, prompts of opposition, protocols with one image for each text."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastdata.assemble.protocols import find_fault, list_texts
from nastdata.checks.verdicts import Bad, Ledger
from nastdata.engines.base import Engine
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import read_texts

Row = dict[str, Any]


def check_probes(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology, engine: Engine) -> None:
    """Check that of caption and foil one states and the other denies the condition, and which one denies."""
    said = _read(frame, ontology, engine, ("correct", "foil"))
    bad = []
    rows = frame.select("key", "split", "condition", "correct", "foil", "negation_in")
    for key, split, condition, correct, foil, negated in rows.iter_rows():
        values = (said[correct].get(condition), said[foil].get(condition))
        text = f"{correct} | {foil}"
        if set(said[correct]) != {condition} or set(said[foil]) != {condition}:
            bad.append(Bad("a text is not about the condition alone", key, split, text))
        elif sorted(map(str, values)) != ["0", "1"]:
            bad.append(Bad("the texts don't contradict one another", key, split, text))
        elif negated != ("correct" if values[0] == 0 else "foil"):
            bad.append(Bad("the negated text is not the one that is named", key, split, text))
    ledger.add("pairs", "probes", len(frame), bad)


def check_prompts(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology, engine: Engine) -> None:
    """Check that prompt and distractor prompt say contrary things of one condition, of different images."""
    said = _read(frame, ontology, engine, ("prompt", "distractor_prompt"))
    bad = []
    columns = ("key", "split", "condition", "prompt", "distractor_prompt", "polarity", "image_id")
    for key, split, condition, prompt, other, polarity, image, far in frame.select(
        *columns, "distractor_image_id"
    ).iter_rows():
        values = (said[prompt].get(condition), said[other].get(condition))
        text = f"{prompt} | {other}"
        if image == far:
            bad.append(Bad("image and distractor image are the same", key, split, text))
        if set(said[prompt]) != {condition} or set(said[other]) != {condition}:
            bad.append(Bad("a text is not about the condition alone", key, split, text))
        elif sorted(map(str, values)) != ["0", "1"]:
            bad.append(Bad("the texts don't contradict one another", key, split, text))
        elif (values[0] == 1) != (polarity == "positive"):
            bad.append(Bad("polarity is not that of the prompt", key, split, text))
    ledger.add("pairs", "opposition", len(frame), bad)


def _read(
    frame: pl.DataFrame, ontology: Ontology, engine: Engine, columns: tuple[str, str]
) -> dict[str, dict[str, int]]:
    texts = list(dict.fromkeys(t for c in columns for t in frame[c]))
    return {r.text: r.labels for r in read_texts(texts, ontology, engine)}


def check_protocols(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology, engine: Engine) -> None:
    """Check each row's options, facts and answer, and the groups of a paired design."""
    bad = []
    sound: list[Row] = []
    for row in frame.iter_rows(named=True):
        fault = _find_malformed(row, ontology)
        if fault is None:
            sound.append(row)
        else:
            bad.append(Bad(fault, row["key"], row["split"], str(row["choices"])))
    texts = sorted({t for row in sound for t in list_texts(row)})
    labels = {r.text: r.labels for r in read_texts(texts, ontology, engine)}
    for row in sound:
        found = find_fault(row, labels)
        if found is not None:
            bad.append(
                Bad(f"an option does not say its fact: {found[0]}", row["key"], row["split"], found[1])
            )
    ledger.add("protocols", "protocols", len(frame), bad)
    _check_groups(ledger, sound)


def _find_malformed(row: Row, ontology: Ontology) -> str | None:
    options, facts, answer = row["choices"] or [], row["choice_facts"] or [], row["answer"]
    if len(options) < 2 or len(set(options)) != len(options) or not all(options):
        return "options are missing or equal"
    if len(facts) != len(options):
        return "not one fact an option"
    if answer is None or not 0 <= answer < len(options):
        return "the answer is no option"
    if any(f is None or f["condition"] not in ontology.order for f in facts):
        return "a finding that the ontology lacks"
    return None


def _check_groups(ledger: Ledger, rows: list[Row]) -> None:
    """Two rows a group: the same question and options in the same order, each option right once."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["design"] == "paired":
            groups.setdefault(row["group_id"], []).append(row)
    bad = []
    for members in groups.values():
        first = members[0]
        key, split = first["key"], first["split"]
        answers = sorted(m["answer"] for m in members)
        if answers != list(range(len(first["choices"]))):
            bad.append(Bad("an option of the group is not right just once", key, split, str(answers)))
        if any((m["question"], m["choices"]) != (first["question"], first["choices"]) for m in members):
            bad.append(Bad("the group's rows differ in their texts", key, split, first["question"]))
        if len({m["split"] for m in members}) > 1:
            bad.append(Bad("the group is in several splits", key, split))
        if len({(m["source"], m["patient_id"]) for m in members}) < len(members):
            bad.append(Bad("the group's images are of one patient", key, split))
    ledger.add("groups", "protocols", len(groups), bad)
