"""Asking a model until a text holds: questions in blocks, answers from the cache, refusals with their reason.

A block is one question's worth of sentences. What it asks depends on the statement and the number of the
wording, never on what else a build wants: so a killed build goes on where it was, with the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from nastdata.errors import UserError
from nastdata.llm.answer_schemas import sentences_schema
from nastdata.llm.base import BUDGET, Adapter, Answer, CallFailure, Request
from nastdata.llm.cache import AnswerCache
from nastdata.llm.ledger import RunLedger
from nastdata.llm.prompts import render
from nastdata.recipe import WriterSettings
from nastdata.seeded import draw_int

SYSTEM = "You are a careful radiology report writer. You answer with JSON only."
ROUNDS = 3
"""Times that questions without any answer (timeouts, server errors) are put again after the SDK gave up."""
_OUTCOMES = {
    "truncated": "answer cut off",
    "invalid": "not of the form asked for",
    "refusal": "refused by the model",
}


def _cut(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


Judge = Callable[[str], str | None]
Form = Callable[[int], dict[str, Any]]


@dataclass(eq=False)
class Block:
    """One question's worth of sentences and how far they are."""

    name: tuple[Any, ...]
    """What identifies it: the draws that shape its question hang on this."""
    prompt: str
    """Of the first attempt."""
    judges: list[Judge]
    """One per sentence: the reason against a text, or None."""
    form: Form = sentences_schema
    """Number of sentences still wanted -> JSON schema, or grammar of a local model."""
    texts: list[str | None] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    last: list[str | None] = field(default_factory=list)
    said: list[str | None] = field(default_factory=list)
    """What the model said last for each sentence, usable or not."""
    keys: list[str] = field(default_factory=list)
    """Of the requests that gave the accepted texts, for lineage."""

    def __post_init__(self) -> None:
        """Start with nothing accepted."""
        n = len(self.judges)
        self.texts, self.reasons, self.last = [None] * n, ["not asked"] * n, [None] * n
        self.keys, self.said = [""] * n, [None] * n

    @property
    def open(self) -> list[int]:
        """Numbers of the sentences that are still wanted."""
        return [i for i, t in enumerate(self.texts) if t is None]


Follow = Callable[[Block], Block | None]
"""Given a block that is done, the one that goes on from its texts."""


class Asker:
    """Puts blocks to a model.

    Args:
        adapter: the model.
        settings: of the recipe's writer.
        seed: of the recipe.
        cache: where answers are kept.
        fresh: put questions again even if there is an answer.
    """

    def __init__(
        self, adapter: Adapter, settings: WriterSettings, seed: int, cache: AnswerCache, fresh: bool
    ) -> None:
        self.adapter, self.settings, self.seed, self.cache, self.fresh = adapter, settings, seed, cache, fresh
        self.run = RunLedger()
        self.used: dict[str, Answer] = {}
        """Every answer that this build asked for, by request key."""
        self.refused: Counter[str] = Counter()
        """Reason -> how many sentences were refused for it and asked for again."""
        self._new: dict[str, Answer] = {}

    def solve(self, blocks: Iterable[Block], follow: Follow | None = None) -> None:
        """Ask for every block's open sentences, up to the number of attempts, each time with the reasons.

        Args:
            blocks: what to ask; taken from as there is room for more questions.
            follow: called once with each block that is done; the block it returns, if any, is solved too.

        Raises:
            UserError: if the budget is reached or a server stays silent; all answers are kept.
        """
        conversation = _Conversation(self, follow)
        first = (request for block in blocks for request in conversation.start(block, 0))

        def keep(request: Request, answer: Answer) -> None:
            self.cache.put(request, answer, replace=self.fresh)

        self.adapter.converse(first, keep, conversation.reply)
        conversation.check_end()

    def find_answer(self, key: str) -> Answer | None:
        """Return a kept answer; with ``fresh`` only one that this run has asked for."""
        if self.fresh:
            return self._new.get(key)
        return self.cache.get_many([key], self.adapter.endpoint).get(key)

    def note_answer(self, key: str, answer: Answer) -> None:
        """Account for an answer that this run has asked for."""
        self._new[key] = answer
        self.run.add(answer)

    def write_request(self, block: Block, attempt: int) -> Request:
        """Return the question for a block's open sentences."""
        form = block.form(len(block.open))
        bound = "regexes" in form  # then there is nothing to explain, and no JSON to write
        messages = [("user", block.prompt)] if bound else [("system", SYSTEM), ("user", block.prompt)]
        if attempt and not bound and all(block.last[i] is not None for i in block.open):
            said = [t or last for t, last in zip(block.texts, block.last, strict=True)]
            refusals = [
                {"number": i + 1, "text": block.last[i], "reason": block.reasons[i]} for i in block.open
            ]
            messages.append(("assistant", json.dumps({"sentences": said})))
            messages.append(("user", render("regenerate", refusals=refusals)))
        s = self.settings
        base = s.seed if s.seed is not None else self.seed
        sampling = {
            "max_tokens": s.max_tokens,
            # A question of its own for each wording and attempt, else the same words would come back.
            "seed": draw_int(base, "sampling", *map(str, block.name), attempt) % 2**31,
            "temperature": s.temperature,
            "top_p": s.top_p,
        }
        a = self.adapter
        return Request(
            *(a.provider, a.model, a.revision, tuple(messages), form, tuple(sorted(sampling.items()))),
            attempt,
            a.endpoint,
        )


