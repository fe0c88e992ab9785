"""What holds of pairs of contrary texts: probes for tracing, prompts of opposition."""

from __future__ import annotations

import polars as pl

from nastdata.checks.verdicts import Bad, Ledger
from nastdata.engines.base import Engine
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import read_texts


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
    """Check that prompt and distractor prompt say contrary things of one condition, of different films."""
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
