"""Puts questions to a model, several at a time; asks nothing twice, and loses no answer.

Answers lie in a SQLite file and are committed before they are used. The key covers address, model, revision,
prompt, image, and how the answer was asked for. Empty, cut and filtered answers are not kept.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.evaluation.generative.images import Encoder
from nastdata.evaluation.generative.models import VisionModel, is_worth_keeping, read_reply
from nastdata.evaluation.generative.questions import Asked
from nastdata.evaluation.generative.settings import VisionSettings
from nastdata.llm.answers.reader import Reading
from nastdata.llm.base import Answer, CallFailure, Request
from nastdata.llm.cache import AnswerCache
from nastdata.llm.ledger import price

NAME = "vision-answers.sqlite"
MOST_FAILURES = 10
"""Failures in a row after which a run stops: the server is down."""
TELL_EVERY = 20.0
"""Seconds between lines that tell how far the questions are."""
Say = Callable[[str], None]


@dataclass
class Account:
    """What a run asked, and what it and the kept answers cost."""

    calls: int = 0
    from_cache: int = 0
    retries: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    without_usage: int = 0
    """Answers whose server reported no tokens."""
    models_said: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, answer: Answer, *, kept: bool) -> None:
        """Count one answer."""
        self.from_cache += kept
        self.calls += not kept
        self.retries += 0 if kept else answer.retries
        if not kept:
            self.seconds.append(answer.seconds)
        if answer.prompt_tokens is None or answer.completion_tokens is None:
            self.without_usage += 1
        self.prompt_tokens += answer.prompt_tokens or 0
        self.completion_tokens += answer.completion_tokens or 0
        self.models_said[answer.model_said or "not said"] += 1

    def to_json(self, settings: VisionSettings) -> dict[str, Any]:
        """Return the ledger: of all answers behind the figures, those of earlier runs too."""
        known = not self.without_usage
        cost = price(self.prompt_tokens, self.completion_tokens, settings.prices) if known else None
        ordered = sorted(self.seconds)
        return {
            "answers": self.calls + self.from_cache,
            "calls": self.calls,
            "from_cache": self.from_cache,
            "retries": self.retries,
            "failed": dict(self.failed),
            "prompt_tokens": self.prompt_tokens if known else None,
            "completion_tokens": self.completion_tokens if known else None,
            "answers_without_usage": self.without_usage,
            "cost": None if cost is None else round(cost, 6),
            "models_said": dict(self.models_said),
            "seconds_median": ordered[len(ordered) // 2] if ordered else None,
        }


@dataclass(frozen=True)
class Answered:
    """A question as it was put, and what came back."""

    asked: Asked
    text: str
    reading: Reading

    @property
    def chosen(self) -> int | None:
        """The number of the chosen option in the dataset's order."""
        if self.reading.letter is None:
            return None
        return self.asked.order["ABCDEFG".index(self.reading.letter)]

    @property
    def right(self) -> bool:
        """Whether the true option was chosen."""
        return self.chosen == self.asked.question.answer


def ask_all(
    model: VisionModel,
    todo: Sequence[Asked],
    images: Encoder,
    settings: VisionSettings,
    cache: Path | None,
    say: Say,
) -> tuple[list[Answered], Account]:
    """Return an answer to each question, in their order, and the account.

    A question that got no answer after all tries is unusable with the reason ``no answer from the server``;
    it is asked again by the next run.

    Raises:
        UserError: if the server can't be used, or stops answering; what was answered is kept.
    """
    runner = _Runner(model, images, settings, _open_cache(cache), say)
    try:
        found = runner.run(todo)
    finally:
        runner.close()
    out = []
    for asked, answer in zip(todo, found, strict=True):
        if isinstance(answer, CallFailure):
            out.append(Answered(asked, "", Reading(None, f"no answer from the server: {answer.reason}")))
        else:
            out.append(Answered(asked, answer.text, read_reply(asked, answer)))
    return out, runner.account


