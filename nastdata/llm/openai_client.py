"""Any OpenAI-compatible server: many questions at a time, patient with faults, within a budget.

Retries, back-off with jitter and Retry-After are the SDK's; what is ours is how many questions are under way
(halved when the server says "too many", raised by one per round of good answers), the budget, and telling
answers, refusals, truncations and broken JSON apart.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nastdata.errors import UserError
from nastdata.llm.base import Answer, CallFailure, Keep, Outcome, Request
from nastdata.llm.forms import FORMS, PROBE_QUESTION, PROBE_SCHEMA, Form, obeys, response_format
from nastdata.llm.gate import DEFAULT_URL, is_loopback
from nastdata.llm.ledger import price
from nastdata.recipe import WriterSettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class Throttle:
    """How many questions may be under way: additive increase, multiplicative decrease."""

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self.limit = float(highest)
        self._under_way = 0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        """Wait for a place."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < max(int(self.limit), 1))
            self._under_way += 1

    async def __aexit__(self, *exc: object) -> None:
        """Give the place back."""
        async with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def slow_down(self) -> None:
        """The server said "too many"."""
        self.limit = max(self.limit / 2, 1.0)

    def speed_up(self) -> None:
        """A good answer came."""
        self.limit = min(self.limit + 1 / max(self.limit, 1.0), float(self.highest))


class OpenAIAdapter:
    """Chat completions of one model on one server.

    Args:
        settings: of the recipe's writer.

    Raises:
        UserError: if the SDK isn't installed, no key is set for a remote server, or no model is named.
    """

    provider = "openai"

    def __init__(self, settings: WriterSettings) -> None:
        try:
            import openai
        except ImportError:
            raise UserError(
                "the openai writer needs the openai package", how="pip install 'nastdata[llm]'"
            ) from None
        self._openai = openai
        self.settings = settings
        self.url = settings.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL
        self._key = os.environ.get("OPENAI_API_KEY") or ("none" if is_loopback(self.url) else "")
        if not self._key:
            raise UserError(
                "no API key", where="OPENAI_API_KEY", how="export it; keys are not read from recipes"
            )
        if not settings.model:
            raise UserError("no model named", where="writer.model", how="--set writer.model=NAME")
        self.model = settings.model
        self.revision: str | None = None
        self.spent = 0.0
        self.calls = 0
        self._form: Form | None = None

    def complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        """Answer requests in their order; each answer is kept before the next step of its question."""
        return asyncio.run(self._complete(requests, keep))

    async def _complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        throttle = Throttle(self.settings.max_concurrency)

        async def watch(response: Any) -> None:
            if response.status_code in (429, 503):
                throttle.slow_down()

        client = self._openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self.url,
            timeout=self.settings.timeout,
            max_retries=self.settings.max_retries,
            http_client=self._openai.DefaultAsyncHttpxClient(event_hooks={"response": [watch]}),
        )
        async with client:
            if self._form is None and requests:
                self._form = await self._probe(client)
            return list(await asyncio.gather(*(self._ask(client, throttle, r, keep) for r in requests)))

    async def _probe(self, client: AsyncOpenAI) -> Form:
        """Find the strictest form that the server really keeps to."""
        asked = Request(self.provider, self.model, None, (("user", PROBE_QUESTION),), PROBE_SCHEMA, ())
        for form in FORMS[:-1]:
            try:
                answer = await self._call(client.with_options(max_retries=2), asked, form)
            except (self._openai.APIStatusError, self._openai.APITimeoutError):
                continue
            except self._openai.APIConnectionError as e:
                raise self._unreachable() from e
            if obeys(answer.text, PROBE_SCHEMA):
                return form
        return "prompt"

    async def _ask(
        self, client: AsyncOpenAI, throttle: Throttle, request: Request, keep: Keep
    ) -> Answer | CallFailure:
        async with throttle:
            if self._over_budget():
                return CallFailure("budget reached")
            self.calls += 1
            start = time.monotonic()
            try:
                answer = await self._call(client, request, self._form or "prompt")
            except self._openai.AuthenticationError:
                raise UserError(
                    "the server refuses the key", where=self.url, how="check OPENAI_API_KEY"
                ) from None
            except self._openai.NotFoundError:
                raise UserError(f"no model '{self.model}' there", where=self.url) from None
            except self._openai.APITimeoutError:
                return CallFailure("timeout", retryable=True)
            except self._openai.APIConnectionError:
                raise self._unreachable() from None
            except self._openai.APIStatusError as e:
                return CallFailure(f"HTTP {e.status_code}", retryable=e.status_code >= 500)
            answer = replace(answer, seconds=time.monotonic() - start)
            keep(request, answer)
            throttle.speed_up()
            self.spent += price(answer.prompt_tokens, answer.completion_tokens, self.settings.prices) or 0.0
            return answer

    async def _call(self, client: AsyncOpenAI, request: Request, form: Form) -> Answer:
        sampling = dict(request.sampling)
        arguments: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": role, "content": content} for role, content in request.messages],
            **sampling,
        }
        shape = response_format(form, request.form)
        if shape is not None:
            arguments["response_format"] = shape
        raw = await client.chat.completions.with_raw_response.create(**arguments)
        reply = raw.parse()
        if not getattr(reply, "choices", None):
            return Answer("", "invalid", retries=raw.retries_taken)
        choice = reply.choices[0]
        text = choice.message.content or ""
        usage = reply.usage
        return Answer(
            text=text,
            outcome=_judge(choice, text, request.form),
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            retries=raw.retries_taken,
            model_said=reply.model or None,
            call_id=reply.id or None,
        )

    def _over_budget(self) -> bool:
        s = self.settings
        if s.max_calls is not None and self.calls >= s.max_calls:
            return True
        return s.max_cost is not None and self.spent >= s.max_cost

    def _unreachable(self) -> UserError:
        return UserError("no server answers", where=self.url, how="start it, or check writer.base_url")


def _judge(choice: Any, text: str, schema: dict[str, Any]) -> Outcome:
    if getattr(choice.message, "refusal", None) or choice.finish_reason == "content_filter":
        return "refusal"
    if choice.finish_reason == "length":
        return "truncated"
    return "ok" if obeys(text, schema) else "invalid"
