"""A limit draws no more patients than its rows need, by hash, and says so."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.design.base import Design
from nastdata.design.drawing import LEAST_STUDIES, design_enough
from nastdata.errors import NothingMadeError
from nastdata.frames import REJECTS_SCHEMA

KEYS = ("source", "patient_id", "study_id")


def make_studies(patients: int, each: int = 2) -> pl.DataFrame:
    rows = [("a" if p % 3 else "b", f"p{p}", f"s{s}") for p in range(patients) for s in range(each)]
    return pl.DataFrame(rows, schema=dict.fromkeys(KEYS, pl.String), orient="row")


def design_with(share: float, seen: list[pl.DataFrame]) -> Callable[[pl.DataFrame], Design]:
    """A design that makes so many rows of each study, and notes what it was given."""

    def design(part: pl.DataFrame) -> Design:
        seen.append(part)
        rows = int(len(part) * share)
        if not rows:
            raise NothingMadeError("none")
        return Design(part.head(rows), pl.DataFrame(schema=REJECTS_SCHEMA), {"given": len(part)})

    return design


def test_without_a_limit_all_are_looked_at() -> None:
    seen: list[pl.DataFrame] = []
    made = design_enough(design_with(1.0, seen), make_studies(3000), seed=0, limit=None, per_row=10)
    assert len(seen) == 1 and len(seen[0]) == 6000 and "patients" not in made.report


def test_a_small_limit_looks_at_few_patients_with_all_their_studies() -> None:
    studies, seen = make_studies(3000), list[pl.DataFrame]()
    made = design_enough(design_with(0.2, seen), studies, seed=0, limit=150, per_row=10)
    (part,) = seen
    assert 1500 <= len(part) <= 1502
    assert part.group_by("source", "patient_id").len()["len"].unique().to_list() == [2]
    assert made.report["patients"] == {"drawn": len(part) // 2, "of": 3000}


def test_too_few_rows_ask_for_more_patients_and_at_last_for_all() -> None:
    studies, seen = make_studies(6000), list[pl.DataFrame]()
    made = design_enough(design_with(0.03, seen), studies, seed=0, limit=100, per_row=10)
    assert [len(s) for s in seen] == [1000, 4000] and len(made.frame) == 120
    seen.clear()
    made = design_enough(design_with(0.004, seen), studies, seed=0, limit=100, per_row=10)
    assert [len(s) for s in seen] == [1000, 4000, 12000] and "patients" not in made.report
    assert set(seen[0].rows()) < set(seen[1].rows()) < set(seen[2].rows())


def test_what_makes_nothing_of_a_part_is_tried_with_more() -> None:
    seen: list[pl.DataFrame] = []
    made = design_enough(design_with(0.0005, seen), make_studies(6000), seed=0, limit=1, per_row=10)
    assert [len(s) for s in seen] == [LEAST_STUDIES, 4000] and len(made.frame) == 2
    with pytest.raises(NothingMadeError):
        design_enough(design_with(0.00001, []), make_studies(6000), seed=0, limit=1, per_row=10)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.integers(0, 99))
def test_the_patients_depend_on_seed_and_ids_alone(seed: int, lots: int) -> None:
    studies = make_studies(1500)
    drawn = []
    for frame in (studies, studies.sample(fraction=1.0, shuffle=True, seed=lots)):
        seen: list[pl.DataFrame] = []
        design_enough(design_with(1.0, seen), frame, seed=seed, limit=20, per_row=10)
        drawn.append(set(seen[0].rows()))
    assert drawn[0] == drawn[1] and len(drawn[0]) == LEAST_STUDIES
