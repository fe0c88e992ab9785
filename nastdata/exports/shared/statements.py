"""What rows of all configs have in common: an image, one true text, and texts that are false of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nastdata.records import LETTERS

Kind = Literal["positive", "negative", "hybrid"]
"""Of a text: affirms only, denies only, or both (NegBench's templates)."""
Wording = Literal["negated", "affirmative"]
CONFIGS_WITH_QUESTIONS = ("mednega", "contextual_claims", "opposition", "probes")
KEYS = {
    "mednega": "item_id",
    "contextual_claims": "set_id",
    "contextual_captions": "caption_id",
    "probes": "pair_id",
    "opposition": "pair_id",
}
"""Config -> the column that names a row."""


@dataclass(frozen=True, slots=True)
class Question:
    """An image, distinct texts, and which of them is true."""

    config: str
    key: str
    wording: Wording
    source: str
    image: Any
    """Path in the corpus, embedded image, or None."""
    texts: tuple[str, ...]
    kinds: tuple[Kind, ...]
    answer: int
    group: str
    """Questions of one group share their texts; each has another one true."""
    distractor: Any = None
    """Image of which another of the texts is true, where the row names one."""

    @property
    def truth(self) -> str:
        """The true text."""
        return self.texts[self.answer]

    @property
    def kind(self) -> Kind:
        """Of the true text."""
        return self.kinds[self.answer]

    @property
    def false(self) -> tuple[int, ...]:
        """Numbers of the false texts."""
        return tuple(i for i in range(len(self.texts)) if i != self.answer)


@dataclass(frozen=True, slots=True)
class Caption:
    """An image and a text that is true of it."""

    key: str
    source: str
    image: Any
    text: str
    negated: bool
    config: str


def read_questions(config: str, row: Mapping[str, Any]) -> Iterator[Question]:
    """Yield a row's questions: two of ``mednega`` (negated, affirmative), else one."""
    if config == "mednega":
        answer = LETTERS.index(row["answer"])
        mixed = tuple(_kind_of_labels(labels) for labels in row["choice_labels"])
        yield _ask(config, "negated", row, row["negated_choices"], mixed, answer)
        plain: tuple[Kind, ...] = ("positive",) * 4
        yield _ask(config, "affirmative", row, row["affirmative_choices"], plain, answer)
    elif config == "contextual_claims":
        kinds = tuple(_kind_of_negation(n) for n in row["claim_negations"])
        yield _ask(config, "negated", row, row["claims"], kinds, row["answer"])
    elif config == "probes":
        first: Kind = "negative" if row["negation_in"] == "correct" else "positive"
        other: Kind = "positive" if first == "negative" else "negative"
        yield _ask(config, "negated", row, (row["correct"], row["foil"]), (first, other), 0)
    elif config == "opposition":
        first = "negative" if row["polarity"] == "negative" else "positive"
        other = "positive" if first == "negative" else "negative"
        yield _ask(config, "negated", row, (row["prompt"], row["distractor_prompt"]), (first, other), 0)


def read_captions(config: str, row: Mapping[str, Any]) -> Iterator[Caption]:
    """Yield the texts that a row states of its image as true."""
    if config == "contextual_captions":
        negated = row["negation_type"] != "none"
        yield Caption(row["caption_id"], row["source"], row["image"], row["caption"], negated, config)
        return
    for q in read_questions(config, row):
        negated = q.wording == "negated" and q.kind != "positive"
        yield Caption(f"{q.key}-{q.wording}", q.source, q.image, q.truth, negated, config)


def _ask(
    config: str,
    wording: Wording,
    row: Mapping[str, Any],
    texts: Sequence[str],
    kinds: tuple[Kind, ...],
    answer: int,
) -> Question:
    key = row[KEYS[config]]
    group = row.get("group_id") or key
    return Question(
        *(config, key, wording, row["source"], row["image"], tuple(texts), kinds, answer, group),
        row.get("distractor_image"),
    )


def _kind_of_labels(labels: Sequence[int]) -> Kind:
    if len(set(labels)) > 1:
        return "hybrid"
    return "positive" if labels[0] == 1 else "negative"


def _kind_of_negation(negation: str) -> Kind:
    return "positive" if negation == "none" else "negative"
