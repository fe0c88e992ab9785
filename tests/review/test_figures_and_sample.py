"""Samples are as large as the interval asks, in every stratum; figures are those of the textbooks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_stores import GOOD, make_store

from nastdata.dataset.folder import read_dataset
from nastdata.review.figures.agreement import find_cohen, find_fleiss, find_krippendorff, measure_agreement
from nastdata.review.figures.lines import list_lines
from nastdata.review.figures.measure import measure_review
from nastdata.review.questions import judge, load_questions
from nastdata.review.sample import Plan, allocate, draw_sample, read_plan, size_sample
from nastdata.review.store import Answer


@given(st.lists(st.integers(1, 500), min_size=1, max_size=40), st.integers(1, 800), st.booleans())
def test_shares_add_up_and_nobody_gives_more_than_there_is(rows: list[int], size: int, each: bool) -> None:
    given_ = allocate(rows, size, each)
    wanted = min(max(size, len(rows) if each else 0), sum(rows))
    assert sum(given_) == wanted
    assert all(0 <= g <= n for g, n in zip(given_, rows, strict=True))
    if wanted >= len(rows):
        assert all(given_)
    if wanted == size and min(size * n / sum(rows) for n in rows) >= 1:
        assert all(abs(g - size * n / sum(rows)) <= 1.001 for g, n in zip(given_, rows, strict=True))


@pytest.mark.parametrize(
    ("rows", "margin", "expected", "size"),
    # Cochran: 1.96**2 * 0.25 / 0.05**2 = 384.2 of many, 278 of 1,000
    [
        (10**7, 0.05, 0.5, 385),
        (1000, 0.05, 0.5, 278),
        (10**7, 0.05, 0.9, 139),
        (20, 0.05, 0.9, 18),
        (0, 0.05, 0.9, 0),
    ],
)
def test_sizes_are_those_of_the_textbook(rows: int, margin: float, expected: float, size: int) -> None:
    assert size_sample(rows, margin, expected) == size
    if rows > 10**6:
        from statsmodels.stats.proportion import samplesize_confint_proportion

        assert size == math.ceil(samplesize_confint_proportion(expected, margin))


def test_every_stratum_is_drawn_from_and_the_draw_can_be_made_again(contextual: Path) -> None:
    folder = read_dataset(contextual)
    plan = Plan(seed=5)
    sample = draw_sample(folder, plan)
    assert all(s["drawn"] >= 1 for s in sample.strata)
    assert sum(s["rows"] for s in sample.strata) == sum(len(folder.read(c)) for c in folder.configs)
    assert len({(d.config, d.key) for d in sample.drawn}) == len(sample.drawn)
    assert draw_sample(folder, read_plan(plan.to_json())) == sample
    other = draw_sample(folder, Plan(seed=6))
    assert {d.key for d in other.drawn} != {d.key for d in sample.drawn}
    only = draw_sample(folder, Plan(configs=("contextual_claims",), splits=("train",), items=7))
    assert len(only.drawn) == 7 and {(d.config, d.place.split) for d in only.drawn} == {
        ("contextual_claims", "train")
    }


def test_the_order_of_rows_does_not_change_the_draw(contextual: Path) -> None:
    import polars as pl

    before = draw_sample(read_dataset(contextual), Plan(items=20))
    for path in contextual.glob("data/*/*.parquet"):
        pl.read_parquet(path).reverse().write_parquet(path)
    after = draw_sample(read_dataset(contextual), Plan(items=20))
    assert [(d.config, d.key) for d in after.drawn] == [(d.config, d.key) for d in before.drawn]


def test_coefficients_of_the_textbooks() -> None:
    # Cohen (20 + 15 agree of 50): kappa 0.4
    both = np.repeat([[0, 0, 1, 1], [0, 1, 0, 1]], [20, 5, 10, 15], axis=1)
    assert find_cohen(both, 3) == pytest.approx(0.4)
    # Fleiss 1971, as in Wikipedia: 0.210
    fleiss = np.array(
        [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
         [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    )  # fmt: skip
    assert find_fleiss(fleiss) == pytest.approx(0.210, abs=5e-4)
    # Krippendorff, three coders with gaps: nominal 0.691
    coders = ("*****341211 33*3", "1*213343*******", "**21344*211 33*4")
    units = [[c.replace(" ", "")[i] for c in coders] for i in range(15)]
    counts = np.array([[u.count(v) for v in "1234"] for u in units])
    assert find_krippendorff(counts[counts.sum(axis=1) >= 2]) == pytest.approx(0.691, abs=5e-4)


def test_where_all_say_the_same_there_is_no_coefficient(tmp_path: Path) -> None:
    store = make_store(tmp_path / "a.sqlite")
    for n in (1, 2, 3):
        for person in ("AB", "CD"):
            store.save(Answer(n, person, GOOD))
    figures = measure_review(store, draws=20)
    found = figures["agreement"]["english"]
    assert found["agreement"] == 1 and found["fleiss"]["value"] is None
    assert "all answers are the same" in found["cohen"][0]["note"]
    assert figures["acceptance"]["config"][0]["share"] == 1
    low, high = (figures["acceptance"]["config"][0][k] for k in ("low", "high"))
    assert 0.3 < low < 0.5 and high == pytest.approx(1)  # Wilson: 3 of 3
    assert any("not defined" in line for line in list_lines(figures))


def test_one_reader_and_nobody(tmp_path: Path) -> None:
    store = make_store(tmp_path / "a.sqlite")
    assert measure_review(store, draws=20)["agreement"] == {}
    assert any("agreement: no item" in line for line in list_lines(measure_review(store, draws=20)))
    store.save(Answer(1, "AB", GOOD))
    figures = measure_review(store, draws=20)
    assert figures["items"] | {"accepted": 1, "unread": 2, "read_by_two_or_more": 0} == figures["items"]


def test_three_readers_and_gaps(tmp_path: Path) -> None:
    store = make_store(tmp_path / "a.sqlite", 6)
    store.add_reviewer("GH", "reviewer")
    bad = {**GOOD, "english": "no"}
    said = {"AB": "ggbbgg", "CD": "gbbbg ", "GH": "ggbg  "}
    for person, line in said.items():
        for n, c in enumerate(line, 1):
            if c != " ":
                store.save(Answer(n, person, GOOD if c == "g" else bad))
    found = measure_agreement(store.read_items(), store.read_answers(), list(said), draws=50)["english"]
    assert found["items"] == 5 and len(found["cohen"]) == 3
    assert found["fleiss"]["items"] == 4 and found["krippendorff"]["items"] == 5
    assert found["agreement"] == pytest.approx((3 + 1 + 3 + 1 + 1) / (3 * 4 + 1))


@pytest.mark.parametrize(
    ("values", "status"),
    [
        (GOOD, "accepted"),
        ({**GOOD, "second": "yes"}, "rejected"),
        ({**GOOD, "true": "unsure"}, "unsure"),
        ({**GOOD, "true": "unsure", "english": "no"}, "rejected"),
        ({k: v for k, v in GOOD.items() if k != "true"}, "open"),
        ({"english": "no"}, "rejected"),
    ],
)
def test_an_item_is_judged_by_all_its_questions(values: dict[str, str], status: str) -> None:
    assert judge(tuple(GOOD), values) == status


def test_every_question_has_an_example_and_a_good_answer() -> None:
    for q in load_questions().values():
        assert q.good in ("yes", "no") and q.example and q.ask.endswith("?")
