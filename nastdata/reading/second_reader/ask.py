"""Puts reports to a model: each once, answers kept on disk, unusable ones asked again, within a budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from nastdata.errors import UserError
from nastdata.llm.base import BUDGET, Adapter, Answer, CallFailure, Request
from nastdata.llm.cache import AnswerCache
from nastdata.llm.ledger import RunLedger

ROUNDS = 3
"""Times that a question without any answer (timeouts, server errors) is put again."""

Ask = Callable[[int], Request]
"""Number of the attempt -> the question."""


class Conversation:
    """One run of questions; each gets an answer or a reason why there is none.

    Args:
        adapter: The model.
        cache: Where answers are kept.
        attempts: Times that a question is put whose answer is unusable.
        stop_after: Unusable answers in a row after which no more is asked.
        fresh: Ask again even if there is an answer.
    """

    def __init__(
        self, adapter: Adapter, cache: AnswerCache, *, attempts: int, stop_after: int, fresh: bool
    ) -> None:
        self.adapter, self.cache, self.fresh = adapter, cache, fresh
        self.attempts, self.stop_after = attempts, stop_after
        self.run = RunLedger()
        self.used: dict[str, Answer] = {}
        """Every answer that was looked at, by request key."""
        self._done: dict[str, Answer | str] = {}
        """First request's key -> its answer, or the reason why there is none."""
        self._asks: dict[str, tuple[str, Ask]] = {}
        """Key of a request under way -> the first request's key, and how to ask again."""
        self._silent: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._unusable = 0
        self._over_budget = False

    def solve(self, asks: Sequence[Ask]) -> list[Answer | str]:
        """Return what each question is answered, or why it has no answer, in their order.

        Raises:
            UserError: if the budget is reached, a server stays silent or a model answers nothing usable.
        """
        keys = [ask(0).key for ask in asks]
        first = dict(zip(keys, asks, strict=True))
        self.adapter.converse(self._start(first), self._keep, self._reply)
        if self._over_budget:
            raise UserError(
                f"the budget is reached after {self.run.calls} calls of this run; every answer is kept",
                where="second_reader.max_calls / second_reader.max_cost",
                how="run the same command again to go on: nothing is paid twice",
            )
        if self._failed:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(self._failed.items()))
            raise UserError(
                f"{self._failed.total()} reports got no answer ({reasons})",
                where=f"{self.adapter.provider} {self.adapter.model}",
                how="run the same command again: what was answered is kept and not paid twice",
            )
        return [self._done[key] for key in keys]

    def _start(self, asks: dict[str, Ask]) -> Iterator[Request]:
        for key, ask in asks.items():
            if key not in self._done:
                yield from self._go_on(key, ask, 0)

    def _go_on(self, key: str, ask: Ask, attempt: int) -> list[Request]:
        """Return what is still to be asked for a question, given what is kept of it."""
        while attempt < self.attempts:
            request = ask(attempt)
            answer = None if self.fresh else self._find(request)
            if answer is None:
                self._asks[request.key] = key, ask
                return [request]
            self.run.cache_hits += 1
            if self._take(key, request, answer):
                return []
            attempt += 1
        return []

    def _find(self, request: Request) -> Answer | None:
        return self.cache.get_many([request.key], self.adapter.endpoint).get(request.key)

    def _keep(self, request: Request, answer: Answer) -> None:
        self.cache.put(request, answer, replace=self.fresh)

    def _take(self, key: str, request: Request, answer: Answer) -> bool:
        """Note an answer; tell whether it is one."""
        self.used[request.key] = answer
        usable = answer.outcome == "ok"
        self._done[key] = answer if usable else f"the model's answer is unusable ({answer.outcome})"
        return usable

    def _reply(self, request: Request, result: Answer | CallFailure) -> list[Request]:
        key, ask = self._asks[request.key]
        if isinstance(result, CallFailure):
            if result == BUDGET or "budget" in result.reason:
                self._over_budget = True
                return []
            self._silent[request.key] += 1
            if result.retryable and self._silent[request.key] < ROUNDS:
                return [request]
            self._failed[result.reason] += 1
            return []
        self.run.add(result)
        self._unusable = 0 if result.outcome == "ok" else self._unusable + 1
        if self._unusable >= self.stop_after:
            self.cache.forget_unusable()
            raise UserError(
                f"{self._unusable} answers in a row are unusable (the last one: {result.outcome})",
                where=f"{self.adapter.provider} {self.adapter.model}",
                how="try another model; good answers are kept, and the others will be asked for again",
            )
        if self._take(key, request, result):
            return []
        return self._go_on(key, ask, request.attempt + 1)


def chunk(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Return texts in groups of ``size``."""
    group: list[str] = []
    for text in texts:
        group.append(text)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
