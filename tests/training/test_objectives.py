"""Questions of the published rivals: every option is as true or false as the labels say."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from nastdata.errors import UserError  # noqa: E402
from nastdata.training.objectives.two_way import TwoWayObjective  # noqa: E402
from nastdata.training.settings import TrainRecipe  # noqa: E402

NAMES = ("Edema", "Pneumothorax", "Fracture")
PLANES = (
    ((0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)),
    ((0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0)),
    ((0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1)),
)


def make_frame(planes: list[tuple[tuple[int, ...], ...]]) -> pl.DataFrame:
    rows = []
    for g, plane in enumerate(planes):
        for a in range(4):
            rows.append(
                {"group_id": f"g{g}", "conditions": list(NAMES), "choice_labels": [list(p) for p in plane]}
                | {"answer": "ABCD"[a]}
            )
    return pl.DataFrame(rows)


def is_true(text: str, labels: tuple[int, ...]) -> bool:
    """Read a question's text with nothing but string methods."""
    body = text.removeprefix("There is ").removesuffix(".")
    here, _, gone = body.partition(" but no ")
    if body.startswith("no "):
        here, gone = "", body.removeprefix("no ")
    shown = dict(zip(NAMES, labels, strict=True))
    return (not here or shown[here] == 1) and (not gone or shown[gone] == 0)


@given(
    planes=st.lists(st.sampled_from(PLANES), min_size=1, max_size=4),
    order=st.sampled_from(list(permutations(range(4)))),
    seed=st.integers(0, 99),
    step=st.integers(0, 9),
)
def test_two_way_questions_have_one_right_answer_each_way(
    planes: list[Any], order: tuple[int, ...], seed: int, step: int
) -> None:
    planes = [tuple(plane[i] for i in order) for plane in planes]
    frame = make_frame(planes)
    recipe = TrainRecipe(recipe="train", batch_size=4 * len(planes), seed=seed)
    objective = TwoWayObjective(frame, torch.zeros(len(frame), 2), str, recipe)
    asked = objective.ask(objective.groups, step)
    labels = [member for plane in planes for member in plane]
    for i, (options, (own, *wrong)) in enumerate(zip(asked.options, asked.candidates, strict=True)):
        assert [is_true(text, labels[i]) for text in options] == [True, False, False]
        assert own == i and len({own, *wrong}) == 3
        assert is_true(options[0], labels[own])
        assert not any(is_true(options[0], labels[j]) for j in wrong)
    again = objective.ask(objective.groups, step)
    assert again == asked


def test_two_way_questions_are_of_all_three_kinds_and_change_with_the_step() -> None:
    frame = make_frame([PLANES[0]] * 30)
    recipe = TrainRecipe(recipe="train", batch_size=120)
    objective = TwoWayObjective(frame, torch.zeros(len(frame), 2), str, recipe)
    first, second = (objective.ask(objective.groups, step) for step in (0, 1))
    right = [o[0] for o in first.options]
    kinds = {"mixed" if " but no " in t else "denies" if " no " in t else "affirms" for t in right}
    assert kinds == {"mixed", "denies", "affirms"}
    assert first.options != second.options


def test_a_mixed_text_is_asked_beside_images_that_show_both() -> None:
    """The hardest wrong image for "P but no Q" shows P and Q: a candidate wherever the group has one."""
    frame = make_frame([PLANES[1]] * 40)
    objective = TwoWayObjective(frame, torch.zeros(160, 2), str, TrainRecipe(recipe="train", batch_size=160))
    asked = objective.ask(objective.groups, 0)
    labels = list(PLANES[1]) * 40
    seen = 0
    for i, (options, candidates) in enumerate(zip(asked.options, asked.candidates, strict=True)):
        if " but no " not in options[0]:
            continue
        p, q = (NAMES.index(n) for n in options[0][len("There is ") : -1].split(" but no "))
        both = [4 * (i // 4) + m for m in range(4) if PLANES[1][m][p] and PLANES[1][m][q]]
        assert all(labels[b] for b in both)
        assert set(both) <= set(candidates)
        seen += bool(both)
    assert seen


def test_groups_that_cannot_be_asked_are_refused() -> None:
    all_there = make_frame([((1, 1, 1),) * 4])
    recipe = TrainRecipe(recipe="train")
    objective = TwoWayObjective(all_there, torch.zeros(4, 2), str, recipe)
    with pytest.raises(UserError, match="no present or no absent"):
        objective.ask(objective.groups, 0)
    same = make_frame([((1, 0, 1),) * 4])
    objective = TwoWayObjective(same, torch.zeros(4, 2), str, recipe)
    with pytest.raises(UserError, match="too many images"):
        objective.ask(objective.groups, 0)
    with pytest.raises(UserError, match="four items"):
        TwoWayObjective(make_frame([PLANES[0]])[:3], torch.zeros(3, 2), str, recipe)
    assert np.array_equal(objective.groups, [[0, 1, 2, 3]])
