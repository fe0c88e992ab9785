"""Three questions to a language model, with the raw answers: what ``nastdata doctor --writer`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nastdata.errors import UserError
from nastdata.llm.base import Answer, CallFailure, Request
from nastdata.ontology import Ontology
from nastdata.recipe import WriterSettings
from nastdata.records import Fact
from nastdata.writing.base import Checks
from nastdata.writing.language_models.factory import make_llm_writer
from nastdata.writing.language_models.questions import Block, take_answer
from nastdata.writing.template import TemplateWriter


@dataclass(frozen=True)
class Trial:
    """One question and what came of it."""

    asked: str
    answered: str
    """As it came; empty if nothing did."""
    verdict: str
    """``accepted: ...`` with the sentence, or the reason against the answer."""


def try_writer(settings: WriterSettings, ontology: Ontology, seed: int, checks: Checks) -> Iterator[Trial]:
    """Put three questions to the recipe's model, past the cache, and yield what was answered.

    Raises:
        UserError: if the writer asks no model, or no server answers.
    """
    if settings.realizer == "template":
        raise UserError("the template writer asks no model", where="realizer", how="--realizer openai")
    given = settings.model_copy(update={"wordings": 1, "batch_api": False, "per_item": False, "bound": False})
    with TemporaryDirectory() as folder:
        given = given.model_copy(update={"cache": Path(folder) / "answers.sqlite"})
        template = TemplateWriter(ontology, seed)
        writer: Any = make_llm_writer(given, ontology, seed, checks, template, fresh=True)
        yield from _ask(writer, writer.list_fact_questions([(f, 0) for f in choose_facts(ontology)]))
        writer.asker.cache.close()


def choose_facts(ontology: Ontology) -> list[Fact]:
    """Return a present finding, an absent one, and one with a place, where the ontology has places."""
    names = [c.name for c in ontology.conditions]
    place = next((p.name for p in ontology.places), None)
    return [
        Fact(names[0], "present"),
        Fact(names[1 % len(names)], "absent"),
        Fact(names[2 % len(names)], "present", place),
    ]


def _ask(writer: Any, blocks: list[Block]) -> Iterator[Trial]:
    requests = [writer.asker.write_request(block, 0) for block in blocks]
    came: dict[str, Answer | CallFailure] = {}

    def reply(request: Request, result: Answer | CallFailure) -> list[Request]:
        came[request.key] = result
        return []

    writer.asker.adapter.converse(requests, lambda request, answer: None, reply)
    for block, request in zip(blocks, requests, strict=True):
        result = came.get(request.key, CallFailure("not asked"))
        take_answer(block, request, result)
        said = "" if isinstance(result, CallFailure) else result.raw or result.text
        text = block.texts[0]
        yield Trial(request.messages[-1][1], said, f"accepted: {text}" if text else block.reasons[0])
