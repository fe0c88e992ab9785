"""Folds keep groups and patients apart; naive folds show why they must."""

from __future__ import annotations

import audit_items as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.audit.choices import ChoiceSet, read_mednega
from nastdata.audit.folds import Folds, make_folds
from nastdata.audit.intervals import bound_accuracy
from nastdata.audit.solvers import answer_held_out, grade_answers, make_mednega_solvers


@pytest.fixture(scope="module")
def choices() -> ChoiceSet:
    return read_mednega(made.make_balanced(400))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 25)), min_size=4, max_size=80), st.integers(2, 6)
)
def test_no_group_or_patient_is_on_both_sides(links: list[tuple[int, int]], folds: int) -> None:
    groups, patients = [f"g{g}" for g, _ in links], [f"p{p}" for _, p in links]
    made_folds = make_folds(groups, patients, folds, seed=1)
    for fold, train in enumerate(made_folds.train):
        for names in (np.array(groups), np.array(patients)):
            held = names[made_folds.test == fold]
            assert not set(held) & set(names[train])
        kept = np.array(groups)[train]
        assert not set(kept) & set(np.array(groups)[~train]), "only whole groups are trained on"


def test_naive_folds_give_the_last_member_away_and_ours_do_not(choices: ChoiceSet) -> None:
    elimination = next(s.solver for s in make_mednega_solvers(choices) if s.name == "elimination")
    test = np.empty(len(choices.ids), dtype=np.int64)
    test[np.argsort(choices.groups, kind="stable")] = np.arange(len(choices.ids)) % 4
    naive = Folds(test, [test != fold for fold in range(4)], "item", 0)
    ours = make_folds(choices.groups, choices.patients, 5, seed=0)
    assert answer_held_out(elimination, choices, naive)[0].mean() > 0.9
    assert answer_held_out(elimination, choices, ours)[0].mean() == pytest.approx(0.25, abs=0.02)


def test_patients_in_many_groups_are_held_out_by_patient() -> None:
    linked = read_mednega(made.make_balanced(400, patients=300))
    folds = make_folds(linked.groups, linked.patients, 5, seed=0)
    assert folds.held_out_by == "patient"
    assert folds.trained > 0.4


def test_equal_scores_earn_what_guessing_earns(choices: ChoiceSet) -> None:
    assert np.all(grade_answers(np.zeros(int(choices.start[-1])), choices) == 0.25)
    assert np.all(grade_answers(choices.is_right.astype(float), choices) == 1.0)
    assert np.all(grade_answers(-choices.is_right.astype(float), choices) == 0.0)


def test_intervals_widen_with_clusters_and_never_shrink() -> None:
    hits = np.repeat([0.0, 1.0], 500)
    alone = bound_accuracy(hits, [np.arange(1000)])
    blocks = bound_accuracy(hits, [np.arange(1000), np.arange(1000) // 10])
    opposed = bound_accuracy(np.tile([0.0, 1.0], 500), [np.arange(1000) // 2])
    assert alone[0] == 0.5 and 0.468 < alone[1] < 0.47
    assert blocks[2] - blocks[1] > 3 * (alone[2] - alone[1])
    assert opposed == pytest.approx(alone, rel=1e-3)
    assert bound_accuracy(np.zeros(50), [np.arange(50)])[1] == 0.0
