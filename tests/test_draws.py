"""Hashed draws: pure, uniform, independent of everything but their arguments."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastdata.seeded import choose, draw_int, draw_unit, shuffle

KEYS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=8), max_size=3)


@given(st.integers(), KEYS)
def test_draw_is_blake2b_of_its_arguments(seed: int, keys: list[str]) -> None:
    text = "\x1f".join([str(seed), *keys]).encode()
    assert draw_int(seed, *keys) == int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@given(st.lists(st.integers(), max_size=12), st.integers(0, 99))
def test_shuffle_is_a_permutation_and_a_pure_function(items: list[int], seed: int) -> None:
    assert sorted(shuffle(items, seed, "x")) == sorted(items)
    assert shuffle(items, seed, "x") == shuffle(items, seed, "x")


def test_draws_are_uniform() -> None:
    counts = Counter(choose("ABCD", 0, "row", i) for i in range(40_000))
    assert all(abs(n - 10_000) < 400 for n in counts.values())
    orders = Counter("".join(shuffle("ABC", 0, i)) for i in range(60_000))
    assert len(orders) == 6 and all(abs(n - 10_000) < 500 for n in orders.values())
    mean = sum(draw_unit(3, i) for i in range(20_000)) / 20_000
    assert abs(mean - 0.5) < 0.01


def test_nothing_to_choose_from() -> None:
    with pytest.raises(ValueError, match="nothing to choose"):
        choose([], 0, "x")
