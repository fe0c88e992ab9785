"""Better wordings that reviewers proposed: taken where the text still says exactly what is on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import judge_facts, judge_options
from nastdata.records import LETTERS, Denial, Fact, OptionStatement, OptionWording
from nastdata.review.outcomes import Outcome
from nastdata.review.questions import judge

WORDING_QUESTIONS = ("english", "equivalent")
"""Faults that another wording can mend; a statement that is not true of its image stays so."""
REWORDED = ("mednega", "contextual_claims", "contextual_captions")
"""Configs whose texts may change; the others' prompts are fixed, and paired token by token."""
GROUPED = ("mednega", "contextual_claims")


@dataclass(frozen=True)
class Change:
    """One text of one item that is to be replaced, in all rows of its group."""

    config: str
    key: str
    slot: str
    before: str
    after: str


@dataclass
class Rewording:
    """What could be reworded, and what not."""

    changes: list[Change] = field(default_factory=list)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    """(config, key) -> why the proposed wording can't be used."""


def is_mendable(outcome: Outcome) -> bool:
    """Whether another wording would answer all that readers object to."""
    others = tuple(q for q in outcome.item.questions if q not in WORDING_QUESTIONS)
    return judge(others, outcome.values) == "accepted"


def plan_rewording(
    outcomes: Iterable[Outcome], frames: Mapping[str, pl.DataFrame], ontology: Ontology
) -> Rewording:
    """Return which proposed wordings can be used.

    A wording is used if readers who propose one agree on it, their other answers accept the item, the reader
    reads exactly the recorded facts in it, and it is not another option's text already.

    Args:
        outcomes: of the review.
        frames: config -> all rows with ``split``.
        ontology: to read with.
    """
    out = Rewording()
    taken: dict[tuple[str, str, str], str] = {}
    for outcome in outcomes:
        if outcome.status not in ("accepted", "rejected", "unsure") or not (
            outcome.corrections or outcome.disputed
        ):
            continue
        item = outcome.item
        mark = (item.config, item.key)
        if item.config not in REWORDED:
            out.refused[mark] = "texts of this config are fixed"
        elif outcome.disputed:
            out.refused[mark] = "readers propose different wordings"
        elif not is_mendable(outcome):
            out.refused[mark] = "another wording does not answer the objection"
        else:
            frame = frames[item.config]
            row = frame.filter(pl.col(frame.columns[0]) == item.key).row(0, named=True)
            changed = change_row(item.config, row, outcome.corrections)
            why = judge_row(item.config, row, changed, ontology)
            group = str(row["group_id"] if item.config in GROUPED else item.key)
            wanted = {(item.config, group, item.slots[s]): t for s, t in outcome.corrections.items()}
            if why is not None:
                out.refused[mark] = why
            elif any(taken.get(at, text) != text for at, text in wanted.items()):
                out.refused[mark] = "another item of its group was reworded otherwise"
            else:
                taken |= wanted
                out.changes += [
                    Change(item.config, item.key, slot, item.slots[slot], text)
                    for slot, text in outcome.corrections.items()
                ]
    return out


def change_row(config: str, row: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a row with some slots' texts replaced (slots as in ``items.SHOW``)."""
    out = dict(row)
    if config == "contextual_captions":
        return out | {"caption": texts.get("caption", row["caption"])}
    if config == "contextual_claims":
        return out | {"claims": [texts.get(f"claim {i}", t) for i, t in enumerate(row["claims"], 1)]}
    for column, side in (("negated_choices", "negated"), ("affirmative_choices", "affirmative")):
        out[column] = [texts.get(f"{x}.{side}", t) for x, t in zip(LETTERS, row[column], strict=True)]
    return out


def judge_row(
    config: str, before: Mapping[str, Any], after: Mapping[str, Any], ontology: Ontology
) -> str | None:
    """Return why a changed row can't stand, or None: texts are different, and each says just its fact."""
    if config == "mednega":
        texts = [*after["negated_choices"], *after["affirmative_choices"]]
        halves = (after["negated_choices"], after["affirmative_choices"])
        if any(len(set(h)) < len(h) for h in halves):
            return "the wording is another option's text already"
        columns = (*halves, before["negated_choices"], before["affirmative_choices"])
        wordings = [
            OptionWording(OptionStatement(tuple(before["conditions"]), tuple(labels)), 0, "", n, a, ())
            for labels, n, a, n0, a0 in zip(before["choice_labels"], *columns, strict=True)
            if (n, a) != (n0, a0)
        ]
        return next((f"read back: {r}" for r in judge_options(wordings, ontology) if r), None)
    if config == "contextual_claims":
        texts = after["claims"]
        if len(set(texts)) < len(texts):
            return "the wording is another claim's text already"
        facts = [
            make_fact(f, d) for f, d in zip(before["claim_facts"], before["claim_negations"], strict=True)
        ]
    else:
        texts, facts = [after["caption"]], [make_fact(before["fact"], before["negation_type"])]
    stated = list(zip(texts, facts, strict=True))
    return next((f"read back: {r}" for r in judge_facts(stated, ontology) if r), None)


def make_fact(fact: Mapping[str, Any], negation: str) -> Fact:
    """Return the fact of a stored struct and what its text denies."""
    denies: Denial | None = None
    if fact["existence"] == "present" and negation in ("location", "severity"):
        denies = negation  # type: ignore[assignment]
    return Fact(fact["condition"], fact["existence"], fact["location"], fact["severity"], denies)


def reword_frame(config: str, frame: pl.DataFrame, changes: Iterable[Change]) -> pl.DataFrame:
    """Return a config's rows with the changed texts, in every row of an item's group."""
    key = frame.columns[0]
    for change in (c for c in changes if c.config == config):
        mine = pl.col(key) == change.key
        if config in GROUPED:
            group = frame.filter(mine)["group_id"][0]
            mine = pl.col("group_id") == group
        if config == "contextual_captions":
            frame = frame.with_columns(
                pl.when(mine).then(pl.lit(change.after)).otherwise(pl.col("caption")).alias("caption")
            )
            continue
        column = "claims"
        if config == "mednega":
            column = f"{change.slot.partition('.')[2]}_choices"
        swapped = pl.col(column).list.eval(
            pl.when(pl.element() == change.before).then(pl.lit(change.after)).otherwise(pl.element())
        )
        frame = frame.with_columns(pl.when(mine).then(swapped).otherwise(pl.col(column)).alias(column))
    return frame
