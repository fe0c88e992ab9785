"""From chosen (study, triple, options, truth) to the rows of a MedNega design."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from nastdata.records import LETTERS

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
}
"""Columns of ``Design.frame``: the ``mednega`` config without its texts, and ``split``."""
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


def name_item(prefix: str, *parts: str) -> str:
    """Return a short id that depends on what it names only: equal content, equal id, in any build."""
    return f"{prefix}-{hashlib.blake2b(chr(31).join(parts).encode(), digest_size=8).hexdigest()}"


def place_options(
    truth: Sequence[int], others: Sequence[Sequence[int]], answer: int
) -> tuple[tuple[int, ...], ...]:
    """Return the options in shown order: the truth at ``answer``, the others in the order given."""
    shown = [tuple(o) for o in others]
    shown.insert(answer, tuple(truth))
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
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String())).with_columns(
        pl.concat_list(*TRIPLE_FIELDS).alias("conditions"),
        options.cast(ITEM_SCHEMA["choice_labels"]),
    )
    return frame.select(list(ITEM_SCHEMA))
