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
from nastdata.records import KIN, LATERAL, PAIR, SPLITS
from nastdata.seeded import draw_codes

KEYS = ("source", "patient_id", "study_id")
CARRIED = (*KEYS, "image_id", "image", "split")
PARTS = ("condition", "existence", "location", "severity")
IMPLIED = "implied"
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
    doubtful: int
    """(study, condition) pairs of which nothing is usable, since a doubt stands beside what is said."""

    def take(self, rows: Ints) -> StudyTable:
        """Return some of the studies, with the same states."""
        return replace(
            self,
            studies=self.studies[rows],
            state=self.state[rows],
            split=self.split[rows],
            draw=self.draw[rows],
        )


def tabulate_studies(facts: pl.DataFrame, logic: Logic, seed: int, *, hard: bool = False) -> StudyTable:
    """Collect facts by study and give each (study, condition) the number of its state.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``; rows in any order, duplicates allowed.
        logic: of the ontology.
        seed: of the recipe.
        hard: whether lobes of one lung count as told apart on a single frontal image.
    """
    ontology = logic.ontology
    carried = pl.col("image_id", "image", "split", "view").sort().first()
    studies = facts.group_by(KEYS).agg(carried).sort(KEYS)
    kinds, kept = _collect_kinds(facts, studies, logic)
    numbers = np.full((len(studies), len(ontology.order)), -1, np.int32)
    all_states: list[tuple[ConditionState, ...]] = []
    contradictory = doubtful = 0
    for i, condition in enumerate(ontology.order):
        here = kept.filter(pl.col("condition") == condition)
        found: dict[tuple[str, str | None], ConditionState] = {}
        for key, view in here.select("kinds", "view").unique().iter_rows():
            said = [kinds[int(k)] for k in key.split(",")]
            found[key, view] = logic.read_condition(
                condition,
                [(e, p, g) for e, p, g in said if e not in (IMPLIED, KIN)],
                [p for e, p, _ in said if e == IMPLIED],
                [p for e, p, _ in said if e == KIN],
                PAIR if hard and view != LATERAL else view,
            )
        lost = {"contradictory", "doubtful"}
        usable = sorted({s for s in found.values() if s.existence not in lost}, key=repr)
        number = {s: n for n, s in enumerate(usable)}
        mapping = {key: number.get(s, -1) for key, s in found.items()}
        keys = list(here.select("kinds", "view").iter_rows())
        values = np.array([mapping[k] for k in keys], np.int32)
        doubtful += sum(found[k].existence == "doubtful" for k in keys)
        contradictory += sum(found[k].existence == "contradictory" for k in keys)
        numbers[here["study"].to_numpy(), i] = values
        all_states.append(tuple(usable))
    split = np.array([SPLITS.index(s) for s in studies["split"]], np.int32)
    draw = draw_codes(seed, "study", zip(*(studies[k].to_list() for k in KEYS), strict=True))
    states = tuple(all_states)
    return StudyTable(
        *(studies.select(CARRIED), tuple(ontology.order), states, numbers, split, draw),
        contradictory,
        doubtful,
    )


def _collect_kinds(
    facts: pl.DataFrame, studies: pl.DataFrame, logic: Logic
) -> tuple[list[tuple[str, str | None, str | None]], pl.DataFrame]:
    """Number the distinct facts, and list those of each (study, condition).

    Denials with a qualifier deny less than any statement does, and are passed over.

    Returns:
        (existence, "implied" or "kin"; location; severity) by number; a frame of study, condition, kinds
        ("3,17") and view.
    """
    numbered = studies.select(*KEYS, "view").with_row_index("study")
    rows = facts.select(*KEYS, *PARTS, "qualifier").unique().join(numbered.drop("view"), on=KEYS)
    near = (pl.col("existence") == "uncertain") & (pl.col("qualifier") == KIN).fill_null(False)
    rows = rows.filter((pl.col("existence") != "absent") | pl.col("qualifier").is_null()).select(
        "study", "condition", pl.when(near).then(pl.lit(KIN)).otherwise("existence").alias("existence"),
        "location", "severity",
    )  # fmt: skip
    relatives = [(c, a, "up") for c in logic.ontology.order for a in sorted(logic.ontology.ancestors[c])]
    relatives += [(c, d, "down") for c in logic.ontology.order for d in logic.below[c]]
    names = ("condition", "relative", "way")
    hierarchy = pl.DataFrame(relatives, schema=dict.fromkeys(names, pl.String), orient="row")
    up, there = pl.col("way") == "up", pl.col("existence") == "present"
    passed_on = (
        rows.filter(pl.col("existence").is_in(["present", "uncertain"]))
        .join(hierarchy, on="condition")
        .select(
            "study",
            pl.col("relative").alias("condition"),
            pl.when(~up).then(pl.lit(KIN)).when(there).then(pl.lit(IMPLIED)).otherwise("existence")
            .alias("existence"),
            "location",
            pl.lit(None, pl.String).alias("severity"),
        )
        .unique()
    )  # fmt: skip
    rows = pl.concat([rows, passed_on])
    # what is only near to a finding matters where the finding itself is on record
    spoken = (
        rows.filter(pl.col("existence").is_in(["present", "absent"])).select("study", "condition").unique()
    )
    rows = pl.concat(
        [
            rows.filter(pl.col("existence") == IMPLIED),
            rows.filter(pl.col("existence") != IMPLIED).join(spoken, on=["study", "condition"], how="semi"),
        ]
    )
    kinds = rows.select(PARTS).unique().sort(PARTS).with_row_index("kind")
    kept = (
        rows.join(kinds, on=PARTS, nulls_equal=True)
        .sort("study", "kind")
        .group_by("study", "condition")
        .agg(pl.col("kind").cast(pl.String).str.join(",").alias("kinds"))
        .sort("study", "condition")
        .join(numbered.select("study", "view"), on="study", how="left", maintain_order="left")
    )
    return [row[2:] for row in kinds.iter_rows()], kept
