"""Denials of less than a finding: said with their word, in pairs, or left out."""

from __future__ import annotations

import polars as pl
import pytest

from nastdata.checks.integrity import _add_fields, _is_older
from nastdata.checks.rules.facts import _judge_fact
from nastdata.design.contextual.captions import design_captions
from nastdata.frames import FACTS_SCHEMA, config_schema
from nastdata.ontology import load_ontology
from nastdata.reading.caption_gate import judge_facts
from nastdata.recipe import ContextualRecipe, check_recipe
from nastdata.records import Fact
from nastdata.writing.grammar.facts import FactGrammar

ONTOLOGY = load_ontology("chest_xray")


def recipe(**changes: object) -> ContextualRecipe:
    captions = {"mix": None, "max_share": None}
    made = check_recipe({"recipe": "contextual", "captions": captions, **changes}, where="test")
    assert isinstance(made, ContextualRecipe)
    return made


def make_facts(*studies: tuple[str, str, str | None], n: int = 8) -> pl.DataFrame:
    """Return ``n`` studies each of (condition, existence, qualifier), all in train."""
    rows = [
        ("s", f"p{i}-{k}", f"{i}-{k}", f"{i}-{k}", None, None, "frontal", c, e, None, None, q, "train")
        for i, (c, e, q) in enumerate(studies)
        for k in range(n)
    ]
    return pl.DataFrame(rows, schema={**FACTS_SCHEMA, "split": pl.String()}, orient="row")


FACTS = make_facts(
    ("Consolidation", "present", None),
    ("Consolidation", "present", None),
    ("Consolidation", "absent", None),
    ("Consolidation", "absent", "focal"),
    ("Pleural Effusion", "present", None),
    ("Pleural Effusion", "absent", "definite"),
    ("Pneumonia", "present", None),
    ("Pneumonia", "absent", "by another sign"),
)


def list_said(frame: pl.DataFrame) -> list[tuple[str, str, str | None, str]]:
    fact = frame["fact"].struct.unnest()
    return list(
        fact.select("condition", "existence", "qualifier").hstack(frame.select("study_id")).iter_rows()
    )


def test_under_exact_a_denial_in_part_is_left_out() -> None:
    for strength in ("exact", ["exact", "broad"]):
        frame = design_captions(FACTS, ONTOLOGY, recipe(strength=strength)).frame
        assert len(frame) == 16 and frame["fact"].struct.field("qualifier").null_count() == 16


@pytest.mark.parametrize("strength", ["qualified", "exact,qualified", ["qualified", "exact"]])
def test_a_denial_in_part_is_said_with_its_word(strength: object) -> None:
    frame = design_captions(FACTS, ONTOLOGY, recipe(strength=strength)).frame
    said = list_said(frame)
    source = {
        (s, c): (e, q)
        for s, c, e, q in FACTS.select("study_id", "condition", "existence", "qualifier").rows()
    }
    words = {q for _, _, q, _ in said}
    assert words == {None, "focal", "definite"}, "what no text can say is not said"
    for condition, existence, word, study in said:
        stated, how = source[study, condition]
        assert existence == stated
        assert how == word if existence == "absent" else how is None
    # a word that any sure finding licenses is on both sides; every cell has as many of either
    of_word = {w: [e for _, e, q, _ in said if q == w] for w in words}
    assert of_word["definite"].count("absent") == of_word["definite"].count("present") == 8
    assert of_word["focal"] == ["absent"] * 8
    consolidation = [e for c, e, _, _ in said if c == "Consolidation"]
    assert consolidation.count("present") == consolidation.count("absent") == 16
    assert frame["caption_id"].n_unique() == len(frame)
    pairs = frame.group_by("pair").agg(pl.len(), pl.col("polarity").n_unique())
    assert set(pairs.select("len", "polarity").rows()) == {(2, 2)}


def test_every_sentence_with_a_qualifier_is_read_back_with_it() -> None:
    grammar = FactGrammar(ONTOLOGY)
    for c in ONTOLOGY.conditions:
        for word in ONTOLOGY.list_qualifiers(c.name):
            facts = [Fact(c.name, "absent", qualifier=word)]
            facts += [Fact(c.name, "present", qualifier=word)] if word in ONTOLOGY.evident else []
            for fact in facts:
                texts = [s.text for s in grammar.list_sentences(fact)]
                assert len(texts) > 12 and all(word in t.lower() for t in texts)
                assert judge_facts([(t, fact) for t in texts], ONTOLOGY) == [None] * len(texts)
                plain = Fact(c.name, fact.existence)
                assert all(judge_facts([(t, plain) for t in texts], ONTOLOGY)), (
                    "it says less than the plain fact"
                )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("There is no consolidation.", "focal"),
        ("There is no acute consolidation.", "focal"),
        ("There is no focal acute consolidation.", "focal"),
        ("There is no focal consolidation or effusion.", "focal"),
        ("There is a focal consolidation.", "focal"),
        ("There is no focal consolidation on the left.", "focal"),
        ("Focal, there is no consolidation.", "focal"),
    ],
)
def test_another_denial_is_refused(text: str, word: str) -> None:
    fact = Fact("Consolidation", "absent", qualifier=word)
    assert judge_facts([(text, fact)], ONTOLOGY) != [None]


def test_words_that_the_ontology_does_not_have_are_refused_on_disk() -> None:
    row = ("Consolidation", "absent", None, None, "existence")
    assert _judge_fact((*row, "focal"), ONTOLOGY) is None
    assert _judge_fact((*row, "displaced"), ONTOLOGY) is not None
    there = ("Consolidation", "present", None, None, "none")
    assert _judge_fact((*there, "definite"), ONTOLOGY) is None
    assert _judge_fact((*there, "focal"), ONTOLOGY) is not None


def test_older_folders_have_no_qualifiers() -> None:
    wanted = config_schema("contextual_captions")["fact"]
    assert isinstance(wanted, pl.Struct)
    older = pl.DataFrame({"fact": [dict.fromkeys([f.name for f in wanted.fields[:4]], "x")]})
    assert _is_older(older.schema["fact"], wanted) and not _is_older(wanted, wanted)
    newer = older.with_columns(_add_fields(older.schema["fact"], "fact", wanted))
    assert newer.schema["fact"] == wanted and newer["fact"][0]["qualifier"] is None
    assert not _is_older(pl.Struct({"other": pl.String()}), wanted)
