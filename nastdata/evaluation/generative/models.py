"""What answers questions about images: a server, or a model in this process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nastdata.evaluation.generative.questions import Asked
from nastdata.llm.answers.reader import LETTERS, Reading, read_answer
from nastdata.llm.base import Answer, CallFailure

LOGPROBS = "letter_logprobs"
"""Key of the JSON object that an answer by log-probabilities holds."""


class VisionModel(Protocol):
    """Answers one question at a time; may be called from several threads if ``concurrency`` allows."""

    model: str
    identity: str
    """What tells this model from others, for the cache: address and name, or a hash of the weights."""
    at_once: int
    """How many questions may be under way."""
    notes: list[str]
    """What the user should be told, e.g. that the server refused the temperature."""

    def answer(self, asked: Asked) -> Answer | CallFailure:
        """Ask; failures that another try may mend are returned, others raised.

        Raises:
            UserError: if nothing can be asked there.
        """
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


def choose_by_logprobs(tokens: Sequence[tuple[str, float]], options: int) -> str:
    """Return the answer's text for the log-probabilities of first tokens: JSON, letter to log-probability.

    Args:
        tokens: (token, log-probability); the marks of tokenizers and brackets around a letter are ignored.
        options: number of options.
    """
    found: dict[str, list[float]] = {}
    for token, value in tokens:
        bare = token.strip(" \tĠ▁\n(*\"'").rstrip(").:*\"'")
        if len(bare) == 1 and bare in LETTERS[:options]:
            found.setdefault(bare, []).append(value)
    summed = {x: round(_add_logs(values), 6) for x, values in sorted(found.items())}
    return json.dumps({LOGPROBS: summed})


def _add_logs(values: Sequence[float]) -> float:
    highest = max(values)
    if math.isinf(highest):
        return -1e9
    return highest + math.log(sum(math.exp(v - highest) for v in values))


def read_reply(asked: Asked, answer: Answer) -> Reading:
    """Return what an answer says: its letter by log-probabilities, or as its text is read."""
    if answer.text.startswith(f'{{"{LOGPROBS}"'):
        values: Mapping[str, float] = json.loads(answer.text)[LOGPROBS]
        best = sorted(values, key=lambda x: (-values[x], x))
        if not best:
            return Reading(None, "no letter among the log-probabilities")
        if len(best) > 1 and values[best[0]] == values[best[1]]:
            return Reading(None, "several letters")
        return Reading(best[0], "logprobs")
    if answer.outcome == "refusal":
        return Reading(None, "refusal")
    return read_answer(answer.text, asked.options, cut=answer.outcome == "truncated")


def is_worth_keeping(answer: Answer) -> bool:
    """Whether an answer is one: empty, cut and filtered ones are asked again by the next run."""
    return answer.outcome == "ok" and bool(answer.text.strip())


def describe_messages(system: str | None, content: Any) -> list[dict[str, Any]]:
    """Return chat messages for a question."""
    head = [{"role": "system", "content": system}] if system else []
    return [*head, {"role": "user", "content": content}]