class _Conversation:
    """Which question belongs to which block, and what each block asks next.

    A block's next question hangs on its own answers only, so the order in which answers come changes nothing.
    """

    def __init__(self, asker: Asker, follow: Follow | None) -> None:
        self.asker, self.follow = asker, follow
        self._open: dict[str, list[tuple[Block, int]]] = {}
        """Request key -> the blocks that wait for its answer, with their attempt."""
        self._silent: Counter[str] = Counter()
        """Request key -> how often the model gave no answer at all."""
        self._failed: Counter[str] = Counter()
        """Reason -> how many questions got no answer in the end."""
        self._over_budget = False
        self._unusable = 0
        """Unusable answers since the last usable one."""

    def start(self, block: Block, attempt: int) -> list[Request]:
        """Return what must be asked for a block: nothing if answers that are kept will do."""
        if not block.open:
            return self._end(block)
        request = self.asker.write_request(block, attempt)
        if request.key in self._open:
            self._open[request.key].append((block, attempt))
            return []
        answer = self.asker.find_answer(request.key)
        if answer is None:
            self._open[request.key] = [(block, attempt)]
            return [request]
        self.asker.run.cache_hits += 1
        return self._go_on(block, attempt, request, answer)

    def reply(self, request: Request, result: Answer | CallFailure) -> list[Request]:
        """Take in what came of a request and return what follows from it."""
        if isinstance(result, Answer):
            self.asker.note_answer(request.key, result)
            self._unusable = self._unusable + 1 if result.outcome != "ok" else 0
            if self._unusable >= self.asker.settings.stop_after:
                raise self._stop(request, result)
        elif result == BUDGET:
            self._over_budget = True
            return []
        elif result.retryable:
            self._silent[request.key] += 1
            if self._silent[request.key] < ROUNDS:
                return [request]
            self._failed[result.reason] += 1
            return []
        waiting = self._open.pop(request.key)
        self.asker.run.cache_hits += len(waiting) - 1
        return [n for block, attempt in waiting for n in self._go_on(block, attempt, request, result)]

    def _stop(self, request: Request, answer: Answer) -> UserError:
        """Return what is said when a model gives no usable answers at all."""
        self.asker.cache.forget_unusable()
        asked = " ".join(request.messages[-1][1].split())
        said = " ".join((answer.raw or answer.text).split())
        return UserError(
            f"{self._unusable} answers in a row are unusable (the last one: {_OUTCOMES[answer.outcome]}); "
            f"asked was '{_cut(asked)}', answered was {repr(_cut(said)) if said else 'nothing'}",
            where=f"{self.asker.adapter.provider} {self.asker.adapter.model}",
            how="see `nastdata doctor --writer` for raw answers; good answers are kept, and the others will "
            "be asked for again",
        )

    def check_end(self) -> None:
        """Raise ``UserError`` if questions are left over."""
        run = self.asker.run
        if self._over_budget:
            raise UserError(
                f"the budget is reached after {run.calls} calls of this run; every answer is kept",
                where="writer.max_calls / writer.max_cost",
                how="run the same command again to go on: nothing is paid twice",
            )
        if self._failed:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(self._failed.items()))
            raise UserError(
                f"{self._failed.total()} questions got no answer ({reasons})",
                where=f"{self.asker.adapter.provider} {self.asker.adapter.model}",
                how="run the same command again: what was answered is kept and not paid twice",
            )
        if self._open:
            raise AssertionError(f"{len(self._open)} questions were never closed")

    def _go_on(
        self, block: Block, attempt: int, request: Request, result: Answer | CallFailure
    ) -> list[Request]:
        if isinstance(result, Answer):
            self.asker.used[request.key] = result
        take_answer(block, request, result)
        if not block.open or attempt + 1 == self.asker.settings.max_attempts:
            return self._end(block)
        self.asker.refused.update(block.reasons[i] for i in block.open)
        return self.start(block, attempt + 1)

    def _end(self, block: Block) -> list[Request]:
        following = self.follow(block) if self.follow else None
        return self.start(following, 0) if following else []


def take_answer(block: Block, request: Request, answer: Answer | CallFailure) -> None:
    """Judge the sentences of an answer and accept those that hold."""
    wanted = block.open
    if isinstance(answer, CallFailure) or answer.outcome != "ok":
        if isinstance(answer, CallFailure):
            reason = answer.reason
        else:
            reason = "blank answer" if not (answer.raw or answer.text).strip() else _OUTCOMES[answer.outcome]
        for i in wanted:
            block.reasons[i] = reason
            block.said[i] = None if isinstance(answer, CallFailure) else answer.raw or answer.text
        return
    for i, text in zip(wanted, json.loads(answer.text)["sentences"], strict=True):
        fault = block.judges[i](text)
        if fault is None:
            block.texts[i], block.keys[i] = text, request.key
        else:
            block.reasons[i], block.last[i], block.said[i] = fault, text, text
