"""The optimum of the balanced design: against brute force, its bound, and its pricing."""

from __future__ import annotations

from itertools import product
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.design.mednega import pricing
from nastdata.design.mednega.balance import Balance, balance_split, find_balance, relax_share
from nastdata.design.mednega.denials import list_denials
from nastdata.design.mednega.integer_program import Types
from nastdata.design.mednega.planes import PLANES, Cell, list_cells
from nastdata.design.mednega.serving import find_fits
from nastdata.ontology import load_ontology

CELLS = tuple(Cell((0, 1, 2), p) for p in range(3)) + tuple(Cell((0, 1, 3), p) for p in range(3))
Vector = tuple[int | None, ...]


def make_types(studies: dict[Vector, int], cells: tuple[Cell, ...]) -> Types:
    vectors = sorted(studies, key=repr)
    able = [[fits(v, c, m) for c in cells for m in range(4)] for v in vectors]
    shape = (len(vectors), 4 * len(cells))
    return Types(np.array(able, dtype=np.bool_).reshape(shape), np.array([studies[v] for v in vectors]))


def fits(vector: Vector, cell: Cell, member: int) -> bool:
    return all(vector[i] == v for i, v in zip(cell.triple, PLANES[cell.plane][member], strict=True))


def has_matching(studies: list[Vector], demand: list[tuple[Cell, int]]) -> bool:
    """Kuhn's augmenting paths: can every demanded (cell, member) have a study of its own?"""
    owner: dict[int, int] = {}

    def place(d: int, seen: set[int]) -> bool:
        for s, vector in enumerate(studies):
            if s not in seen and fits(vector, *demand[d]):
                seen.add(s)
                if s not in owner or place(owner[s], seen):
                    owner[s] = d
                    return True
        return False

    return all(place(d, set()) for d in range(len(demand)))


def best_by_force(studies: list[Vector], cells: tuple[Cell, ...]) -> int:
    """Try every number of groups of every cell."""
    most = len(studies) // 4
    best = 0
    for counts in product(range(most + 1), repeat=len(cells)):
        if best < sum(counts) <= most:
            demand = [(c, m) for c, n in zip(cells, counts, strict=True) for _ in range(n) for m in range(4)]
            if has_matching(studies, demand):
                best = sum(counts)
    return best


vectors3 = st.tuples(*[st.sampled_from([1, 0, 1, 0, None])] * 3)
vectors4 = st.tuples(*[st.sampled_from([1, 0])] * 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(vectors3, min_size=4, max_size=13))
def test_reaches_the_brute_force_optimum_on_one_triple(studies: list[Vector]) -> None:
    check_against_force(studies, CELLS[:3])


@settings(max_examples=40, deadline=None)
@given(st.lists(vectors4, min_size=8, max_size=11))
def test_reaches_the_brute_force_optimum_on_two_triples(studies: list[Vector]) -> None:
    check_against_force(studies, CELLS)


def check_against_force(studies: list[Vector], cells: tuple[Cell, ...]) -> None:
    counted: dict[Vector, int] = {}
    for s in studies:
        counted[s] = counted.get(s, 0) + 1
    solved = find_balance(make_types(counted, cells), cells, per_study=1, share=None)
    assert solved.reached == best_by_force(studies, cells)
    assert solved.reached <= solved.bound + 1e-6


counts = st.dictionaries(
    st.tuples(*[st.sampled_from([1, 0, None])] * 5), st.integers(1, 9), min_size=4, max_size=60
)
ALL_CELLS = tuple(
    Cell((a, b, c), p) for a in range(5) for b in range(a + 1, 5) for c in range(b + 1, 5) for p in range(3)
)


@settings(max_examples=40, deadline=None)
@given(counts, st.integers(1, 3), st.sampled_from([None, 0.05, 0.25]))
def test_what_serves_is_whole_and_within_every_limit(
    studies: dict[Vector, int], per_study: int, share: float | None
) -> None:
    types = make_types(studies, ALL_CELLS)
    solved = find_balance(types, ALL_CELLS, per_study=per_study, share=share)
    check_feasible(types, studies, solved, per_study)
    assert solved.reached <= solved.bound + 1e-6
    if solved.cap is not None:
        triples: dict[Any, int] = {}
        for cell, n in solved.groups.items():
            triples[cell.triple] = triples.get(cell.triple, 0) + n
        assert max(triples.values(), default=0) <= solved.cap
        assert max(triples.values(), default=0) <= max(1, float(solved.share or 1) * solved.reached + 1e-9)


def check_feasible(types: Types, studies: dict[Vector, int], solved: Balance, per_study: int) -> None:
    used = np.zeros(len(types.size), dtype=int)
    vectors = sorted(studies, key=repr)
    for (cell, member), kinds in solved.served.items():
        assert sum(n for _, n in kinds) == solved.groups[cell]
        for kind, n in kinds:
            assert fits(vectors[kind], cell, member)
            assert 0 < n <= types.size[kind]
            used[kind] += n
    assert (used <= types.size * per_study).all()
    assert sum(solved.groups.values()) == solved.reached
    assert set(solved.served) == {(c, m) for c in solved.groups for m in range(4)}


