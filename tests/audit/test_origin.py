"""Ids, order, origin, length and recurrence: what gives an answer away is found, one leak at a time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import audit_items as made
import numpy as np
import polars as pl
import pytest

from nastdata.audit.context import add_context, add_recurrence
from nastdata.audit.run import AuditReport, audit_frames
from nastdata.audit.trials import is_decided
from nastdata.ontology import Ontology
from nastdata.recipe import AuditSettings

OLD = Path(__file__).parents[1] / "data" / "claims_in_old_order.parquet"
"""Claim sets of the phantom source as revision 90ef0d0 built them (limit 3000, 1,500 patients), no images:
ids with the claim's number, rows in the order of the claims, many sets a study."""


def audit_claims(frame: pl.DataFrame, ontology: Ontology) -> AuditReport:
    settings = AuditSettings(folds=3)
    return audit_frames(
        {"contextual_claims": frame}, settings, 0, ontology, promises={"contextual_claims": True}
    )


def condemns(report: AuditReport) -> set[str]:
    """Names of the solvers above the limit, over all sets."""
    return {s.name for s in report.solvers if s.above_chance and s.accuracy > s.chance + 0.02}


@pytest.fixture(scope="module")
def clean() -> pl.DataFrame:
    return made.make_claims(240, lambda family, rng: family)


def shuffle_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sample(fraction=1.0, shuffle=True, seed=1)


def rename(frame: pl.DataFrame, give: Any) -> pl.DataFrame:
    """Give a column values that depend on the whole row."""
    return pl.DataFrame([{**r, **give(r)} for r in frame.to_dicts()], schema=frame.schema)


def true_claim(row: dict[str, Any]) -> dict[str, Any]:
    return dict(row["claim_facts"][row["answer"]])


def test_yesterdays_claim_sets_are_condemned(ontology: Ontology) -> None:
    report = audit_claims(pl.read_parquet(OLD).with_columns(pl.lit(None, pl.String).alias("image")), ontology)
    assert not report.verdict["passed"]
    assert {"ids", "row order", "recurs most", "recurrence"} <= condemns(report)
    assert not {"facts", "n-grams", "memory", "structure"} & condemns(report), "their texts told nothing"


def test_clean_sets_are_not_condemned_by_any_solver(clean: pl.DataFrame, ontology: Ontology) -> None:
    report = audit_claims(clean, ontology)
    assert condemns(report) == set()
    assert {"ids", "row order", "length", "tf-idf + boosting", "study number"} <= {
        s.name for s in report.solvers
    }


def test_an_id_with_a_telling_suffix_is_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    told = rename(
        clean, lambda r: {"set_id": f"{r['set_id']}-{0 if true_claim(r)['existence'] == 'absent' else 1}"}
    )
    assert condemns(audit_claims(told, ontology)) == {"ids"}


def test_an_order_of_ids_that_goes_with_the_truth_is_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    told = rename(
        clean, lambda r: {"set_id": ("5" if true_claim(r)["existence"] == "absent" else "c") + r["set_id"]}
    )
    assert condemns(audit_claims(told, ontology)) == {"ids"}


def test_study_numbers_that_go_with_the_truth_are_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    told = rename(
        clean,
        lambda r: {"study_id": f"{r['study_id']}/study{1 if true_claim(r)['existence'] == 'absent' else 4}"},
    )
    assert condemns(audit_claims(told, ontology)) == {"study number"}


def test_rows_in_the_order_of_their_truth_are_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    ordered = clean.sort(
        "group_id", pl.col("claim_facts").list.get(pl.col("answer")).struct.field("existence")
    )
    assert condemns(audit_claims(ordered, ontology)) == {"row order"}
    assert condemns(audit_claims(shuffle_rows(ordered), ontology)) == set()


def test_a_source_that_goes_with_the_truth_is_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    def choose(r: dict[str, Any]) -> dict[str, Any]:
        absent = true_claim(r)["existence"] == "absent"
        return {"source": "made" if absent == (random.Random(r["set_id"]).random() < 0.85) else "other"}

    assert condemns(audit_claims(rename(clean, choose), ontology)) == {"source"}


