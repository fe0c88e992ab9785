"""The bank: rows find their words by a hash of their own, so that they keep them when rows are added."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from batch_driver import list_wanted, make
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.assemble.facts import assemble_captions, assemble_claims
from nastdata.assemble.options import assemble_mednega
from nastdata.engines.local import LocalEngine
from nastdata.ontology import Ontology, load_ontology
from nastdata.pipeline import make as make_rows
from nastdata.progress import Progress
from nastdata.recipe import check_recipe
from nastdata.writing.template import TemplateWriter

WORDS = {
    "mednega": ("question", "negated_choices", "affirmative_choices", "plan_id", "realizer"),
    "contextual_captions": ("caption", "realizer"),
    "contextual_claims": ("claims", "realizer"),
}
NAMES = {"mednega": "item_id", "contextual_captions": "caption_id", "contextual_claims": "set_id"}
GROUPS = {"mednega": "group_id", "contextual_captions": "pair", "contextual_claims": "group_id"}
"""What is worded together: the halves of a pair of captions are to be equally long."""
ASSEMBLE: dict[str, Any] = {
    "mednega": assemble_mednega,
    "contextual_captions": assemble_captions,
    "contextual_claims": assemble_claims,
}
ONTOLOGY: Ontology = load_ontology("chest_xray")


def recall(kind: str) -> Any:
    given = {"phantom_patients": 90, "audit": {"enabled": False}, "workers": 1, "limit": 240}
    return check_recipe({"recipe": kind, **given, "writer": {"wordings": 8}}, where="test")


@pytest.fixture(scope="module")
def designed() -> dict[str, pl.DataFrame]:
    """Config -> what its design hands on; filled by ``built``."""
    return {}


@pytest.fixture(scope="module")
def built(designed: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    quiet = Progress(quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        for config, assemble in ASSEMBLE.items():

            def keep(frame: pl.DataFrame, *rest: Any, c: str = config, a: Any = assemble) -> Any:
                designed[c] = frame
                return a(frame, *rest)

            patch.setattr(f"nastdata.stages.parts.{assemble.__name__}", keep)
        made = make_rows(recall("mednega"), quiet).configs
        return {**made, **make_rows(recall("contextual"), quiet).configs}


def say(rows: pl.DataFrame, config: str) -> dict[str, Any]:
    columns = [NAMES[config], *WORDS[config]]
    return {name: tuple(map(str, words)) for name, *words in rows.select(columns).iter_rows()}


@pytest.mark.parametrize("config", list(WORDS))
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.95))
def test_rows_keep_their_words_when_rows_are_added(
    built: dict[str, pl.DataFrame],
    designed: dict[str, pl.DataFrame],
    config: str,
    seed: int,
    share: float,
) -> None:
    rows = designed[config]
    rng = random.Random(seed)
    groups = sorted(set(rows[GROUPS[config]]))
    kept = rng.sample(groups, max(int(share * len(groups)), 1))
    fewer = rows.filter(pl.col(GROUPS[config]).is_in(kept))
    fewer = fewer.sample(fraction=1.0, shuffle=True, seed=seed)  # their order does not matter either
    recipe = recall("mednega" if config == "mednega" else "contextual")
    writer = TemplateWriter(ONTOLOGY, recipe.seed)
    again = ASSEMBLE[config](fewer, writer, ONTOLOGY, recipe, LocalEngine(1)).frame
    said = say(built[config], config)
    assert say(again, config) == {name: said[name] for name in fewer[NAMES[config]]}


def test_rows_of_one_fact_share_a_few_wordings_evenly(built: dict[str, pl.DataFrame]) -> None:
    rows = built["contextual_captions"].with_columns(pl.col("fact").struct.json_encode().alias("said"))
    chosen: dict[str, Counter[str]] = {}
    for fact, negation, caption in rows.select("said", "negation_type", "caption").iter_rows():
        chosen.setdefault(f"{fact}{negation}", Counter())[caption] += 1
    # halves of a pair are equally long, which leaves some facts a single wording
    assert all(len(c) <= 8 for c in chosen.values())
    several = [c for c in chosen.values() if len(c) > 1]
    assert several and all(max(c.values()) < c.total() for c in several)


def test_what_is_asked_of_a_model_does_not_hang_on_what_else_is_wanted(tmp_path: Path) -> None:
    def ask(wanted: list[Any]) -> set[str]:
        writer: Any = make({"base_url": "http://127.0.0.1:9/v1", "cache": str(tmp_path / "a.sqlite")})
        blocks = [block for block, _ in writer.plan_options(wanted)]
        return {writer.asker.write_request(block, 0).key for block in blocks}

    wanted = list_wanted()
    whole = ask(wanted)
    assert len(whole) == 12
    for seed in range(5):
        part = random.Random(seed).sample(wanted, 20)
        assert ask(part) <= whole
        assert ask(part) == ask(part[::-1])
