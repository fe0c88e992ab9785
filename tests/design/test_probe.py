"""Tracing pairs: right about their image, as long as one another, in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from contextual_facts import make_facts

from nastdata.design.pairs.probes import design_probes, fit_word, write_pair
from nastdata.design.pairs.tokens import load_token_counter
from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.recipe import ProbesRecipe
from nastdata.records import COLUMN_ORDER

ONTOLOGY = load_ontology("chest_xray")


def recipe(**settings: Any) -> ProbesRecipe:
    return ProbesRecipe.model_validate({"recipe": "probes", **settings})


def count_words(text: str) -> int:
    return len(text.split())


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return make_facts(ONTOLOGY, 300, seed=4, conditions=6)


def test_pairs_say_the_truth_and_its_opposite(facts: pl.DataFrame) -> None:
    design = design_probes(facts, ONTOLOGY, recipe(), count_words)
    assert design.frame.columns == [*COLUMN_ORDER["probes"], "split"]
    assert set(design.frame["negation_in"]) == {"correct", "foil"}
    known = {(r["study_id"], r["condition"]): r for r in facts.sort("severity").to_dicts()}
    for row in design.frame.to_dicts():
        c = ONTOLOGY.condition_by_name[row["condition"]]
        fact = known[row["study_id"], row["condition"]]
        grave = "extensive" if c.name == "Consolidation" else "severe"
        a = c.article or grave  # nobody says "severe fracture"
        absent, severe = f"There is no {c.text}.", f"There is {a} {c.text}."
        if row["negation_in"] == "correct":
            assert fact["existence"] == "absent" and (row["correct"], row["foil"]) == (absent, severe)
        else:
            assert a != grave or fact["severity"] == ONTOLOGY.grades(c.name)[-1]
            assert (row["correct"], row["foil"]) == (severe, absent)
    lesser = design.report["left_out"]["grade unknown or not the highest"]
    definite = facts.select("study_id", "condition").n_unique() - design.report["contradictory_states"]
    assert len(design.frame) + lesser <= definite


def test_a_source_without_grades_counts_all_its_findings(facts: pl.DataFrame) -> None:
    bare = facts.with_columns(pl.lit(None, pl.String).alias("severity"))
    design = design_probes(bare, ONTOLOGY, recipe(balanced=False), count_words)
    assert "grade unknown or not the highest" not in design.report["left_out"]
    assert len(design.frame) == facts.select("study_id", "condition").n_unique()


def test_unequal_pairs_are_left_out_and_counted(facts: pl.DataFrame) -> None:
    equal = design_probes(facts, ONTOLOGY, recipe(balanced=False), count_words)
    odd = design_probes(
        facts, ONTOLOGY, recipe(balanced=False), lambda t: len(t) if "pneumothorax" in t else 5
    )
    assert "Pneumothorax" not in odd.frame["condition"]
    lost = equal.report["by_condition"]["Pneumothorax"]
    assert odd.report["unequal_token_counts"] == {"Pneumothorax": lost}


def test_without_a_present_word_the_noun_takes_its_article(facts: pl.DataFrame) -> None:
    pneumothorax = write_pair(ONTOLOGY.condition_by_name["Pneumothorax"], None)
    assert (pneumothorax.present, pneumothorax.absent) == (
        "There is a pneumothorax.",
        "There is no pneumothorax.",
    )
    devices = write_pair(ONTOLOGY.condition_by_name["Support Devices"], None)
    assert (devices.present, devices.absent) == (
        "There are visible support devices.",
        "There are no support devices.",
    )
    fit = {c.name: fit_word(c, "severe", ONTOLOGY) for c in ONTOLOGY.conditions}
    assert fit["Edema"] == "severe" and fit["Consolidation"] == "extensive"
    assert not any(fit[c] for c in ("Fracture", "Support Devices", "Enlarged Cardiomediastinum"))
    design = design_probes(facts, ONTOLOGY, recipe(present_word=None), count_words)
    assert "Pneumonia" in design.report["unequal_token_counts"]


def test_order_of_rows_changes_nothing_and_a_limit_spreads(facts: pl.DataFrame) -> None:
    first = design_probes(facts, ONTOLOGY, recipe(limit=24), count_words)
    again = design_probes(facts.reverse(), ONTOLOGY, recipe(limit=24), count_words)
    assert first.frame.equals(again.frame)
    counts = first.frame.group_by("condition", "negation_in").len()["len"]
    assert len(first.frame) == 24 and set(counts) == {2}


def test_no_facts_make_no_pairs(facts: pl.DataFrame) -> None:
    assert len(design_probes(facts.clear(), ONTOLOGY, recipe(), count_words).frame) == 0


def test_open_clip_finds_all_pairs_equal(ontology: Ontology) -> None:
    pytest.importorskip("open_clip")
    count = load_token_counter("open_clip")
    for condition in ontology.conditions:
        texts = write_pair(condition, fit_word(condition, "severe", ontology))
        assert count(texts.present) == count(texts.absent)


def test_a_wrong_tokenizer_is_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such tokenizer folder"):
        load_token_counter(str(tmp_path / "nowhere"))
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match="not a tokenizer"):
        load_token_counter(str(tmp_path))


def test_a_hugging_face_folder_is_read(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    words = {w: i for i, w in enumerate(["[UNK]", "there", "is", "no", "severe", "edema"])}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=model, unk_token="[UNK]").save_pretrained(tmp_path)
    assert load_token_counter(str(tmp_path))("there is no edema") == 4


def test_both_directions_are_even_in_every_split_source_and_condition(facts: pl.DataFrame) -> None:
    two = pl.concat([facts, facts.with_columns(pl.lit("other").alias("source"))])
    frame = design_probes(two, ONTOLOGY, recipe(), count_words).frame
    cells = frame.group_by("split", "source", "condition").agg((pl.col("negation_in") == "foil").mean())
    assert len(cells) > 10 and (cells["negation_in"] == 0.5).all()
    assert frame["pair_id"].is_unique().all() and frame["pair_id"].str.contains("^probe-[0-9a-f]{16}$").all()
    uneven = design_probes(two, ONTOLOGY, recipe(balanced=False), count_words)
    assert len(uneven.frame) > len(frame)


def test_a_limit_keeps_pairs_of_directions_and_the_shares_of_splits(facts: pl.DataFrame) -> None:
    frame = design_probes(facts, ONTOLOGY, recipe(limit=100), count_words).frame
    assert len(frame) == 100
    assert frame["negation_in"].value_counts()["count"].to_list() == [50, 50]
    assert 0.6 < (frame["split"] == "train").mean() < 0.95  # type: ignore[operator]