class _Runner:
    def __init__(
        self,
        model: VisionModel,
        images: Encoder,
        settings: VisionSettings,
        cache: AnswerCache | None,
        say: Say,
    ) -> None:
        self.model, self.images, self.settings, self.cache, self.say = model, images, settings, cache, say
        self.account = Account()
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._told = time.monotonic()
        self._done = 0

    def run(self, todo: Sequence[Asked]) -> list[Answer | CallFailure]:
        """Answer from the cache what is there, and ask the rest."""
        requests = [self._describe(asked) for asked in todo]
        kept = {} if self.settings.fresh or self.cache is None else self._find_kept(requests)
        missing = list(dict.fromkeys(r.key for r in requests if r.key not in kept))
        by_key = {r.key: (r, asked) for r, asked in zip(requests, todo, strict=True)}
        if kept:
            self._check_same_model([by_key[k] for k in kept], kept, bool(missing))
        found: dict[str, Answer | CallFailure] = dict(kept)
        found |= self._ask_missing([by_key[k] for k in missing])
        seen: set[str] = set()
        for r in requests:
            answer = found[r.key]
            if isinstance(answer, Answer) and r.key not in seen:
                self.account.add(answer, kept=r.key in kept)
                seen.add(r.key)
        return [found[r.key] for r in requests]

    def close(self) -> None:
        """Close the cache."""
        if self.cache is not None:
            self.cache.close()

    def _find_kept(self, requests: Sequence[Request]) -> dict[str, Answer]:
        assert self.cache is not None
        found = self.cache.get_many(dict.fromkeys(r.key for r in requests))
        return {k: a for k, a in found.items() if is_worth_keeping(a)}

    def _ask_missing(self, missing: Sequence[tuple[Request, Asked]]) -> dict[str, Answer | CallFailure]:
        if not missing:
            return {}
        total = len(missing)
        self.say(f"{self.model.model}: {total:,} questions to ask")
        # The first one goes alone: what is wrong with all of them is seen before many are under way.
        first = self._ask(missing[0], total)
        if isinstance(first, CallFailure) and first.retryable:
            self._stop(first, total)
        out = {missing[0][0].key: first}
        with ThreadPoolExecutor(max(1, self.model.at_once), "ask") as pool:
            futures = [(r.key, pool.submit(self._ask, (r, asked), total)) for r, asked in missing[1:]]
            try:
                for key, future in futures:
                    out[key] = future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return out

    def _ask(self, one: tuple[Request, Asked], total: int) -> Answer | CallFailure:
        request, asked = one
        answer = self.model.answer(asked)
        if isinstance(answer, Answer) and self.cache is not None and is_worth_keeping(answer):
            self.cache.put(request, answer, replace=True)
        with self._lock:
            self._done += 1
            if isinstance(answer, CallFailure):
                self.account.failed[answer.reason] += 1
                self._in_a_row = self._in_a_row + 1 if answer.retryable else 0
            else:
                self._in_a_row = 0
            stop = isinstance(answer, CallFailure) and self._in_a_row >= MOST_FAILURES
            if time.monotonic() - self._told > TELL_EVERY or self._done == total:
                self._told = time.monotonic()
                self.say(f"{self.model.model}: {self._done:,} of {total:,} questions answered")
        if stop and isinstance(answer, CallFailure):
            self._stop(answer, total)
        return answer

    def _stop(self, failure: CallFailure, total: int) -> None:
        answered = self._done - sum(self.account.failed.values())
        raise UserError(
            f"the server does not answer ({failure.reason}); {max(answered, 0):,} of {total:,} questions "
            "were answered and are kept",
            where=self.model.identity.removeprefix("vision "),
            how="start it, or check the address; run the same command again to go on",
        )

    def _check_same_model(
        self, some: Sequence[tuple[Request, Asked]], kept: dict[str, Answer], mixing: bool
    ) -> None:
        """Ask a few kept questions again: another model behind the same name must not go unseen."""
        for request, asked in some[: self.settings.check_kept]:
            again = self.model.answer(asked)
            if isinstance(again, CallFailure):
                if mixing:
                    return  # what is missing will meet the same failure, and say so
                self.say(f"{self.model.model}: not reached ({again.reason}); all answers are kept ones")
                return
            before = kept[request.key]
            self.account.calls += 1
            told = (before.model_said, again.model_said)
            if None not in told and told[0] != told[1]:
                self._refuse_mixture(f"the server now calls its model {told[1]!r}, earlier {told[0]!r}")
            first, second = read_reply(asked, before), read_reply(asked, again)
            if is_worth_keeping(again) and first.letter != second.letter:
                self._refuse_mixture(
                    f"question {asked.question.key} was answered {first.letter or 'unusably'} earlier, "
                    f"{second.letter or 'unusably'} now"
                )

    def _refuse_mixture(self, what: str) -> None:
        raise UserError(
            f"another model seems to answer under this name ({what})",
            where=self.model.identity.removeprefix("vision "),
            how="--revision NAME keeps the answers of each apart, --fresh asks all again, --check-kept 0 "
            "trusts the kept answers (a server that answers differently each time)",
        )

    def _describe(self, asked: Asked) -> Request:
        s = self.settings
        image = "+".join(self.images.encode(i)[1] for i in asked.images) or "none"
        system = (("system", s.system),) if s.system else ()
        return Request(
            provider=self.model.identity,
            model=self.model.model,
            revision=s.revision,
            messages=(*system, ("user", asked.prompt), ("image", image)),
            form={"choice": s.choice},
            sampling=(("max_tokens", 1 if s.choice == "logprobs" else s.max_tokens), ("temperature", 0)),
        )


def _open_cache(folder: Path | None) -> AnswerCache | None:
    if folder is None:
        return None
    try:
        return AnswerCache(folder / NAME)
    except UserError as e:
        raise UserError(e.what, where=e.where, how="delete it, or name another folder with --cache") from None
