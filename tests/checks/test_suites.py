"""The expectation suites run in Great Expectations itself, and see what the gate's own rules see."""

from __future__ import annotations

from pathlib import Path

import folders
import polars as pl
import pytest

from nastdata.checks import expectations
from nastdata.checks.flat_tables import flatten
from nastdata.checks.integrity import open_folder
from nastdata.checks.suites import CLAIMS, list_tables, make_suite
from nastdata.checks.verdicts import Ledger
from nastdata.records import COLUMN_ORDER

needs_gx = pytest.mark.skipif(not expectations.is_installed(), reason="great_expectations is not installed")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Good rows of every config."""
    base = tmp_path_factory.mktemp("suites")
    out = {}
    for recipe, settings in (
        ("mednega", {"phantom_patients": "400", "limit": "60"}),
        ("contextual", {"phantom_patients": "40", "limit": "200"}),
        ("opposition", {"phantom_patients": "30", "limit": "60"}),
    ):
        folder = folders.build_small(recipe, base / recipe, **settings)
        out |= open_folder(folder, Ledger()).frames
    return out


def run(frames: dict[str, pl.DataFrame], **given: object) -> Ledger:
    ledger = Ledger()
    expectations.run_expectations(ledger, frames, **given)  # type: ignore[arg-type]
    return ledger


def test_every_config_has_a_suite_and_every_expectation_a_reason() -> None:
    assert set(list_tables()) == {*COLUMN_ORDER, CLAIMS}
    for table in list_tables():
        found = make_suite(table)["expectations"]
        assert len(found) >= 6
        assert all(e["why"] and e["type"].startswith("expect_") for e in found)


@pytest.mark.parametrize("config", ["mednega", "contextual_claims", "contextual_captions", "opposition"])
def test_suites_name_columns_that_are_there(frames: dict[str, pl.DataFrame], config: str) -> None:
    for table, flat in flatten(config, frames[config]).items():
        for e in make_suite(table)["expectations"]:
            kwargs = e["kwargs"]
            named = [kwargs[k] for k in ("column", "column_A", "column_B") if k in kwargs]
            assert {*named, *kwargs.get("column_list", ())} <= set(flat.columns)


@needs_gx
def test_good_rows_meet_every_expectation(frames: dict[str, pl.DataFrame]) -> None:
    ledger = run(frames, k=(2, 7))
    assert {v.config for v in ledger.verdicts} == {*frames, CLAIMS}
    assert {v.outcome for v in ledger.verdicts} == {"passed"}
    assert all(v.checked >= 6 for v in ledger.verdicts)


DAMAGE = {
    "doubled key": ("mednega", lambda f: pl.concat([f, f[:1]]), "a key is there once"),
    "third label": (
        "mednega",
        lambda f: f.with_columns(pl.lit([[2, 0, 1]] * 4, pl.List(pl.List(pl.Int64))).alias("choice_labels")),
        "three labels, each 0 or 1",
    ),
    "all answers A": (
        "mednega",
        lambda f: pl.concat([f] * 7).with_columns(answer=pl.lit("A")),
        "every answer",
    ),
    "strange design": ("mednega", lambda f: f.with_columns(design=pl.lit("x")), "a closed list"),
    "one option twice": (
        "mednega",
        lambda f: f.with_columns(negated_choices=pl.lit(["There is no edema."] * 4)),
        "four different negated texts",
    ),
    "patient in two splits": (
        "contextual_captions",
        lambda f: pl.concat([f, f[:1].with_columns(split=pl.lit("test"))]),
        "a patient is in one split",
    ),
    "polarity": (
        "contextual_captions",
        lambda f: f.with_columns(polarity=pl.lit("negated")),
        "polarity is that of the negation type",
    ),
    "answer beyond": (
        "contextual_claims",
        lambda f: f.with_columns(answer=pl.lit(9)),
        "the answer is one of",
    ),
    "nothing altered": (
        "contextual_claims",
        lambda f: f.with_columns(altered=pl.col("altered").list.eval(pl.lit(None, pl.String))),
        "exactly one claim is true",
    ),
    "same image": (
        "opposition",
        lambda f: f.with_columns(distractor_image_id=pl.col("image_id")),
        "the images differ",
    ),
}


@needs_gx
@pytest.mark.parametrize("what", DAMAGE)
def test_damage_breaks_the_expectation_that_speaks_of_it(frames: dict[str, pl.DataFrame], what: str) -> None:
    config, change, why = DAMAGE[what]
    damaged = change(frames[config]).with_columns(pl.col(COLUMN_ORDER[config][0]).alias("key"))
    reasons = pl.concat(run({config: damaged}, k=(2, 7)).parts)["reason"].to_list()
    assert any(r.startswith(why) for r in reasons)


@needs_gx
def test_recorded_rows_and_k_are_parameters(frames: dict[str, pl.DataFrame]) -> None:
    one = {"contextual_claims": frames["contextual_claims"]}
    assert all(v.outcome == "passed" for v in run(one, k=(2, 7)).verdicts)
    reasons = pl.concat(run(one, k=(9, 9), rows={"contextual_claims": 1}).parts)["reason"].to_list()
    assert any(r.startswith("as many claims") for r in reasons)
    assert any(r.startswith("as many rows") for r in reasons)


def test_without_great_expectations_it_is_said_how_to_get_it(
    frames: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectations, "is_installed", lambda: False)
    (verdict,) = run({"mednega": frames["mednega"]}).verdicts
    assert verdict.outcome == "skipped"
    assert "nastdata[quality]" in verdict.note


def test_flat_tables_hold_every_row_and_claim(frames: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    sets = frames["contextual_claims"]
    flat = flatten("contextual_claims", sets)
    assert len(flat["contextual_claims"]) == len(sets)
    assert len(flat[CLAIMS]) == sum(len(c) for c in sets["claims"])
    assert flat[CLAIMS]["altered"].null_count() == len(sets)
