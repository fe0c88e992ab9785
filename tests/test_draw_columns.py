"""Draws by the million are the same draws, and as even."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nastdata.seeded import draw_codes, draw_int, mix_codes

WORDS = st.lists(st.tuples(st.text("abc", max_size=5), st.integers(0, 99)), max_size=20)


@given(st.integers(0, 1000), WORDS)
def test_a_column_of_draws_is_the_single_draws(seed: int, rows: list[tuple[str, int]]) -> None:
    assert draw_codes(seed, "study", rows).tolist() == [draw_int(seed, "study", *row) for row in rows]


@given(WORDS, st.integers(0, 2**64 - 1))
def test_mixing_is_a_function_of_each_row_alone(rows: list[tuple[str, int]], other: int) -> None:
    codes = draw_codes(0, "study", rows)
    mixed = mix_codes(codes, other)
    assert mixed[::-1].tolist() == mix_codes(codes[::-1], other).tolist()
    assert mixed.tolist() == mix_codes(codes, np.full(len(codes), other, np.uint64)).tolist()
    assert len(set(mixed.tolist())) == len(set(codes.tolist()))


def test_mixed_draws_are_even_and_unrelated() -> None:
    codes = draw_codes(0, "study", ((i,) for i in range(20_000)))
    one, two = (mix_codes(codes, draw_int(0, name)) % np.uint64(10) for name in ("one", "two"))
    table = np.zeros((10, 10))
    np.add.at(table, (one.astype(int), two.astype(int)), 1)
    assert ((table - 200) ** 2 / 200).sum() < 160
