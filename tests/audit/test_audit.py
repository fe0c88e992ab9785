"""The blind audit finds leaks that are there, and none that aren't."""

from __future__ import annotations

import json

import audit_items as made
import polars as pl
import pytest

from nastdata.audit.run import AuditReport, audit_frames
from nastdata.ontology import Ontology
from nastdata.recipe import AuditSettings

QUICK = AuditSettings()


def best(report: AuditReport, subset: str = "all") -> float:
    return max(s.accuracy for s in report.solvers if s.subset == subset)


def accuracy(report: AuditReport, name: str) -> float:
    return max(s.accuracy for s in report.solvers if s.name == name)


@pytest.fixture(scope="module")
def balanced() -> pl.DataFrame:
    return made.make_balanced(500)


@pytest.fixture(scope="module")
def leaky_report(ontology: Ontology) -> AuditReport:
    return audit_frames({"mednega": made.make_paper(made.draw_studies(1500))}, QUICK, 0, ontology)


def test_balanced_items_cannot_be_solved_blind(balanced: pl.DataFrame, ontology: Ontology) -> None:
    report = audit_frames({"mednega": balanced}, QUICK, 0, ontology)
    assert report.verdict == {"passed": True, "failures": [], "warnings": []}
    for s in report.solvers:
        assert not s.above_chance
        assert s.low <= 0.25 or s.name in ("position", "boosting")
    assert accuracy(report, "labels") == pytest.approx(0.25)
    assert report.balance["mednega"]["unequal_planes"] == 0
    assert report.balance["mednega"]["mean_flip_distance"] == {"right": 2.0, "wrong": 2.0}


def test_paper_items_are_solved_by_what_gives_them_away(leaky_report: AuditReport) -> None:
    assert accuracy(leaky_report, "labels") > 0.6
    assert accuracy(leaky_report, "n-grams") > 0.55
    assert accuracy(leaky_report, "structure") > 0.30
    assert 0.2 < accuracy(leaky_report, "position") < 0.3


def test_the_paper_design_is_warned_of_and_passes(leaky_report: AuditReport) -> None:
    assert leaky_report.verdict["passed"]
    assert "chance is 25.0%" in leaky_report.verdict["warnings"][0]


def test_a_leak_in_a_dataset_that_promises_balance_fails(ontology: Ontology) -> None:
    items = made.make_paper(made.draw_studies(600)).with_columns(pl.lit("balanced").alias("design"))
    report = audit_frames({"mednega": items}, QUICK, 0, ontology)
    assert not report.verdict["passed"]
    assert any("'" in f for f in report.verdict["failures"])
    assert any("unequal planes" in f for f in report.verdict["failures"])


def test_a_longer_right_option_is_found(balanced: pl.DataFrame, ontology: Ontology) -> None:
    rows = balanced.to_dicts()
    for row in rows:
        row["negated_choices"]["ABCD".index(row["answer"])] += " Nothing else."
    report = audit_frames({"mednega": made.frame_items(rows)}, QUICK, 0, ontology)
    assert accuracy(report, "longest") > 0.9
    assert not report.verdict["passed"]


def test_a_favoured_position_is_found(ontology: Ontology) -> None:
    items = made.make_balanced(300).filter(pl.col("answer").is_in(["A", "B"]))
    report = audit_frames({"mednega": items}, QUICK, 0, ontology)
    assert accuracy(report, "position") > 0.4
    assert report.balance["mednega"]["positions"]["p"] < 1e-6


def test_few_items_do_not_fail_by_luck(ontology: Ontology) -> None:
    for seed in range(3):
        report = audit_frames({"mednega": made.make_balanced(6, seed=seed)}, QUICK, seed, ontology)
        assert report.verdict["passed"]


def test_patients_and_groups_in_two_splits_fail(balanced: pl.DataFrame, ontology: Ontology) -> None:
    first = pl.int_range(pl.len()) == 0
    moved = balanced.with_columns(pl.when(first).then(pl.lit("test")).otherwise("split").alias("split"))
    failures = audit_frames({"mednega": moved}, QUICK, 0, ontology).verdict["failures"]
    assert any("1 groups in two splits" in f for f in failures)
    shared = moved.with_columns(pl.col("patient_id").str.slice(0, 3))
    failures = audit_frames({"mednega": shared}, QUICK, 0, ontology).verdict["failures"]
    assert any("patients in two splits" in f for f in failures)


def test_repeated_rows_are_told(balanced: pl.DataFrame, ontology: Ontology) -> None:
    again = balanced.head(2).with_columns(pl.lit("x").alias("item_id") + pl.col("item_id"))
    report = audit_frames({"mednega": pl.concat([balanced, again])}, QUICK, 0, ontology)
    assert any("2 rows repeat" in w for w in report.verdict["warnings"])


def test_closed_claim_families_cannot_be_solved_blind(ontology: Ontology) -> None:
    sets = made.make_claims(300, lambda family, rng: family)
    report = audit_frames({"contextual_claims": sets}, QUICK, 0, ontology)
    assert report.verdict["passed"]
    assert accuracy(report, "facts") == pytest.approx(0.2)


def test_claims_that_are_mostly_positive_are_solved(ontology: Ontology) -> None:
    sets = made.make_claims(600, lambda family, rng: [family[0]])
    report = audit_frames({"contextual_claims": sets}, QUICK, 0, ontology)
    assert best(report, "existence") > 0.95
    assert report.verdict["passed"], "an open design is warned of"
    promised = audit_frames(
        {"contextual_claims": sets}, QUICK, 0, ontology, promises={"contextual_claims": True}
    )
    assert not promised.verdict["passed"]


def test_same_input_same_figures_in_any_row_order(ontology: Ontology) -> None:
    items = made.make_paper(made.draw_studies(300))
    once = audit_frames({"mednega": items}, QUICK, 3, ontology).to_json()
    again = audit_frames({"mednega": items.reverse()}, QUICK, 3, ontology).to_json()
    for report in (once, again):
        report["solvers"] = [s for s in report["solvers"] if s["name"] != "row order"]
    assert json.dumps(once) == json.dumps(again)


def test_json_has_the_contracts_shape(leaky_report: AuditReport) -> None:
    found = json.loads(json.dumps(leaky_report.to_json()))
    assert {"solvers", "balance", "leakage", "verdict"} <= set(found)
    for s in found["solvers"]:
        assert {"name", "config", "subset", "accuracy", "low", "high", "chance", "n"} <= set(s)
        assert 0 <= s["low"] <= s["accuracy"] <= s["high"] <= 1
        assert s["accuracy"] == round(s["accuracy"], 4)


@pytest.mark.real
def test_real_paper_items_leak_four_fifths(real_labels: object, ontology: Ontology) -> None:
    studies = made.read_eligible(real_labels)  # type: ignore[arg-type]
    assert len(studies) == 3908
    report = audit_frames({"mednega": made.make_paper(studies)}, QUICK, 0, ontology)
    assert accuracy(report, "labels") > 0.78
