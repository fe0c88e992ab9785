"""Words the facts of a dataset's rows again, in some of the grammar's frames only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import polars as pl

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.seeded import draw_int
from nastdata.writing.grammar.facts import FactGrammar

CAPTIONS, CLAIMS = "contextual_captions", "contextual_claims"
LED = "-led"
"""End of the name of a frame that begins with "On this chest radiograph,"."""
HELD_CUES: Mapping[str, str] = {
    "subject-is": "the radiograph is free of X",
    "presence": "absence of X",
    "post-present": "X is absent",
    "post-bare": "X absent",
}
"""Frames whose denial has a cue that no trained text has; training has no, not, without, negative for."""
HELD_FRAMES = frozenset(
    "there-evidence evidence showing demonstrates reveals is-evident is-identified bare-noted front-is "
    "post-evident place-lies place-seen-here place-here place-noted place-there grade-here grade-degree "
    "grade-noted grade-evident grade-there".split()
)
"""Frames that no trained text has, with cues that trained texts have ("no evidence of X")."""

Pick = Callable[[Fact, str], str | None]
"""(fact, what draws among several) -> a sentence, or None if there is none."""


def is_held_cue(frame: str) -> bool:
    """Whether a frame denies by a held-out cue."""
    return frame in HELD_CUES


def is_held_frame(frame: str) -> bool:
    """Whether a frame is held out, and its cue is not."""
    return not is_held_cue(frame) and (frame in HELD_FRAMES or frame.endswith(LED))


def is_trained(frame: str) -> bool:
    """Whether trained texts have a frame."""
    return not is_held_cue(frame.removesuffix(LED)) and not is_held_frame(frame)


def name_frame(plan_id: str) -> str:
    """Return the frame of a plan ("there-led.before" -> "there-led")."""
    return plan_id.partition(".")[0]


class Wordings:
    """Chooses among an ontology's sentences by their frame."""

    def __init__(self, ontology: Ontology) -> None:
        grammar = FactGrammar(ontology)

        @cache
        def list_sentences(fact: Fact) -> tuple[tuple[str, str], ...]:
            return tuple((name_frame(s.plan_id), s.text) for s in grammar.list_sentences(fact))

        self.list_sentences = list_sentences

    def picker(self, allowed: Callable[[str], bool], denials: Callable[[str], bool] | None = None) -> Pick:
        """Return what words facts in allowed frames; absences in frames of ``denials``, if that is given."""

        def pick(fact: Fact, key: str) -> str | None:
            asked = denials if denials is not None and fact.existence == "absent" else allowed
            some = [text for frame, text in self.list_sentences(fact) if asked(frame)]
            return some[draw_int(0, "wording", key) % len(some)] if some else None

        return pick


def make_fact(struct: Mapping[str, Any], negation_type: str) -> Fact:
    """Return what a text states, from its columns."""
    denies: Any = negation_type if struct["existence"] == "present" and negation_type != "none" else None
    return Fact(struct["condition"], struct["existence"], struct["location"], struct["severity"], denies)


def reword(config: str, frame: pl.DataFrame, pick: Pick, keep: Callable[[Fact], bool]) -> pl.DataFrame:
    """Return rows of the same facts in other words.

    Rows of a group share their texts, as before: the draw is by group and fact.

    Args:
        config: of the rows.
        frame: its rows.
        pick: chooses the words.
        keep: facts that may be stated. A false claim that may not, or can't be worded, is left out of its
            set; a true one takes its row with it, and so does a set that is left with one claim.
    """
    rows = [
        row
        for old in frame.iter_rows(named=True)
        if (row := (_reword_caption if config == CAPTIONS else _reword_set)(old, pick, keep)) is not None
    ]
    return pl.DataFrame(rows, schema=frame.schema)


def _reword_caption(row: dict[str, Any], pick: Pick, keep: Callable[[Fact], bool]) -> dict[str, Any] | None:
    fact = make_fact(row["fact"], row["negation_type"])
    text = pick(fact, f"{row['caption_id']}") if keep(fact) else None
    return None if text is None else {**row, "caption": text}


def _reword_set(row: dict[str, Any], pick: Pick, keep: Callable[[Fact], bool]) -> dict[str, Any] | None:
    facts = [make_fact(f, n) for f, n in zip(row["claim_facts"], row["claim_negations"], strict=True)]
    texts = [pick(f, f"{row['group_id']} {f}") if keep(f) else None for f in facts]
    kept = [i for i, text in enumerate(texts) if text is not None]
    if row["answer"] not in kept or len(kept) < 2:
        return None
    lists = ("claim_facts", "claim_negations", "altered")
    return {
        **row,
        "claims": [texts[i] for i in kept],
        **{name: [row[name][i] for i in kept] for name in lists},
        "answer": kept.index(row["answer"]),
    }
