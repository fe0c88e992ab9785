"""From chosen (study, triple, options, truth) to the rows of a MedNega design."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from nastdata.recipe import MednegaRecipe
from nastdata.records import LETTERS
from nastdata.seeded import draw_int

T = TypeVar("T")

ITEM_SCHEMA: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "source": pl.String(),
    "patient_id": pl.String(),
    "study_id": pl.String(),
    "image_id": pl.String(),
    "image": pl.String(),
    "split": pl.String(),
    "design": pl.String(),
    "group_id": pl.String(),
    "conditions": pl.List(pl.String()),
    "choice_labels": pl.List(pl.List(pl.Int64())),
    "answer": pl.String(),
    "choice_phrases": pl.List(pl.List(pl.Int64())),
}
"""Columns of ``Design.frame``: the ``mednega`` config without texts, ``split``, and the phrases to use."""
ITEM_WORDINGS = 2**31
"""With ``per_item``: so many that no two items share one."""
STUDY_FIELDS = ("source", "patient_id", "study_id", "image_id", "image", "split")
TRIPLE_FIELDS = ("first", "second", "third")
SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True, slots=True)
class Item:
    """One question before it is worded; ``study`` is (source, patient, study, image id, image, split)."""

    item_id: str
    group_id: str
    study: tuple[str, str, str, str, str | None, str]
    conditions: tuple[str, ...]
    options: tuple[tuple[int, ...], ...]
    """Four label vectors in the order in which they are shown."""
    answer: int
    phrases: tuple[tuple[int, ...], ...] = ((0, 0, 0),) * 4
    """For each option and condition, which affirmative phrase stands for its absence (see ``records``)."""
    strict: bool | None = None
    """Whether all that the right option denies is known to be absent; None if the design doesn't ask."""


def draw_wording(recipe: MednegaRecipe, group_id: str) -> int:
    """Return which wording of its three conditions a group takes; what shares a group shares it."""
    wordings = ITEM_WORDINGS if recipe.writer.per_item else recipe.writer.wordings
    return draw_int(recipe.seed, "wording", group_id) % wordings


def name_item(prefix: str, *parts: str) -> str:
    """Return a short id that depends on what it names only: equal content, equal id, in any build."""
    return f"{prefix}-{hashlib.blake2b(chr(31).join(parts).encode(), digest_size=8).hexdigest()}"


def place_options(truth: T, others: Sequence[T], answer: int) -> tuple[T, ...]:
    """Return the options in shown order: the truth at ``answer``, the others in the order given."""
    shown = list(others)
    shown.insert(answer, truth)
    return tuple(shown)


def make_frame(items: Iterable[Item], design: str) -> pl.DataFrame:
    """Lay out items (at least one), sorted by split, group and item."""
    ordered = sorted(items, key=lambda i: (SPLIT_ORDER[i.study[5]], i.group_id, i.item_id))
    studies = [list(c) for c in zip(*(i.study for i in ordered), strict=True)]
    triples = [list(c) for c in zip(*(i.conditions for i in ordered), strict=True)]
    columns = {
        **dict(zip(STUDY_FIELDS, studies, strict=True)),
        **dict(zip(TRIPLE_FIELDS, triples, strict=True)),
        "item_id": [i.item_id for i in ordered],
        "design": [design] * len(ordered),
        "group_id": [i.group_id for i in ordered],
        "answer": [LETTERS[i.answer] for i in ordered],
    }
    options = pl.Series("choice_labels", np.array([i.options for i in ordered], dtype=np.int64))
    phrases = pl.Series("choice_phrases", np.array([i.phrases for i in ordered], dtype=np.int64))
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String())).with_columns(
        pl.concat_list(*TRIPLE_FIELDS).alias("conditions"),
        options.cast(ITEM_SCHEMA["choice_labels"]),
        phrases.cast(ITEM_SCHEMA["choice_phrases"]),
    )
    return frame.select(list(ITEM_SCHEMA))
