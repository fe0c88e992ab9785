"""What a row of each config is known by, what it says, and what is true in it: as polars expressions.

Ids of some configs only number the rows of a split, so that the same id means another study with another
seed. A row is therefore known by what it is about (study, image, finding); its id is one hint among others.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from nastdata.images.find import IMAGE_COLUMNS
from nastdata.records import COLUMN_ORDER, LETTERS

ABOUT: dict[str, tuple[str, ...]] = {
    "mednega": ("source", "study_id", "image_id", "conditions"),
    "contextual_claims": ("source", "study_id", "image_id", "condition", "set_kind"),
    "contextual_captions": ("source", "study_id", "image_id", "fact.condition"),
    "probes": ("source", "study_id", "image_id", "condition"),
    "opposition": ("source", "study_id", "image_id", "distractor_image_id", "condition"),
    "protocols": ("source", "study_id", "image_id", "protocol", "condition", "other_condition"),
}
"""Config -> what its rows are about: their key in a comparison."""
NAMES = ("item_id", "set_id", "caption_id", "pair_id", "group_id")
"""Columns that name rows; they say nothing of them."""


@dataclass(frozen=True)
class Sides:
    """Expressions of one config."""

    key: pl.Expr
    id: pl.Expr
    texts: pl.Expr
    """All texts, whatever their order."""
    right: pl.Expr
    """The text that is true of the image."""
    truth: pl.Expr
    """What is true, as recorded: facts, labels, polarity."""


def describe_columns(config: str, columns: list[str]) -> Sides:
    """Return the expressions of a config, for files with these columns (others may lack some)."""
    texts, right, truth = PARTS[config]
    return Sides(
        _join([_get(c, columns) for c in ABOUT[config]]),
        _get(COLUMN_ORDER[config][0], columns).cast(pl.String),
        _join([_sorted(c, columns) for c in texts]),
        _join([_pick(c, at, columns) for c, at in right]),
        _join([_pick(c, at, columns) for c, at in truth]),
    )


def list_content(config: str, columns: list[str]) -> list[str]:
    """Return the columns that make up a row's content: all but names of rows and images."""
    return [c for c in columns if c in COLUMN_ORDER[config] and c not in NAMES and c not in IMAGE_COLUMNS]


Pick = tuple[str, str | None]
"""A column, and the column that says which of its values (None: the whole value)."""
PARTS: dict[str, tuple[tuple[str, ...], tuple[Pick, ...], tuple[Pick, ...]]] = {
    "mednega": (
        ("question", "negated_choices", "affirmative_choices"),
        (("negated_choices", "answer"), ("affirmative_choices", "answer")),
        (("conditions", None), ("choice_labels", "answer")),
    ),
    "contextual_claims": (
        ("claims",),
        (("claims", "answer"),),
        (("claim_facts", "answer"), ("claim_negations", "answer")),
    ),
    "contextual_captions": (
        ("caption",),
        (("caption", None),),
        (("fact", None), ("negation_type", None), ("polarity", None)),
    ),
    "probes": (("correct+foil",), (("correct", None),), (("condition", None), ("negation_in", None))),
    "opposition": (
        ("prompt+distractor_prompt",),
        (("prompt", None),),
        (("condition", None), ("polarity", None)),
    ),
    "protocols": (
        ("question", "choices"),
        (("question", None), ("choices", "answer")),
        (("choice_facts", "answer"),),
    ),
}
"""Config -> texts (joined by + where they may change places), the right text, the truth."""
LISTS = ("claims", "choices", "negated_choices", "affirmative_choices")


def _get(name: str, columns: list[str]) -> pl.Expr:
    first, _, inner = name.partition(".")
    if first not in columns:
        return pl.lit(None, pl.String)
    return pl.col(first).struct.field(inner) if inner else pl.col(first)


def _sorted(name: str, columns: list[str]) -> pl.Expr:
    """Return a column's texts; those of a list, or of several columns, in the order of the alphabet."""
    names = name.split("+")
    if not set(names) <= set(columns):
        return pl.lit(None, pl.String)
    if len(names) > 1:
        return pl.concat_list(names).list.sort()
    return pl.col(name).list.sort() if name in LISTS else pl.col(name)


def _pick(name: str, at: str | None, columns: list[str]) -> pl.Expr:
    if name not in columns or (at is not None and at not in columns):
        return pl.lit(None, pl.String)
    if at is None:
        return pl.col(name)
    index = pl.col(at)
    if name in ("negated_choices", "affirmative_choices", "choice_labels"):
        index = index.replace_strict(LETTERS, range(4), default=None, return_dtype=pl.Int64)
    return pl.col(name).list.get(index, null_on_oob=True)


def _join(parts: list[pl.Expr]) -> pl.Expr:
    """Return one value that differs where any part differs, nulls included."""
    return pl.struct(*(p.alias(f"_{i}") for i, p in enumerate(parts)))
