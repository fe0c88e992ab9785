"""Multiple-choice questions as flat arrays: what the blind solvers see, and nothing of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nastdata.seeded import draw_int

CONTEXT, RECURRENCE = "#context ", "#recurrence "
"""Columns of a frame that ``audit.context`` adds start with these."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class TextColumn:
    """One text per option row, stored once per distinct text."""

    distinct: pl.Series
    """Sorted distinct texts."""
    codes: Ints
    """(rows,) index into ``distinct``."""


@dataclass(frozen=True)
class ChoiceSet:
    """Questions with their options laid out one row an option.

    Items stand in the order of their ids, so that nothing depends on the order of the frame.
    """

    ids: list[str]
    start: Ints
    """(items + 1,) first row of each item."""
    right: Ints
    """(items,) row of the right option."""
    groups: list[str]
    """(items,) what shares texts."""
    patients: list[str]
    """(items,) source and patient."""
    texts: dict[str, TextColumn]
    """View (negated, affirmative, claim) -> texts."""
    attributes: Ints
    """(rows, attributes) what the options state, as codes; MedNega: three conditions, three labels; claims:
    condition, existence, location, severity, negation type."""
    around: dict[str, tuple[Ints, ...]] = field(default_factory=dict)
    """What stands around the questions ("source", "row order" ...) -> (items,) codes, one array a column."""
    recurrence: Floats | None = None
    """(rows, ways) how often what an option says occurs in other questions about its study or patient."""

    @property
    def sizes(self) -> Ints:
        """(items,) number of options."""
        return np.diff(self.start)

    @property
    def item_of(self) -> Ints:
        """(rows,) item that an option row belongs to."""
        return np.repeat(np.arange(len(self.ids)), self.sizes)

    @property
    def position(self) -> Ints:
        """(rows,) place of the option within its item, from 0."""
        return np.arange(self.start[-1]) - self.start[:-1][self.item_of]

    @property
    def is_right(self) -> Bools:
        """(rows,) whether the option is the right one."""
        out = np.zeros(int(self.start[-1]), dtype=bool)
        out[self.right] = True
        return out

    @property
    def chance(self) -> Floats:
        """(items,) accuracy of a guess."""
        return 1.0 / self.sizes


def read_mednega(frame: pl.DataFrame) -> ChoiceSet:
    """Lay out a ``mednega`` frame; every item has four options of three conditions."""
    frame = frame.sort("item_id")
    n = len(frame)
    names = rank_strings(frame["conditions"].explode())[1].reshape(n, 3)
    labels = np.array(frame["choice_labels"].to_list(), dtype=np.int64).reshape(n * 4, 3)
    answer = frame["answer"].replace_strict({"A": 0, "B": 1, "C": 2, "D": 3}, return_dtype=pl.Int64)
    return ChoiceSet(
        ids=frame["item_id"].to_list(),
        start=np.arange(n + 1, dtype=np.int64) * 4,
        right=np.arange(n, dtype=np.int64) * 4 + answer.to_numpy(),
        groups=frame["group_id"].to_list(),
        patients=name_patients(frame),
        texts={view: _read_texts(frame[f"{view}_choices"].explode()) for view in ("negated", "affirmative")},
        attributes=np.hstack([np.repeat(names, 4, axis=0), labels]),
        **read_context(frame),
    )


def read_claims(frame: pl.DataFrame) -> ChoiceSet:
    """Lay out a ``contextual_claims`` frame; sets have any number of claims."""
    frame = frame.sort("set_id")
    start = np.concatenate([[0], np.cumsum(frame["claims"].list.len().to_numpy())]).astype(np.int64)
    facts = frame["claim_facts"].explode().struct.unnest().cast(pl.String)
    columns = [
        facts["condition"],
        facts["existence"],
        facts["location"],
        facts["severity"],
        frame["claim_negations"].explode().cast(pl.String),
    ]
    return ChoiceSet(
        ids=frame["set_id"].to_list(),
        start=start,
        right=start[:-1] + frame["answer"].to_numpy().astype(np.int64),
        groups=frame["group_id"].to_list(),
        patients=name_patients(frame),
        texts={"claim": _read_texts(frame["claims"].explode())},
        attributes=np.stack([rank_strings(c.fill_null(""))[1] for c in columns], axis=1),
        **read_context(frame),
    )


