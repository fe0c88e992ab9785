"""Conditions that cannot be tested, and kinds that the sources lack, are said."""

from __future__ import annotations

import polars as pl

from nastdata.assemble.emptiness import count_tested, tell_unfilled, tell_untested


def make(counts: dict[str, int]) -> pl.DataFrame:
    rows = [("test", "s", f"{c}{i % n}", c) for c, n in counts.items() for i in range(2 * n)]
    rows += [("train", "s", "t", "Fracture")]
    return pl.DataFrame(rows, schema=["split", "source", "study_id", "condition"], orient="row")


def test_conditions_with_too_few_test_studies_are_named() -> None:
    tested = count_tested(
        {"contextual_claims": make({"Edema": 120, "Pneumonia": 40}), "probes": make({"Edema": 1})}
    )
    assert tested == {"contextual_claims": {"Edema": 120, "Fracture": 0, "Pneumonia": 40}}
    (line,) = tell_untested(tested)
    assert "Fracture (0), Pneumonia (40)" in line and "Edema" not in line
    assert tell_untested({"contextual_claims": {"Edema": 100}}) == []
    assert "no condition has 100 (most: 3)" in tell_untested({"contextual_claims": {"Edema": 3}})[0]


def test_kinds_below_their_share_are_named() -> None:
    shares = {
        "mix": {"existence": 0.4, "location": 0.35},
        "share_by_kind": {"existence": 0.1, "location": 0.34},
    }
    (line,) = tell_unfilled({"contextual_claims": {"shares": shares}, "probes": {}})
    assert "existence 10% (aimed at 40%)" in line and "location" not in line
    assert tell_unfilled({"contextual_claims": {"shares": {}}}) == []
