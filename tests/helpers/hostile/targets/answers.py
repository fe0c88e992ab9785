"""What a model server says: replies of every shape, to writers, to the second reader, to an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hostile.fuzz import Act, Attempt, Target
from hostile.mutate import Mutator
from hostile.nasty import TEXTS, json_attacks

OPTIONS = (
    "Pleural effusion without edema.",
    "Edema without pleural effusion.",
    "Neither edema nor effusion.",
    "Edema and pleural effusion.",
)
SAID = (
    "B",
    "The answer is (B).",
    "**B**",
    "<think>maybe A</think> B",
    "ANSWER: B",
    '{"answer": "B"}',
    "A, or rather B, not C",
    "I can't answer that.",
    "\\boxed{\\text{B}}",
    "Edema without pleural effusion.",
    "B. Edema without pleural effusion. The heart is normal.",
)
LONG = {
    "letters": "A " * 300_000,
    "brackets": "(" * 300_000 + "A",
    "think tags": "<think>" * 60_000 + "A",
    "closed think tags": "<think></think>" * 40_000 + "B",
    "answer is": "the answer is " * 50_000 + "B",
    "braces": "{" * 300_000,
    "boxed": "\\boxed{" * 50_000 + "B",
    "stars": "*" * 500_000 + "A",
    "quotes": '"' * 400_000,
    "newlines": "\n" * 500_000 + "A",
    "not": "not A, " * 80_000,
    "blanks": " " * 800_000,
    "A without end": "A" * 800_000,
    "fences": "```json\n" * 60_000,
    "json objects": '{"a": 1} ' * 60_000,
    "final answers": "Final answer: A. " * 40_000,
    "options": " ".join(OPTIONS) * 5_000,
    "underscores": "_A_" * 100_000,
}


def make_reply(m: Mutator, text: str) -> Any:
    """Return a chat completion, damaged in its structure."""
    whole = {
        "id": "c1",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": {"content": [{"token": "B", "logprob": -0.1, "top_logprobs": []}]},
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return m.json(whole) if m.rng.random() < 0.7 else whole


class Stub:
    """An adapter that answers with what it is given, as the HTTP one would read it."""

    provider, model, endpoint = "openai", "m", "http://127.0.0.1:9/v1"
    revision: str | None = None

    def __init__(self, m: Mutator, good: Any) -> None:
        self.m, self.good = m, good

    def converse(self, requests: Iterable[Any], keep: Any, reply: Any) -> None:
        """See ``Adapter``."""
        from nastdata.llm.chat import read_reply

        todo = list(requests)
        while todo:
            request = todo.pop(0)
            text = json.dumps(self.m.json(self.good)) if self.m.rng.random() < 0.7 else self.m.text()
            sent = make_reply(self.m, text)
            answer = read_reply(sent if isinstance(sent, dict) else {}, request)
            keep(request, answer)
            todo += reply(request, answer)


def prepare(box: Path) -> Attempt:
    """The readers of answers, and the three that ask."""
    from nastdata.assemble.checks import make_checks
    from nastdata.evaluation.generative.endpoint import Endpoint
    from nastdata.evaluation.generative.settings import VisionSettings
    from nastdata.llm.answer_schemas import find_json, sentences_schema
    from nastdata.llm.answers.reader import read_answer
    from nastdata.llm.base import Request
    from nastdata.llm.cache import AnswerCache
    from nastdata.llm.chat import read_reply
    from nastdata.ontology import load_ontology
    from nastdata.reading.second_reader.model_reader import ModelReader
    from nastdata.recipe import SecondReaderSettings, WriterSettings
    from nastdata.records import OptionStatement
    from nastdata.writing.language_models.factory import LlmWriter
    from nastdata.writing.template import TemplateWriter

    ontology = load_ontology("chest_xray")
    checks, template = make_checks(ontology), TemplateWriter(ontology, 0)
    names = [c.name for c in ontology.conditions]
    schema = sentences_schema(2)
    request = Request("openai", "m", None, (("user", "x"),), schema, ())
    long = list(LONG.items())
    replies = list(json_attacks().values())

    def write(m: Mutator) -> None:
        good = {"sentences": ["No edema.", "Presence of edema."]}
        cache = AnswerCache(box / "out" / "a.sqlite")
        try:
            given = WriterSettings(realizer="openai", wordings=2, max_attempts=2, stop_after=6)
            writer = LlmWriter(Stub(m, good), given, ontology, 0, checks, template, cache)
            wanted = [(OptionStatement((names[3], names[4], names[5]), (0, 1, 1)), k) for k in range(2)]
            writer.write_options(wanted)
            json.dumps(writer.account(), allow_nan=False)
        finally:
            cache.close()

    def second(m: Mutator) -> None:
        finding = dict(
            condition="Edema", existence="present", certainty="definite", place="none", grade="none"
        )
        settings = SecondReaderSettings(
            cache=box / "out" / "b.sqlite", model="m", max_attempts=2, stop_after=6
        )
        reader = ModelReader(
            settings, ontology, adapter=Stub(m, {"findings": [{**finding, "sentence": "1"}]})
        )
        reader.read(
            ["There is edema. No effusion.", m.text().encode("utf-8", "replace").decode() + " Edema."]
        )
        json.dumps(reader.account(), allow_nan=False)
        reader.close_run()

    endpoint = Endpoint.__new__(Endpoint)
    asked: Any = SimpleNamespace(options=OPTIONS)
    endpoint._settings, endpoint.url = VisionSettings(), "http://127.0.0.1:9/v1"
    logprobs = VisionSettings(choice="logprobs")

    def attempt(i: int, m: Mutator) -> tuple[str, Act]:
        if i < len(long):
            return f"long: {long[i][0]}", lambda: read_answer(long[i][1], OPTIONS)
        if i < 2 * len(long):
            text = long[i - len(long)][1]
            return f"long: {long[i - len(long)][0]}, for JSON", lambda: find_json(text, schema)
        roll = m.rng.random()
        text = m.rng.choice(SAID) if m.rng.random() < 0.6 else m.rng.choice(TEXTS)
        for _ in range(m.rng.randrange(3)):
            text = m.rng.choice(
                (text + " " + m.text(), m.text() + "\n" + text, text * 2, text.replace("B", m.text()))
            )
        if roll < 0.5:
            options = OPTIONS if m.rng.random() < 0.7 else [m.text() for _ in range(4)]
            return "answer reader", lambda: read_answer(text, options, cut=m.rng.random() < 0.2)
        if roll < 0.6:
            return "JSON in an answer", lambda: find_json(
                text + json.dumps(m.json({"sentences": ["a", "b"]})), schema
            )
        if roll < 0.8:
            try:
                data = (
                    m.rng.choice(replies)
                    if m.rng.random() < 0.1
                    else json.dumps(make_reply(m, text)).encode()
                )
                sent = json.loads(data)
            except (ValueError, RecursionError):
                sent = {}
            sent = sent if isinstance(sent, dict) else {}
            if m.rng.random() < 0.5:
                return "reply to a writer", lambda: read_reply(sent, request)

            def vision() -> None:
                endpoint._settings = logprobs if m.rng.random() < 0.5 else VisionSettings()
                answer = endpoint._read(sent, asked, 0)
                read_answer(answer.text, OPTIONS)

            return "reply to an evaluation", vision
        if roll < 0.9:
            return "writer", lambda: write(m)
        return "second reader", lambda: second(m)

    return attempt


TARGETS = (
    Target(
        "model answer", "replies to writers, the second reader and `evaluate`, and the answer reader", prepare
    ),
)
