"""Any OpenAI-compatible server: many questions at a time, patient with faults, within a budget.

Retries, back-off with jitter and Retry-After are the SDK's; what is ours is how many questions are under way,
the budget, finding out what the server honours, and telling answers, refusals, truncations and broken JSON
apart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nastdata.errors import UserError
from nastdata.llm.answer_schemas import FORMS, PROBE_QUESTION, PROBE_SCHEMA, Form, obeys
from nastdata.llm.base import BUDGET, Answer, CallFailure, Keep, Reply, Request
from nastdata.llm.chat import find_server, read_reply, write_body
from nastdata.llm.connection import PeerGuard, find_peer, make_http_client
from nastdata.llm.ledger import price
from nastdata.llm.request_queue import Line
from nastdata.llm.terms_gate import find_reach
from nastdata.llm.throttle import Throttle
from nastdata.recipe import WriterSettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEEPERS = 8
"""Threads that commit answers; those that wait for the disk together go to it together."""


def import_openai() -> Any:
    """Return the SDK.

    Raises:
        UserError: if it isn't installed.
    """
    try:
        import openai
    except ImportError:
        how = "pip install 'nastdata[llm]'"
        raise UserError("the openai writer needs the openai package", how=how) from None
    return openai


class OpenAIAdapter:
    """Chat completions of one model on one server.

    Args:
        settings: of the recipe's writer.

    Raises:
        UserError: if the SDK isn't installed, no key is set for a remote server, or no model is named.
    """

    provider = "openai"

    def __init__(self, settings: WriterSettings) -> None:
        self._openai = import_openai()
        self.settings = settings
        self.url, self._key, self.model = find_server(settings)
        self.revision: str | None = settings.revision
        self.endpoint = self.url.rstrip("/")
        self.guard = PeerGuard(find_reach(settings))
        self.spent = 0.0
        self.calls = 0
        self._under_way = 0
        self._form: Form | None = None
        self._limit_name = "max_tokens"

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        """Answer requests and all that follow from their answers, as many at a time as the server bears.

        An answer is kept in a thread of its own, so that the disk holds up nobody else's.

        Raises:
            UserError: if no server answers, or it refuses the key, the model or the settings.
        """
        asyncio.run(self._converse(Line(requests), keep, reply))

    async def _converse(self, line: Line, keep: Keep, reply: Reply) -> None:
        throttle = Throttle(self.settings.max_concurrency)

        async def watch(response: Any) -> None:
            if response.status_code in (429, 503):
                throttle.slow_down()

        async def work(client: AsyncOpenAI, keepers: Executor) -> None:
            while (request := await line.take()) is not None:
                async with throttle:
                    result = await self._ask(client, request)
                    if isinstance(result, Answer):
                        throttle.speed_up()
                if isinstance(result, Answer):
                    await asyncio.get_running_loop().run_in_executor(keepers, keep, request, result)
                if result == BUDGET:
                    line.stop()
                line.put(reply(request, result))

        first = line.peek()
        if first is None:
            return
        client = self.open_client(watch)
        with ThreadPoolExecutor(KEEPERS, "keep") as keepers:
            async with client:
                if self._form is None and not self._over_budget():
                    self._form = await self._probe(client, first)
                # More workers than places: some keep and judge what came while the places are all taken.
                workers = [asyncio.create_task(work(client, keepers)) for _ in range(2 * throttle.highest)]
                try:
                    await asyncio.gather(*workers)
                finally:
                    for worker in workers:
                        worker.cancel()

    def open_client(self, on_response: Callable[[Any], Any] | None = None) -> AsyncOpenAI:
        """Return a client of the server whose connections are watched (``connection``)."""
        http = make_http_client(
            self._openai, self.guard, restricted=self.settings.per_item, on_response=on_response
        )
        client: AsyncOpenAI = self._openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self.url,
            timeout=self.settings.timeout,
            max_retries=self.settings.max_retries,
            http_client=http,
        )
        return client

    async def _probe(self, client: AsyncOpenAI, like: Request) -> Form:
        """Find the strictest form that the server really keeps to, and what it calls the token limit."""
        asked = replace(like, messages=(("user", PROBE_QUESTION),), form=PROBE_SCHEMA)
        client = client.with_options(max_retries=min(3, self.settings.max_retries))
        said = ""
        for name in ("max_tokens", "max_completion_tokens"):
            self._limit_name = name
            for form in FORMS:
                try:
                    answer = await self._call(client, asked, form)
                except self._openai.AuthenticationError:
                    raise self._refuse("the server refuses the key", "check OPENAI_API_KEY") from None
                except self._openai.NotFoundError:
                    raise self._refuse(f"no model '{self.model}' there", "check writer.model") from None
                except self._openai.APITimeoutError:
                    said = "no answer in time"
                except self._openai.APIConnectionError:
                    self.guard.check(self.url)
                    raise self._refuse("no server answers", "start it, or check writer.base_url") from None
                except self._openai.APIStatusError as e:
                    said = str((e.body or {}).get("message", "") if isinstance(e.body, dict) else "")
                    if 300 <= e.status_code < 400:
                        there = e.response.headers.get("location", "elsewhere")
                        raise self._refuse(
                            f"the server sends us on to {there[:120]}, which is not followed",
                            "name the final address in writer.base_url",
                        ) from None
                    said = f"HTTP {e.status_code} {said}".replace(self._key, "...").strip()[:200]
                else:
                    if form == "prompt" or obeys(answer.text, PROBE_SCHEMA):
                        return form
        raise self._refuse(
            f"the server does not take our questions ({said})", "check writer.model and its settings"
        )

    async def _ask(self, client: AsyncOpenAI, request: Request) -> Answer | CallFailure:
        if self._over_budget():
            return BUDGET
        self.calls += 1
        self._under_way += 1
        start = time.monotonic()
        try:
            answer = await self._call(client, request, self._form or "prompt")
        except self._openai.AuthenticationError:
            raise self._refuse("the server refuses the key", "check OPENAI_API_KEY") from None
        except self._openai.APITimeoutError:
            return CallFailure("timeout", retryable=True)
        except self._openai.APIConnectionError:
            self.guard.check(self.url)
            return CallFailure("connection lost", retryable=True)
        except self._openai.APIStatusError as e:
            return CallFailure(
                f"HTTP {e.status_code}", retryable=e.status_code >= 500 or e.status_code in (408, 409, 429)
            )
        except self._openai.APIError:
            return CallFailure("unreadable reply", retryable=True)
        finally:
            self._under_way -= 1
        answer = replace(answer, seconds=round(time.monotonic() - start, 4))
        self.spent += price(answer.prompt_tokens, answer.completion_tokens, self.settings.prices) or 0.0
        return answer

    async def _call(self, client: AsyncOpenAI, request: Request, form: Form) -> Answer:
        body = write_body(request, form, self._limit_name)
        # ``extra_body`` goes out as it is: the SDK's walk through typed messages is half of a call's work.
        raw = await client.chat.completions.with_raw_response.create(
            model=request.model, messages=[], extra_body=body
        )
        try:
            reply = raw.http_response.json()
        except ValueError:
            reply = {}
        answer = read_reply(reply if isinstance(reply, dict) else {}, request, raw.retries_taken)
        return replace(answer, peer=find_peer(raw.http_response))

    def _over_budget(self) -> bool:
        """Whether another call might go beyond the budget, by what calls cost so far."""
        s = self.settings
        if s.max_calls is not None and self.calls >= s.max_calls:
            return True
        if s.max_cost is None:
            return False
        answered = self.calls - self._under_way
        each = self.spent / answered if answered else price(2000, s.max_tokens, s.prices) or 0.0
        return self.spent + (self._under_way + 1) * each > s.max_cost

    def _refuse(self, what: str, how: str) -> UserError:
        return UserError(what, where=self.url, how=how)
