"""Studies that are compared have ids that look alike."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from nastdata.design.contextual.arrays.id_classes import class_ids


def classes(*ids: tuple[str, str], source: str = "s") -> list[int]:
    rows = [(source, *pair) for pair in ids]
    columns = dict.fromkeys(("source", "study_id", "image_id"), pl.String)
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return class_ids(frame).tolist()


def test_long_numbers_are_told_apart_by_their_length() -> None:
    uids = [(f"{10**44 + i}", f"i{i}.png") for i in range(20)]
    drawn = [(f"{10**38 + i}", f"j{i + 50}.png") for i in range(10)]
    odd = [("5" * 20, "x.png")]
    found = classes(*uids, *drawn, *odd)
    assert len(set(found[:20])) == len(set(found[20:30])) == 1 and found[0] != found[20]
    assert found[30] in set(found[:30]), "too few for a class of their own"


def test_counted_numbers_are_one_class() -> None:
    assert len(set(classes(*[(f"CXR{i}", f"CXR{i}_{i}") for i in range(1, 1500)]))) == 1


def test_a_common_last_number_is_a_class() -> None:
    series = [(f"CXR{i}", f"CXR{i}_IM-{i}-{1001 if i % 3 else 2001}") for i in range(60)]
    found = classes(*series, ("CXR900", "CXR900_IM-1-7"))
    by_number = {
        n: {k for k, (_, image) in zip(found, series, strict=False) if image.endswith(n)}
        for n in ("1001", "2001")
    }
    assert len(by_number["1001"]) == len(by_number["2001"]) == 1 and by_number["1001"] != by_number["2001"]
    visits = classes(
        *[
            (f"patient{i}/study{v}", f"patient{i}/study{v}/view1_frontal.jpg")
            for i in range(9)
            for v in (1, 2)
        ]
    )
    assert visits == [visits[0], visits[1]] * 9 and visits[0] != visits[1]


@given(st.lists(st.tuples(st.text("ab19-", max_size=20), st.text("c05_", max_size=20)), max_size=40))
def test_classes_do_not_depend_on_the_order_of_rows(ids: list[tuple[str, str]]) -> None:
    there = dict(zip(ids, classes(*ids), strict=True))
    back = dict(zip(ids[::-1], classes(*ids[::-1]), strict=True))
    assert there == back
    assert classes() == []