@settings(max_examples=25, deadline=None)
@given(counts, st.integers(1, 2))
def test_pricing_finds_nearly_what_all_variables_allow(studies: dict[Vector, int], per_study: int) -> None:
    types = make_types(studies, ALL_CELLS)
    whole = find_balance(types, ALL_CELLS, per_study=per_study, share=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "FEW_VARIABLES", 20)
        patch.setattr(pricing, "FIRST", 1)
        priced = find_balance(types, ALL_CELLS, per_study=per_study, share=None)
    check_feasible(types, studies, priced, per_study)
    assert priced.bound + 1e-6 >= whole.reached  # a bound on the whole problem, not on the priced part
    assert whole.reached >= priced.reached >= floor(0.8 * whole.reached) - 1


@settings(max_examples=15, deadline=None)
@given(counts, st.integers(1, 2), st.sampled_from([None, 0.25]))
def test_what_is_kept_is_what_was_found(
    studies: dict[Vector, int], per_study: int, share: float | None
) -> None:
    types = make_types(studies, ALL_CELLS)
    found = find_balance(types, ALL_CELLS, per_study=per_study, share=share)
    for _ in range(2):  # made and kept, then taken from what is kept
        kept = balance_split(types, ALL_CELLS, per_study=per_study, share=share)
        assert kept == found and list(kept.groups) == sorted(found.groups)


def test_no_triple_dominates_where_there_are_many() -> None:
    rng = np.random.default_rng(0)
    names = len(load_ontology("chest_xray").conditions)
    denials = list_denials(load_ontology("chest_xray"), hierarchy=True, phrases=True)
    cells = list_cells(denials).usable
    present = rng.integers(0, 1 << names, 800)
    known = rng.integers(0, 1 << names, 800) & rng.integers(0, 1 << names, 800)
    masks = np.stack([present & known, ~present & known, present & known], axis=1)
    vectors, size = np.unique(masks, axis=0, return_counts=True)
    types = Types(find_fits(vectors, cells, denials), size)
    solved = find_balance(types, cells, per_study=1, share=0.05)
    assert solved.reached > 40
    triples: dict[Any, int] = {}
    for cell, n in solved.groups.items():
        triples[cell.triple] = triples.get(cell.triple, 0) + n
    assert max(triples.values()) <= 0.05 * solved.reached


def test_few_triples_may_have_twice_their_even_share() -> None:
    assert relax_share(0.05, 200) == 0.05
    assert relax_share(0.05, 10) == pytest.approx(0.2)
    assert relax_share(0.05, 1) == 1.0


def test_no_study_or_no_cell_gives_nothing() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    none = Types(np.zeros((0, 4 * len(CELLS)), dtype=np.bool_), nothing)
    assert find_balance(none, CELLS, per_study=1, share=0.05).reached == 0
    assert find_balance(make_types({(1, 0, 1): 3}, ()), (), per_study=1, share=None).reached == 0


def test_planes_are_mixed_and_closed() -> None:
    for plane in PLANES:
        assert all(0 < sum(m) < 3 for m in plane)
        assert all(sum(m[i] for m in plane) == 2 for i in range(3))
        for skipped in plane:
            a, b, c = (m for m in plane if m != skipped)
            assert tuple(x ^ y ^ z for x, y, z in zip(a, b, c, strict=True)) == skipped


def test_cells_of_the_chest_are_all_accounted_for() -> None:
    ontology = load_ontology("chest_xray")
    cells = list_cells(list_denials(ontology, hierarchy=True, phrases=True))
    everything = list_cells(list_denials(ontology, hierarchy=False, phrases=False))
    n = len(ontology.conditions)
    assert len(everything.usable) == 3 * n * (n - 1) * (n - 2) // 6
    assert sorted(cells.usable + cells.contradicting + cells.clashing) == list(everything.usable)
    assert cells.contradicting
    # Every phrase for "no atelectasis" denies a pneumothorax: neither lung is filled.
    pair = {ontology.order["Atelectasis"], ontology.order["Pneumothorax"]}
    assert any(pair <= set(c.triple) for c in cells.clashing)
    assert not any(pair <= set(c.triple) for c in cells.usable)


def read_chexpert() -> Any:
    from importlib.metadata import PackageNotFoundError, distribution

    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    try:
        distribution("torchxrayvision")
    except PackageNotFoundError:
        pytest.skip("torchxrayvision is not installed")
    return get_source("chexpert").load_labels(None, load_ontology("chest_xray"), Options()).frame


@pytest.mark.real
def test_real_chexpert_figures() -> None:
    """The counts of the paper's rule, and how many balanced items are true in all that they imply."""
    from nastdata.dataset.splits import assign_splits
    from nastdata.design.mednega.design import design_mednega
    from nastdata.recipe import MednegaRecipe, SplitShares

    ontology = load_ontology("chest_xray")
    labels = assign_splits(read_chexpert(), SplitShares(), 0)
    paper = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega", design="paper"))
    assert len(labels) == 187_641
    assert paper.report["studies"]["eligible"] == len(paper.frame) == 3_908
    assert paper.report["studies"]["eligible_patients"] == paper.frame["patient_id"].n_unique() == 3_570
    balanced = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega"))
    assert balanced.report["studies"]["eligible"] == 55_827
    assert 7_000 <= len(balanced.frame) <= balanced.report["bound"]
    assert balanced.frame["study_id"].n_unique() == len(balanced.frame)
    assert max(s["largest_triple_share"] for s in balanced.report["splits"].values()) <= 0.05
    splits = balanced.frame.group_by("patient_id").n_unique()
    assert splits["split"].max() == 1