def test_splits_of_which_each_has_its_own_truths_are_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    told = rename(
        clean, lambda r: {"split": "train" if true_claim(r)["existence"] == "absent" else "validation"}
    )
    assert "split" in condemns(audit_claims(told, ontology))


def test_a_longer_truth_is_found(clean: pl.DataFrame, ontology: Ontology) -> None:
    def lengthen(r: dict[str, Any]) -> dict[str, Any]:
        # neither always the longest nor the shortest: the second longest
        order = sorted(range(len(r["claims"])), key=lambda i: (i != r["answer"], random.Random(i).random()))
        rank = dict(zip(order, (1, 0, 2, 3, 4), strict=True))
        return {"claims": [c.ljust(90 - 6 * rank[i], ".") for i, c in enumerate(r["claims"])]}

    assert "length" in condemns(audit_claims(rename(clean, lengthen), ontology))


def test_a_fact_that_recurs_over_a_study_is_found(ontology: Ontology) -> None:
    def make(recurring: bool) -> pl.DataFrame:
        rng = random.Random(5)
        rows = []
        for s in range(400):
            name = rng.choice(made.NAMES)
            truth: made.Claim = (name, "present", "own place", None)
            for i in range(3):
                shown = truth if recurring else (name, "present", f"place {rng.randrange(40)}", None)
                others: list[made.Claim] = [
                    (name, "present", f"place {n}", None) for n in rng.sample(range(40, 80), 4)
                ]
                key = made.name_key(s, i)
                row = made.make_claim_set(key, key, [shown, *others], shown)
                rows.append({**row, "study_id": f"s{s}", "patient_id": f"p{s}"})
        return made.frame_sets(rows)

    found = condemns(audit_claims(make(True), ontology))
    assert {"recurs most", "recurrence"} <= found
    assert not {"recurs most"} & condemns(audit_claims(make(False), ontology))


def test_recurrence_counts_the_other_sets_only() -> None:
    a: made.Claim = ("Edema", "present", "left", None)
    b: made.Claim = ("Edema", "absent", None, None)
    c: made.Claim = ("Fracture", "absent", None, None)
    rows = [made.make_claim_set(k, k, f, f[0]) for k, f in (("x", [a, b]), ("y", [a, c]), ("z", [b, c]))]
    frame = made.frame_sets(
        [{**r, "patient_id": "p", "study_id": s} for r, s in zip(rows, "sst", strict=True)]
    )
    counted = add_recurrence(frame, frame, "contextual_claims")
    said = dict(zip(counted["set_id"], counted["claim_facts"], strict=True))
    for column, expected in (
        ("study_id", {"x": 1, "y": 1, "z": 0}),
        ("patient_id", {"x": 1, "y": 1, "z": 1}),
    ):
        for key, counts in zip(counted["set_id"], counted[f"#recurrence {column}: fact"], strict=True):
            of_a = [n for f, n in zip(said[key], counts, strict=True) if f["location"] == "left"]
            assert of_a == ([expected[key]] if of_a else [])
            assert column == "study_id" or set(counts) == {1}


def test_hashes_of_a_build_carry_nothing_that_is_read(clean: pl.DataFrame) -> None:
    shown = [c for c in add_context(clean, "contextual_claims").columns if c.startswith("#context source")]
    assert shown == [], "a column with one value is left out"


def test_a_trial_ends_when_its_interval_is_on_one_side() -> None:
    rng = np.random.default_rng(0)
    alone = [np.arange(8000)]
    chance, wrong = np.full(8000, 0.2), (rng.random(8000) < 0.2).astype(float)
    assert is_decided(wrong, alone, chance, 0.22)
    assert not is_decided(wrong[:600], [np.arange(600)], chance[:600], 0.22)
    leaky = (rng.random(8000) < 0.3).astype(float)
    assert is_decided(leaky, alone, chance, 0.22)
    assert not is_decided(leaky[:500], [np.arange(500)], chance[:500], 0.22)
