from __future__ import annotations

import pytest

from nastdata.ontology import Ontology, Phrase
from nastdata.writing.grammar.morphology import (
    add_article,
    agree_all,
    capitalize,
    choose_article,
    find_plural,
    join_list,
)


@pytest.mark.parametrize(
    ("items", "joined"),
    [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")],
)
def test_lists(items: list[str], joined: str) -> None:
    assert join_list(items, "or") == joined


@pytest.mark.parametrize(
    ("word", "article"),
    [("opacity", "an"), ("large effusion", "a"), ("apical", "an"), ("unilateral", "a"), ("Upper", "an")],
)
def test_articles(word: str, article: str) -> None:
    assert choose_article(word) == article


def test_agreement() -> None:
    one, many = Phrase(text="fracture", article="a"), Phrase(text="devices", number="plural")
    assert [agree_all([one]), agree_all([many]), agree_all([one, one])] == ["is", "are", "are"]
    assert [add_article(one), add_article(many)] == ["a fracture", "devices"]


def test_capitals_touch_the_first_letter_only() -> None:
    assert capitalize("right PICC") == "Right PICC"


def test_plurals_are_those_of_the_ontology(ontology: Ontology) -> None:
    found = {c.name: find_plural(c) for c in ontology.conditions}
    assert found["Pneumothorax"] == "pneumothoraces"
    assert found["Lung Opacity"] == "lung opacities"
    assert found["Pleural Effusion"] == "pleural effusions"
    assert found["Cardiomegaly"] is found["Consolidation"] is found["Support Devices"] is None
