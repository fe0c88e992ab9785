"""Captions are true of their image, and nothing but the image tells their polarity."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from contextual_facts import as_fact, make_facts, recipe, states_of

from nastdata.design.contextual.captions import design_captions
from nastdata.design.contextual.states import logic_of
from nastdata.ontology import load_ontology

ONTOLOGY = load_ontology("chest_xray")
CELL = ["split", "condition", "location", "severity"]


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return make_facts(ONTOLOGY, 900, seed=2, conditions=6)


@pytest.fixture(scope="module")
def captions(facts: pl.DataFrame) -> pl.DataFrame:
    return design_captions(facts, ONTOLOGY, recipe()).frame


def count_by_cell(frame: pl.DataFrame) -> pl.DataFrame:
    rows = frame.unnest("fact")
    return rows.group_by(CELL).agg(
        (pl.col("polarity") == "negated").sum().alias("negated"),
        (pl.col("polarity") == "affirmative").sum().alias("affirmative"),
    )


def test_every_caption_is_true_of_its_image(facts: pl.DataFrame, captions: pl.DataFrame) -> None:
    logic, states = logic_of(ONTOLOGY), states_of(facts)
    assert len(captions) > 2000
    for row in captions.to_dicts():
        fact = as_fact(row["fact"], row["negation_type"])
        assert logic.truth(states[row["study_id"]], fact) is True
        assert row["negation_type"] == fact.negation_type
        assert (row["polarity"] == "affirmative") == (fact.negation_type == "none")


def test_polarity_is_even_in_every_cell(captions: pl.DataFrame) -> None:
    cells = count_by_cell(captions)
    assert (cells["negated"] == cells["affirmative"]).all()
    assert set(captions["negation_type"].unique()) == {"none", "existence", "location", "severity"}


def test_pairs_are_of_one_cell_and_one_source(captions: pl.DataFrame) -> None:
    pairs = (
        captions.unnest("fact")
        .group_by("pair")
        .agg(
            pl.len(),
            pl.col("polarity").n_unique().alias("polarities"),
            pl.struct(*CELL, "source").n_unique().alias("cells"),
        )
    )
    assert (pairs["len"] == 2).all() and (pairs["polarities"] == 2).all() and (pairs["cells"] == 1).all()


def test_ids_are_hashes_and_do_not_depend_on_the_limit(facts: pl.DataFrame, captions: pl.DataFrame) -> None:
    assert captions["caption_id"].str.contains(r"^caption-[0-9a-f]{16}$").all()
    key = ["study_id", "fact", "negation_type"]
    few = design_captions(facts, ONTOLOGY, recipe(limit=200)).frame.select(*key, "caption_id")
    known = captions.select(*key, pl.col("caption_id").alias("full"))
    both = few.join(known, on=key, how="inner", nulls_equal=True)
    assert len(both) > 100 and (both["caption_id"] == both["full"]).all()


def test_no_caption_stands_twice(captions: pl.DataFrame) -> None:
    assert captions["caption_id"].is_unique().all()
    assert captions.select("study_id", "fact", "negation_type").is_unique().all()


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_a_limit_keeps_the_cells_even(facts: pl.DataFrame, limit: int) -> None:
    frame = design_captions(facts, ONTOLOGY, recipe(limit=limit)).frame
    assert 0.8 * limit - 1 <= len(frame) <= limit  # caps on conditions leave small splits short
    cells = count_by_cell(frame)
    assert (cells["negated"] == cells["affirmative"]).all()


def test_row_order_changes_nothing(facts: pl.DataFrame, captions: pl.DataFrame) -> None:
    shuffled = facts.sample(fraction=1.0, shuffle=True, seed=5)
    assert design_captions(shuffled, ONTOLOGY, recipe()).frame.equals(captions)
    assert not design_captions(facts, ONTOLOGY, recipe(seed=1)).frame.equals(captions)


@pytest.mark.parametrize(
    ("settings", "negations"),
    [
        ({"captions": {"affirmative_controls": False}}, {"existence", "location", "severity"}),
        ({"negation_types": ["location"]}, {"none", "location"}),
    ],
)
def test_what_is_not_asked_for_is_not_made(
    facts: pl.DataFrame, settings: dict[str, Any], negations: set[str]
) -> None:
    frame = design_captions(facts, ONTOLOGY, recipe(**settings)).frame
    assert set(frame["negation_type"].unique()) == negations


def test_without_balance_more_is_said(facts: pl.DataFrame, captions: pl.DataFrame) -> None:
    design = design_captions(facts, ONTOLOGY, recipe(captions={"balanced": False}))
    assert len(design.frame) > len(captions)
    assert design.report["captions"] == len(design.frame)
