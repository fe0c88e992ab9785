"""Asking a model until a text holds: questions in blocks, answers from the cache, refusals with their reason.

A block is one question's worth of sentences. What it asks depends on the statement and the number of the
wording, never on what else a build wants: so a killed build goes on where it was, with the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nastdata.draws import draw_int
from nastdata.errors import UserError
from nastdata.llm.base import Adapter, Answer, CallFailure, Request
from nastdata.llm.cache import AnswerCache
from nastdata.llm.forms import sentences_schema
from nastdata.llm.ledger import RunLedger
from nastdata.llm.prompts import render
from nastdata.recipe import WriterSettings

SYSTEM = "You are a careful radiology report writer. You answer with JSON only."
ROUNDS = 3
"""Times that questions without any answer (timeouts, server errors) are put again after the SDK gave up."""
_OUTCOMES = {"truncated": "answer cut off", "invalid": "not of the form asked for"}

Judge = Callable[[str], str | None]
Form = Callable[[int], dict[str, Any]]


@dataclass
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
    keys: list[str] = field(default_factory=list)
    """Of the requests that gave the accepted texts, for lineage."""

    def __post_init__(self) -> None:
        """Start with nothing accepted."""
        n = len(self.judges)
        self.texts, self.reasons, self.last = [None] * n, ["not asked"] * n, [None] * n
        self.keys = [""] * n

    @property
    def open(self) -> list[int]:
        """Numbers of the sentences that are still wanted."""
        return [i for i, t in enumerate(self.texts) if t is None]


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

    def solve(self, blocks: Sequence[Block]) -> None:
        """Ask for every block's open sentences, up to the number of attempts, each time with the reasons.

        Raises:
            UserError: if the budget is reached or a server stays silent; all answers are kept.
        """
        for attempt in range(self.settings.max_attempts):
            todo = [b for b in blocks if b.open]
            if attempt:
                self.refused.update(b.reasons[i] for b in todo for i in b.open)
            requests = [self.write_request(b, attempt) for b in todo]
            for block, request, answer in zip(todo, requests, self._answer(requests), strict=True):
                _take(block, request, answer)

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
            a.provider, a.model, a.revision, tuple(messages), form, tuple(sorted(sampling.items())), attempt
        )

    def _answer(self, requests: Sequence[Request]) -> list[Answer | CallFailure]:
        """Serve requests from the cache, put the others to the model, and keep every answer."""
        keys = [r.key for r in requests]
        served = (
            {k: self._new[k] for k in keys if k in self._new} if self.fresh else self.cache.get_many(keys)
        )
        ask = {k: r for k, r in zip(keys, requests, strict=True) if k not in served}
        self.run.cache_hits += len(keys) - len(ask)

        def keep(request: Request, answer: Answer) -> None:
            self.cache.put(request, answer, replace=self.fresh)
            self._new[request.key] = answer
            self.run.add(answer)

        results: dict[str, Answer | CallFailure] = dict(served)
        for _ in range(ROUNDS):
            if not ask:
                break
            results.update(zip(ask, self.adapter.complete(list(ask.values()), keep), strict=True))
            _stop_on_budget(results.values(), self.run.calls)
            ask = {k: r for k, r in ask.items() if _may_retry(results[k])}
        if ask:
            reasons = Counter(r.reason for k in ask if isinstance(r := results[k], CallFailure))
            raise UserError(
                f"{len(ask)} questions got no answer ({', '.join(f'{r}: {n}' for r, n in reasons.items())})",
                where=f"{self.adapter.provider} {self.adapter.model}",
                how="run the same command again: what was answered is kept and not paid twice",
            )
        self.used.update({k: a for k, a in results.items() if isinstance(a, Answer)})
        return [results[k] for k in keys]


def _may_retry(result: Answer | CallFailure) -> bool:
    return isinstance(result, CallFailure) and result.retryable


def _stop_on_budget(results: Any, calls: int) -> None:
    if any(isinstance(r, CallFailure) and r.reason == "budget reached" for r in results):
        raise UserError(
            f"the budget is reached after {calls} calls of this run; every answer is kept",
            where="writer.max_calls / writer.max_cost",
            how="run the same command again to go on: nothing is paid twice",
        )


def _take(block: Block, request: Request, answer: Answer | CallFailure) -> None:
    """Judge the sentences of an answer and accept those that hold."""
    wanted = block.open
    if isinstance(answer, CallFailure) or answer.outcome != "ok":
        if isinstance(answer, CallFailure):
            reason = answer.reason
        else:
            reason = _OUTCOMES.get(answer.outcome, "refused by the model")
        for i in wanted:
            block.reasons[i] = reason
        return
    for i, text in zip(wanted, json.loads(answer.text)["sentences"], strict=True):
        fault = block.judges[i](text)
        if fault is None:
            block.texts[i], block.keys[i] = text, request.key
        else:
            block.reasons[i], block.last[i] = fault, text
