"""What fine-tuning never sees, and how rows are worded with it or without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import polars as pl

from nastdata.ontology import Ontology, load_ontology
from nastdata.records import Fact
from nastdata.seeded import draw_int
from nastdata.writing.grammar.facts import FactGrammar, Sentence

FRAMES = frozenset(
    ("showing", "is-demonstrated", "is-visible", "bare-noted", "reveals", "front-is", "situated", "lies")
)
"""Wordings that are kept for the test: "Chest radiograph showing no edema.", "No edema is visible." ..."""
CUES = frozenset(("subject-is", "presence", "positive"))
"""Frames whose denial has a cue of its own: "free of", "absence of", "negative for"."""
CONDITIONS = frozenset(("Pneumothorax", "Fracture"))
PLACES = frozenset(("right lung base", "left upper lobe"))
Allow = Callable[[str], bool]
"""Whether a frame, by its name, may be used."""


def is_seen(frame: str) -> bool:
    """Whether fine-tuning may use a frame."""
    return frame not in FRAMES and frame not in CUES


def is_new_frame(frame: str) -> bool:
    """Whether a frame is kept for the test of wordings."""
    return frame in FRAMES


def is_new_cue(frame: str) -> bool:
    """Whether a frame is kept for the test of cues."""
    return frame in CUES


class Wording:
    """Words facts anew, in allowed frames; the same key and fact give the same sentence."""

    def __init__(self, ontology: Ontology | None = None) -> None:
        grammar = FactGrammar(ontology or load_ontology("chest_xray"))

        @cache
        def list_sentences(fact: Fact) -> tuple[Sentence, ...]:
            return grammar.list_sentences(fact)

        self._list = list_sentences

    def word(self, fact: Fact, allow: Allow, key: str) -> str | None:
        """Return a sentence for a fact; None if no allowed frame has one."""
        fits = [s.text for s in self._list(fact) if allow(get_frame(s))]
        return fits[draw_int(0, "wording", key, str(fact)) % len(fits)] if fits else None


def get_frame(sentence: Sentence) -> str:
    """Return the frame's name: ``is-noted`` of ``is-noted-led.plain``."""
    return sentence.plan_id.split(".")[0].removesuffix("-led")


def to_fact(stored: Mapping[str, Any], negation: str) -> Fact:
    """Return the fact of a stored claim and its kind of negation."""
    denies = negation if negation in ("location", "severity") and stored["existence"] == "present" else None
    return Fact(
        stored["condition"],
        stored["existence"],
        stored["location"],
        stored["severity"],
        denies=denies,  # type: ignore[arg-type]
    )


def word_claims(row: dict[str, Any], wording: Wording, allow: Allow) -> list[str] | None:
    """Return the claims of a set in other words; None if one of them has no allowed wording.

    Sets of one group keep sharing their texts, so that a text is true as often as it is false.
    """
    key = str(row["group_id"] or row["set_id"])
    facts = [to_fact(f, n) for f, n in zip(row["claim_facts"], row["claim_negations"], strict=True)]
    texts = [wording.word(fact, allow, key) for fact in facts]
    return None if None in texts else texts  # type: ignore[return-value]


def touches(facts: list[Mapping[str, Any]], names: frozenset[str], attribute: str) -> bool:
    """Whether one of the facts has one of the names as its condition or place."""
    return any(f[attribute] in names for f in facts)


def leave_seen(config: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return claim sets or captions without held-out conditions and places, worded in the seen frames."""
    wording = Wording()
    rows = []
    for row in frame.iter_rows(named=True):
        facts = row["claim_facts"] if config == "contextual_claims" else [row["fact"]]
        if touches(facts, CONDITIONS, "condition") or touches(facts, PLACES, "location"):
            continue
        if config == "contextual_claims":
            texts = word_claims(row, wording, is_seen)
            if texts is None:
                continue
            row["claims"] = texts
        else:
            text = wording.word(to_fact(row["fact"], row["negation_type"]), is_seen, row["caption_id"])
            if text is None:
                continue
            row["caption"] = text
        rows.append(row)
    return pl.DataFrame(rows, schema=frame.schema)
