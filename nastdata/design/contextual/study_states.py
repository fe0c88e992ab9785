"""From a fact frame to studies and the few distinct states that they are in.

Hundreds of thousands of studies have some thousands of distinct condition states; all judging is done on
these, and studies are counted and picked by number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.contextual.states import ConditionState, Logic
from nastdata.records import SPLITS
from nastdata.seeded import draw_codes

KEYS = ("source", "patient_id", "study_id")
CARRIED = (*KEYS, "image_id", "image", "split")
PARTS = ("condition", "existence", "location", "severity")
Ints = np.ndarray[Any, np.dtype[np.int32]]
Codes = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class StudyTable:
    """Studies and their states, by number."""

    studies: pl.DataFrame
    """One row a study, sorted by its keys: source, patient_id, study_id, image_id, image, split."""
    conditions: tuple[str, ...]
    """In ontology order."""
    states: tuple[tuple[ConditionState, ...], ...]
    """Distinct known states of each condition, sorted."""
    state: Ints
    """Study x condition: number of its state, -1 where nothing is known."""
    split: Ints
    """Of each study, as a number in ``records.SPLITS``."""
    draw: Codes
    """One hashed draw a study, to be mixed with a purpose's own."""
    contradictory: int
    """(study, condition) pairs whose facts contradict one another, and are therefore unknown."""

    def take(self, rows: Ints) -> StudyTable:
        """Return some of the studies, with the same states."""
        return replace(
            self,
            studies=self.studies[rows],
            state=self.state[rows],
            split=self.split[rows],
            draw=self.draw[rows],
        )


def tabulate_studies(facts: pl.DataFrame, logic: Logic, seed: int) -> StudyTable:
    """Collect facts by study and give each (study, condition) the number of its state.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``; rows in any order, duplicates allowed.
        logic: of the ontology.
        seed: of the recipe.
    """
    ontology = logic.ontology
    studies = facts.group_by(KEYS).agg(pl.col("image_id", "image", "split").sort().first()).sort(KEYS)
    kinds, kept = _collect_kinds(facts, studies, logic)
    numbers = np.full((len(studies), len(ontology.order)), -1, np.int32)
    all_states: list[tuple[ConditionState, ...]] = []
    contradictory = 0
    for i, condition in enumerate(ontology.order):
        here = kept.filter(pl.col("condition") == condition)
        found: dict[str, ConditionState] = {}
        for key in here["kinds"].unique():
            said = [kinds[int(k)] for k in key.split(",")]
            found[key] = logic.read_condition(
                condition,
                [(e, p, g) for e, p, g in said if e != "implied"],
                [p for e, p, g in said if e == "implied"],
            )
        usable = sorted({s for s in found.values() if s.existence != "contradictory"}, key=repr)
        number = {s: n for n, s in enumerate(usable)}
        mapping = {key: number.get(s, -1) for key, s in found.items()}
        values = np.array([mapping[k] for k in here["kinds"]], np.int32)
        contradictory += int((values < 0).sum())
        numbers[here["study"].to_numpy(), i] = values
        all_states.append(tuple(usable))
    split = np.array([SPLITS.index(s) for s in studies["split"]], np.int32)
    draw = draw_codes(seed, "study", zip(*(studies[k].to_list() for k in KEYS), strict=True))
    states = tuple(all_states)
    return StudyTable(
        studies.select(CARRIED), tuple(ontology.order), states, numbers, split, draw, contradictory
    )


def _collect_kinds(
    facts: pl.DataFrame, studies: pl.DataFrame, logic: Logic
) -> tuple[list[tuple[str, str | None, str | None]], pl.DataFrame]:
    """Number the distinct facts, and list those of each (study, condition).

    Returns:
        (existence or "implied", location, severity) by number; a frame study, condition, kinds ("3,17").
    """
    rows = facts.select(*KEYS, *PARTS).unique().join(studies.select(KEYS).with_row_index("study"), on=KEYS)
    rows = rows.select("study", *PARTS)
    above = [(c, a) for c in logic.ontology.order for a in sorted(logic.ontology.ancestors[c])]
    hierarchy = pl.DataFrame(above, schema={"condition": pl.String, "above": pl.String}, orient="row")
    implied = (
        rows.filter(pl.col("existence") == "present")
        .join(hierarchy, on="condition")
        .select(
            "study",
            pl.col("above").alias("condition"),
            pl.lit("implied").alias("existence"),
            "location",
            pl.lit(None, pl.String).alias("severity"),
        )
        .unique()
    )
    rows = pl.concat([rows, implied])
    kinds = rows.select(PARTS).unique().sort(PARTS).with_row_index("kind")
    kept = (
        rows.join(kinds, on=PARTS, nulls_equal=True)
        .sort("study", "kind")
        .group_by("study", "condition")
        .agg(pl.col("kind").cast(pl.String).str.join(",").alias("kinds"))
        .sort("study", "condition")
    )
    return [row[2:] for row in kinds.iter_rows()], kept
