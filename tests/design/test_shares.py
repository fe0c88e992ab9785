"""How much of what: caps hold, mixes are aimed at, units stay whole, what is missing is reported."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.dataset.splits import assign_splits
from nastdata.design.contextual.captions import design_captions
from nastdata.design.contextual.claims import design_claims
from nastdata.design.contextual.shares import Units, choose_units
from nastdata.design.mednega.design import design_mednega
from nastdata.errors import NothingMadeError, UserError
from nastdata.ontology import Ontology
from nastdata.recipe import ContextualRecipe, SplitShares, check_recipe
from nastdata.sources import get_source
from nastdata.sources.base import Options

NAMES, KINDS = ("a", "b", "c", "d"), ("none", "existence", "location", "severity")
UNIT = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 7), st.integers(0, 2))


def make_units(drawn: list[tuple[int, int, int, int]]) -> Units:
    about = np.zeros((len(drawn), len(NAMES)))
    for i, (condition, _, rows, _) in enumerate(drawn):
        about[i, condition] = rows
    return Units(
        rows=np.array([d[2] for d in drawn]),
        split=np.array([d[3] for d in drawn]),
        draw=np.arange(len(drawn), dtype=np.uint64),
        kind=np.array([d[1] for d in drawn]),
        by_condition=about,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(UNIT, min_size=1, max_size=120), st.floats(0.05, 1.0), st.none() | st.integers(1, 200))
def test_no_condition_passes_its_cap(
    drawn: list[tuple[int, int, int, int]], cap: float, limit: int | None
) -> None:
    units = make_units(drawn)
    kept = choose_units(units, NAMES, KINDS, limit=limit, max_share=cap, mix=None)
    assert limit is None or units.rows[kept.keep].sum() <= limit
    for split in range(3):
        here = kept.keep & (units.split == split)
        total = units.rows[here].sum()
        largest = units.by_condition[units.split == split].max(axis=0, initial=0)
        assert (units.by_condition[here].sum(axis=0) <= cap * total + largest + 1e-9).all()
    assert kept.report["rows_kept"] == units.rows[kept.keep].sum()


@settings(deadline=None)
@given(st.lists(UNIT, min_size=1, max_size=120))
def test_without_caps_all_is_kept(drawn: list[tuple[int, int, int, int]]) -> None:
    units = make_units(drawn)
    assert choose_units(units, NAMES, KINDS, limit=None, max_share=None, mix=None).keep.all()


@settings(max_examples=40, deadline=None)
@given(st.lists(UNIT, min_size=1, max_size=120), st.integers(5, 100))
def test_a_mix_is_not_passed_and_what_is_missing_is_told(
    drawn: list[tuple[int, int, int, int]], limit: int
) -> None:
    units = make_units(drawn)
    kept = choose_units(units, NAMES, KINDS, limit=limit, max_share=None, mix={"existence": 3, "severity": 1})
    have = np.bincount(units.kind[kept.keep], units.rows[kept.keep], 4)
    target = min(limit, units.rows.sum())
    assert have[0] == have[2] == 0 and have[1] <= 0.75 * target and have[3] <= 0.25 * target
    assert sum(kept.report["not_filled_by_kind"].values()) <= target - have.sum() + 3


@pytest.fixture(scope="module")
def facts(ontology: Ontology) -> pl.DataFrame:
    loaded = get_source("phantom").load_facts(None, ontology, Options(phantom_patients=400))
    return assign_splits(loaded.frame, SplitShares(), 0)


def recipe(**settings_: object) -> ContextualRecipe:
    made: ContextualRecipe = check_recipe({"recipe": "contextual", **settings_}, where="test")
    return made


def test_claims_and_captions_keep_a_condition_below_its_share(
    facts: pl.DataFrame, ontology: Ontology
) -> None:
    low = {"max_share": 0.15}
    free = {"max_share": None}
    for design, name in ((design_claims, "condition"), (design_captions, "fact")):
        shares = {}
        for title, given_ in (("free", free), ("low", low)):
            frame = design(facts, ontology, recipe(claims=given_, captions=given_)).frame
            column = frame[name] if name == "condition" else frame[name].struct.field("condition")
            train = column.filter(frame["split"] == "train")
            shares[title] = train.value_counts()["count"].max() / len(train)  # type: ignore[operator]
        assert shares["low"] <= 0.165 < shares["free"]


def test_groups_stay_whole(facts: pl.DataFrame, ontology: Ontology) -> None:
    design = design_claims(facts, ontology, recipe(claims={"max_share": 0.12, "mix": {"location": 1}}))
    sizes = design.frame.group_by("group_id").agg(
        pl.len().alias("n"), pl.col("claim_facts").list.len().first().alias("k")
    )
    assert len(sizes) and (sizes["n"] == sizes["k"]).all()
    assert set(design.frame["negation_type"]) == {"location"}
    assert design.report["shares"]["mix"] == {"location": 1.0}


def test_small_triples_are_left_out_and_counted(ontology: Ontology) -> None:
    loaded = get_source("phantom").load_labels(None, ontology, Options(phantom_patients=400))
    labels = assign_splits(loaded.frame, SplitShares(), 0)
    base = {"recipe": "mednega", "limit": 400}
    plain = design_mednega(labels, ontology, check_recipe(base, where="test"))
    strict = design_mednega(labels, ontology, check_recipe({**base, "min_items_per_triple": 8}, where="test"))
    counts = strict.frame.group_by("split", "conditions").len()
    left = strict.report["left_out_by_min_items_per_triple"]
    assert counts["len"].min() >= 8 and left["items"] == len(plain.frame) - len(strict.frame) > 0  # type: ignore[operator]
    with pytest.raises(NothingMadeError, match="no triple of conditions has 9,999 items"):
        design_mednega(labels, ontology, check_recipe({**base, "min_items_per_triple": 9999}, where="test"))


@pytest.mark.parametrize(
    "bad", [{"max_share": 0}, {"max_share": "half"}, {"mix": {"polarity": 1}}, {"mix": {"location": 0}}]
)
def test_shares_that_mean_nothing_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"claims"):
        recipe(claims=bad)
