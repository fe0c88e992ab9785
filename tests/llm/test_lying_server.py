"""A build through a model server that lies fluently in 15 of 100 sentences admits none of its lies.

Truth is what the adversary wrote down when it composed a sentence; neither reader nor grammar is asked.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from contextual_facts import as_fact, claims_of
from lying_server import Liar
from servers import serve

import nastdata
from nastdata.ontology import Ontology
from nastdata.pipeline import Built, make
from nastdata.progress import Progress
from nastdata.recipe import check_recipe

SHARE = 0.15


def build(kind: str, url: str, cache: Path, **more: Any) -> Built:
    asks = {"realizer": "openai", "model": "m", "base_url": url, "cache": str(cache), "wordings": 3}
    recipe = {
        "recipe": kind,
        "audit": {"enabled": False},
        "writer": asks,
        **more,
    }
    return make(check_recipe(recipe, where="test"), Progress(quiet=True))


def captions_of(built: Built, liar: Liar) -> list[tuple[str, Any]]:
    """Texts of the folder that the server wrote, each with the fact of its row."""
    out: list[tuple[str, Any]] = []
    for row in built.configs["contextual_captions"].to_dicts():
        out.append((row["caption"], as_fact(row["fact"], row["negation_type"])))
    for row in built.configs["contextual_claims"].to_dicts():
        out += zip(row["claims"], claims_of(row), strict=True)
    return [(text, fact) for text, fact in out if text in liar.captions]


def admit_captions(tmp_path: Path, patients: int, seed: int) -> tuple[Liar, list[tuple[str, Any]]]:
    liar = Liar(SHARE)
    with serve(write=liar.write) as (url, _):
        built = build("contextual", url, tmp_path / "a.sqlite", phantom_patients=patients, seed=seed)
    return liar, captions_of(built, liar)


def test_no_lie_enters_a_contextual_build(tmp_path: Path, record_property: Any) -> None:
    liar, admitted = admit_captions(tmp_path, 25, 0)
    assert liar.lies > 0.1 * liar.told > 50
    assert len(admitted) > 200
    wrong = [(text, fact, liar.captions[text]) for text, fact in admitted if liar.captions[text] != fact]
    assert not wrong, wrong[:10]
    refused = [
        (t, why) for t, f in liar.honest.items() if (why := nastdata.check_caption(t, asdict(f))) is not None
    ]
    record_property("honest_answers_refused", f"{len(refused)} of {len(liar.honest)}")
    assert len(refused) <= 0.10 * len(liar.honest), refused[:20]


@pytest.mark.parametrize("design", ["balanced"])
def test_no_lie_enters_mednega(tmp_path: Path, ontology: Ontology, design: str) -> None:
    liar = Liar(SHARE)
    with serve(write=liar.write) as (url, _):
        built = build("mednega", url, tmp_path / "a.sqlite", phantom_patients=300, limit=160, design=design)
    written = 0
    for row in built.configs["mednega"].to_dicts():
        names = [ontology.condition_by_name[c].text for c in row["conditions"]]
        for labels, *texts in zip(
            row["choice_labels"], row["negated_choices"], row["affirmative_choices"], strict=True
        ):
            for text in texts:
                if text in liar.options:
                    written += 1
                    assert liar.options[text] == dict(zip(names, labels, strict=True)), text
    assert liar.lies > 0.1 * liar.told > 20 and written > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_no_lie_enters_a_larger_build(tmp_path: Path, seed: int) -> None:
    liar, admitted = admit_captions(tmp_path, 600, seed)
    assert liar.lies > 500
    wrong = [(text, fact, liar.captions[text]) for text, fact in admitted if liar.captions[text] != fact]
    assert not wrong, wrong[:10]
