"""Quadruplets: the distractor shows the opposite, and every prompt reads as what it stands for."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from contextual_facts import make_facts

from nastdata.design.pairs.opposition import design_opposition
from nastdata.design.pairs.prompts import PATTERNS, retrieval_prompts
from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.parse import get_parser
from nastdata.recipe import OppositionRecipe
from nastdata.records import COLUMN_ORDER

ONTOLOGY = load_ontology("chest_xray")


def recipe(**settings: Any) -> OppositionRecipe:
    return OppositionRecipe.model_validate({"recipe": "opposition", **settings})


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return make_facts(ONTOLOGY, 300, seed=6, conditions=6)


def test_the_distractor_is_another_patient_of_the_opposite_state(facts: pl.DataFrame) -> None:
    frame = design_opposition(facts, ONTOLOGY, recipe()).frame
    assert frame.columns == [*COLUMN_ORDER["opposition"], "split"]
    state = {(r["image_id"], r["condition"]): r["existence"] for r in facts.to_dicts()}
    study = {r["image_id"]: (r["patient_id"], r["split"], r["image"]) for r in facts.to_dicts()}
    for row in frame.to_dicts():
        own, other = (
            state[row["image_id"], row["condition"]],
            state[row["distractor_image_id"], row["condition"]],
        )
        assert {own, other} == {"present", "absent"}
        assert row["polarity"] == ("positive" if own == "present" else "negative")
        patient, split, image = study[row["distractor_image_id"]]
        assert patient != row["patient_id"] and split == row["split"] and image == row["distractor_image"]


def test_prompts_read_as_their_images_are(facts: pl.DataFrame) -> None:
    parser = get_parser(ONTOLOGY)
    for row in design_opposition(facts, ONTOLOGY, recipe()).frame.to_dicts():
        shown = int(row["polarity"] == "positive")
        assert parser.parse(row["prompt"]).labels == {row["condition"]: shown}
        assert parser.parse(row["distractor_prompt"]).labels == {row["condition"]: 1 - shown}


@pytest.mark.parametrize("name", ONTOLOGY.order)
def test_there_are_99_prompts_and_each_is_read_back(ontology: Ontology, name: str) -> None:
    prompts = retrieval_prompts(ontology, name)
    assert len(prompts) == len({p.text for p in prompts}) == 99
    for p in prompts:
        assert get_parser(ontology).parse(p.text).labels == {name: int(p.polarity == "positive")}, p.text
    assert {(p.style, p.polarity) for p in prompts} == set(PATTERNS)


def test_every_definite_finding_is_used_or_counted(facts: pl.DataFrame) -> None:
    one_sided = facts.filter((pl.col("condition") != "Pneumonia") | (pl.col("existence") == "present"))
    design = design_opposition(one_sided, ONTOLOGY, recipe(styles=["natural"]))
    definite = one_sided.select("study_id", "condition").n_unique()
    assert len(design.frame) + sum(design.report["left_out"].values()) == definite
    assert "Pneumonia" not in design.frame["condition"]


def test_chosen_conditions_limit_and_order(facts: pl.DataFrame) -> None:
    wanted = recipe(conditions=["Pneumothorax"], limit=40)
    frame = design_opposition(facts, ONTOLOGY, wanted).frame
    assert set(frame["condition"]) == {"Pneumothorax"} and len(frame) == 40
    assert frame.equals(design_opposition(facts.reverse(), ONTOLOGY, wanted).frame)
    assert len(design_opposition(facts.clear(), ONTOLOGY, recipe()).frame) == 0


def test_an_unknown_condition_names_the_nearest(facts: pl.DataFrame) -> None:
    with pytest.raises(UserError, match="did you mean 'Pneumothorax'"):
        design_opposition(facts, ONTOLOGY, recipe(conditions=["Pneumothorx"]))


def test_the_condition_does_not_tell_the_polarity(facts: pl.DataFrame) -> None:
    frame = design_opposition(facts, ONTOLOGY, recipe()).frame
    cells = frame.group_by("split", "source", "condition", "style").agg(
        (pl.col("polarity") == "positive").mean()
    )
    assert len(cells) > 10 and (cells["polarity"] == 0.5).all()
    assert frame["pair_id"].str.contains("^opposition-[0-9a-f]{16}$").all()
    assert len(design_opposition(facts, ONTOLOGY, recipe(balanced=False)).frame) > len(frame)