def read_protocols(frame: pl.DataFrame) -> ChoiceSet:
    """Lay out a ``protocols`` frame; a solver reads each option together with its question.

    Attributes: the option's condition and existence, the other finding of the row, its polarity, its
    question; and whether the set holds both "X" and "No X" of the option's finding, which tells the
    unpaired design.
    """
    frame = frame.sort("item_id")
    start = np.concatenate([[0], np.cumsum(frame["choices"].list.len().to_numpy())]).astype(np.int64)
    rows = frame.select("question", "choices", "choice_facts", "polarity", "other_condition").explode(
        "choices", "choice_facts"
    )
    facts = rows["choice_facts"].struct.unnest()
    item = np.repeat(np.arange(len(frame)), np.diff(start))
    condition = rank_strings(facts["condition"])[1]
    times = pl.DataFrame({"item": item, "condition": condition}).select(
        pl.len().over("item", "condition").alias("times")
    )
    return ChoiceSet(
        ids=frame["item_id"].to_list(),
        start=start,
        right=start[:-1] + frame["answer"].to_numpy().astype(np.int64),
        groups=frame["group_id"].to_list(),
        patients=name_patients(frame),
        texts={"option": _read_texts(rows["question"] + " " + rows["choices"])},
        attributes=np.stack(
            [
                condition,
                rank_strings(facts["existence"])[1],
                times["times"].to_numpy().astype(np.int64),
                rank_strings(rows["polarity"])[1],
                rank_strings(rows["question"])[1],
            ],
            axis=1,
        ),
        **read_context(frame),
    )


def read_pairs(frame: pl.DataFrame) -> ChoiceSet:
    """Lay out ``probes`` or ``opposition`` as questions: which of two texts is true of the image.

    The two are in the order of a hash of the row's id. Attributes: condition, existence. Rows of one
    condition and
    source that say the opposite are taken for a group, two by two: what is held out is as even as the whole.
    """
    direction = "negation_in" if "foil" in frame.columns else "polarity"
    cell = [c for c in ("split", "source", "condition", "style") if c in frame.columns]
    frame = frame.sort("pair_id").with_columns(
        pl.struct(cell).rank("dense").alias("#cell"),
        pl.int_range(pl.len()).over(*cell, direction).alias("#turn"),
    )
    if "foil" in frame.columns:
        right, wrong = frame["correct"], frame["foil"]
        affirms = (frame["negation_in"] == "foil").to_numpy()
    else:
        right, wrong = frame["prompt"], frame["distractor_prompt"]
        affirms = (frame["polarity"] == "positive").to_numpy()
    first = np.array([draw_int(0, "pair", i) % 2 == 0 for i in frame["pair_id"]])
    texts = pl.DataFrame(
        {"a": right.zip_with(pl.Series(first), wrong), "b": wrong.zip_with(pl.Series(first), right)}
    )
    said = np.stack([affirms == first, affirms != first], axis=1).astype(np.int64).ravel()
    condition = np.repeat(rank_strings(frame["condition"])[1], 2)
    n = len(frame)
    return ChoiceSet(
        ids=frame["pair_id"].to_list(),
        start=np.arange(n + 1, dtype=np.int64) * 2,
        right=np.arange(n, dtype=np.int64) * 2 + ~first,
        groups=frame.select(pl.concat_str("#cell", "#turn", separator="/"))["#cell"].to_list(),
        patients=name_patients(frame),
        texts={"text": _read_texts(texts.select(pl.concat_list("a", "b").alias("t"))["t"].explode())},
        attributes=np.stack([condition, said], axis=1),
        **read_context(frame),
    )


def read_context(frame: pl.DataFrame) -> dict[str, Any]:
    """Return the codes and counts that ``context`` added to a frame."""
    around: dict[str, list[Ints]] = {}
    for column in frame.columns:
        if column.startswith(CONTEXT):
            name = column.removeprefix(CONTEXT).partition(":")[0]
            around.setdefault(name, []).append(rank_codes(frame[column]))
    ways = [c for c in frame.columns if c.startswith(RECURRENCE)]
    counts = [frame[c].explode().to_numpy().astype(np.float64) for c in ways]
    return {
        "around": {name: tuple(codes) for name, codes in around.items()},
        "recurrence": np.stack(counts, axis=1) if counts else None,
    }


def rank_codes(values: pl.Series) -> Ints:
    """Return each value's index among the distinct values."""
    return values.rank("dense").to_numpy().astype(np.int64) - 1


def name_patients(frame: pl.DataFrame) -> list[str]:
    """Return the patient of each row, told apart between sources."""
    return frame.select(pl.concat_str("source", "patient_id", separator="/"))["source"].to_list()


def sample_groups(frame: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """Return whole groups, in the order of a hash, until ``most`` rows are reached."""
    if len(frame) <= most:
        return frame
    group = "group_id" if "group_id" in frame.columns else "pair_id"
    sizes = frame.group_by(group).agg(pl.len().alias("rows")).sort(group)
    draws = pl.Series([draw_int(seed, "audit sample", g) for g in sizes[group]], dtype=pl.UInt64)
    sizes = sizes.with_columns(draws.alias("draw")).sort("draw", group)
    before = sizes["rows"].cum_sum() - sizes["rows"]
    kept = sizes.filter(before < most)
    return frame.join(kept.select(group), on=group, how="semi")


def rank_strings(values: pl.Series | Sequence[str]) -> tuple[pl.Series, Ints]:
    """Return the sorted distinct strings and each value's index among them."""
    series = values if isinstance(values, pl.Series) else pl.Series(list(values), dtype=pl.String)
    series = series.cast(pl.String)
    codes = series.rank("dense").to_numpy().astype(np.int64) - 1
    return series.unique().sort(), codes


def _read_texts(values: pl.Series) -> TextColumn:
    return TextColumn(*rank_strings(values))
