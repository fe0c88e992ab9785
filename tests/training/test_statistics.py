"""Intervals cover, clusters move as wholes, paired tests count what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.statistics import (
    compare_paired,
    estimate_difference,
    estimate_mean,
    resample_sums,
)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        rate = rng.beta(8, 4, size=60)
        clusters = [f"c{i}" for i in range(60) for _ in range(4)]
        values = (rng.random(240) < np.repeat(rate, 4)).astype(float)
        found = estimate_mean(values, clusters, 300, trial)
        hits += found["low"] <= 8 / 12 <= found["high"]
    assert 0.88 <= hits / 200 <= 0.99


def test_clusters_widen_the_interval() -> None:
    values = np.repeat([0.0, 1.0] * 10, 20)
    alone = estimate_mean(values, [str(i) for i in range(400)], 500, 0)
    wholes = estimate_mean(values, [str(i // 20) for i in range(400)], 500, 0)
    assert wholes["high"] - wholes["low"] > 2.5 * (alone["high"] - alone["low"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=40), st.integers(0, 99))
def test_a_difference_with_itself_is_zero(right: list[bool], seed: int) -> None:
    values = np.array(right, dtype=float)
    clusters = [f"p{i // 2}" for i in range(len(values))]
    found = estimate_difference(values, clusters, values, clusters, 50, seed)
    assert found["mean"] == 0 and found["low"] == pytest.approx(0) and found["high"] == pytest.approx(0)


def test_mcnemar_counts_discordant_pairs() -> None:
    from math import comb

    first = np.array([1] * 12 + [0] * 3 + [1] * 20 + [0] * 5, dtype=bool)
    second = np.array([0] * 12 + [1] * 3 + [1] * 20 + [0] * 5, dtype=bool)
    found = compare_paired(first, second)
    assert (found["only_first"], found["only_second"]) == (12, 3)
    wanted = 2 * sum(comb(15, k) for k in range(12, 16)) / 2**15
    assert found["p"] == pytest.approx(wanted)
    assert compare_paired(first, first)["p"] == 1


def test_resampled_sums_are_those_of_whole_clusters() -> None:
    sums = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    drawn = resample_sums(sums, 2000, seed=1)
    assert drawn.shape == (2000, 2)
    assert np.array_equal(drawn[:, 1], 2 * drawn[:, 0])  # a cluster's columns move together
    assert set(np.unique(drawn[:, 0])) <= {
        a + b + c for a in (1, 10, 100) for b in (1, 10, 100) for c in (1, 10, 100)
    }
    assert abs(drawn[:, 0].mean() - 111) < 5
    assert np.array_equal(drawn, resample_sums(sums, 2000, seed=1))


def test_many_clusters_are_resampled_in_parts() -> None:
    sums = np.ones((30_000, 1))
    assert np.all(resample_sums(sums, 100, seed=0) == 30_000)
