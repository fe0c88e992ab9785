"""A vision-language model behind an OpenAI-compatible server: ``vlm:MODEL@BASE_URL``.

The SDK retries what may pass (429, 5xx, lost connections) with back-off and Retry-After. What is ours: a
pause for all threads when the server says "too many", parameters that newer models refuse, telling failures
from answers, and connections that can't leave the machine where images may not.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from nastdata.errors import UserError
from nastdata.evaluation.generative.images import Encoder, Gate, to_data_url
from nastdata.evaluation.generative.models import choose_by_logprobs, describe_messages
from nastdata.evaluation.generative.questions import Asked
from nastdata.evaluation.generative.settings import VisionSettings
from nastdata.llm.base import Answer, CallFailure, Outcome
from nastdata.llm.chat import DEFAULT_URL, as_count, as_name, read_content
from nastdata.llm.connection import Reach, fits, is_loopback, read_address
from nastdata.llm.openai_client import import_openai

TOP = 20
"""Log-probabilities asked for: the most that the API gives."""
MOST_PAUSE = 30.0
"""Seconds that a Retry-After may hold up all threads."""


def split_spec(spec: str) -> tuple[str, str]:
    """Return (model, base URL) of ``vlm:MODEL@BASE_URL``; model names may hold an @.

    Raises:
        UserError: if no model is named, or the address is none.
    """
    named = re.match(r"vlm:(.*?)@(\w+://.*)$", spec)
    model, url = (named[1], named[2]) if named else (spec.removeprefix("vlm:"), DEFAULT_URL)
    parts = urlsplit(url)
    if not model or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            "no model and address", where=spec, how="vlm:NAME@http://localhost:8000/v1, or vlm:NAME"
        )
    if parts.username or parts.password:
        raise UserError("a password in the address", where="--model vlm:", how="export OPENAI_API_KEY")
    return model, url.rstrip("/")


class Endpoint:
    """One model on one server.

    Args:
        spec: ``vlm:MODEL@BASE_URL``.
        settings: how to ask.
        images: the images.
        gate: what was decided about sending them there.

    Raises:
        UserError: if the SDK is missing or the spec is none.
    """

    def __init__(self, spec: str, settings: VisionSettings, images: Encoder, gate: Gate) -> None:
        self._openai = import_openai()
        self.model, self.url = split_spec(spec)
        self.identity = f"vision {self.url} {self.model}"
        self.at_once = settings.concurrency
        self.notes: list[str] = []
        self._settings, self._images = settings, images
        self._key = os.environ.get("OPENAI_API_KEY") or "none"
        self._limit_name, self._temperature = "max_tokens", True
        self._lock = threading.Lock()
        self._pause_until = 0.0
        self._refused: str | None = None
        self._client = self._openai.OpenAI(
            base_url=self.url,
            api_key=self._key,
            timeout=settings.timeout,
            max_retries=settings.retries,
            http_client=self._open_http(bool(gate.restricted)),
        )

    def answer(self, asked: Asked) -> Answer | CallFailure:
        """See ``VisionModel``."""
        o = self._openai
        for _ in range(4):
            self._wait()
            start = time.monotonic()
            try:
                found = self._call(asked)
            except (o.AuthenticationError, o.PermissionDeniedError):
                raise self._refuse("the server refuses the key", "check OPENAI_API_KEY") from None
            except o.NotFoundError as e:
                how = "check the name and the address (it ends in /v1 as a rule)"
                raise self._refuse(f"no model '{self.model}' there ({self._tell(e)})", how) from None
            except (o.BadRequestError, o.UnprocessableEntityError) as e:
                if self._adapt(self._tell(e)):
                    continue
                return CallFailure(self._tell(e))
            except o.APITimeoutError:
                return CallFailure("no answer in time", retryable=True)
            except (o.APIConnectionError, OSError) as e:
                if self._refused:
                    what = (
                        f"the connection leads to {self._refused}, too far for these images; nothing was sent"
                    )
                    raise self._refuse(what, "check the address, the hosts file and DNS") from None
                return CallFailure(f"no connection ({_first_line(e.__cause__ or e)})", retryable=True)
            except o.APIStatusError as e:
                if 300 <= e.status_code < 400:
                    how = "give the address that it redirects to, if you trust it"
                    raise self._refuse("the server redirects elsewhere", how) from None
                return CallFailure(self._tell(e), retryable=True)
            except o.APIError:
                return CallFailure("unreadable reply", retryable=True)
            return replace(found, seconds=round(time.monotonic() - start, 4))
        return CallFailure("the server refuses every way to ask")

    def close(self) -> None:
        """See ``VisionModel``."""
        self._client.close()

    def _call(self, asked: Asked) -> Answer:
        s = self._settings
        content: list[dict[str, Any]] = []
        for image in asked.images:
            png, _ = self._images.encode(image)
            content.append({"type": "image_url", "image_url": {"url": to_data_url(png)}})
        content.append({"type": "text", "text": asked.prompt})
        body: dict[str, Any] = {
            "model": self.model,
            "messages": describe_messages(s.system, content),
            self._limit_name: 1 if s.choice == "logprobs" else s.max_tokens,
        }
        if self._temperature:
            body["temperature"] = 0
        if s.choice == "logprobs":
            body |= {"logprobs": True, "top_logprobs": TOP}
        raw = self._client.chat.completions.with_raw_response.create(
            model=self.model, messages=[], extra_body=body
        )
        try:
            reply = raw.http_response.json()
        except ValueError:
            reply = {}
        return self._read(reply if isinstance(reply, dict) else {}, asked, raw.retries_taken)

    def _read(self, reply: dict[str, Any], asked: Asked, retries: int) -> Answer:
        choices = reply.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        message, usage = _dict(choice.get("message")), _dict(reply.get("usage"))
        finish = choice.get("finish_reason")
        text = _join_content(message.get("content"))
        outcome: Outcome = "ok" if choice else "invalid"
        if message.get("refusal") or finish == "content_filter":
            outcome = "refusal"
        elif self._settings.choice == "logprobs":
            text = self._take_logprobs(choice, len(asked.options))
        elif finish == "length":
            outcome = "truncated"
        return Answer(
            text=text,
            outcome=outcome,
            prompt_tokens=as_count(usage.get("prompt_tokens")),
            completion_tokens=as_count(usage.get("completion_tokens")),
            retries=retries,
            model_said=as_name(reply.get("model")),
            call_id=as_name(reply.get("id")),
        )

    def _take_logprobs(self, choice: dict[str, Any], options: int) -> str:
        content = _dict(choice.get("logprobs")).get("content")
        first = _dict(content[0] if isinstance(content, list) and content else None)
        given = first.get("top_logprobs")
        pairs = [_read_logprob(t) for t in (given if isinstance(given, list) and given else [first])]
        top = [p for p in pairs if p is not None]
        if not top:
            raise self._refuse("the server gives no log-probabilities", "--choice text")
        return choose_by_logprobs(top, options)

    def _adapt(self, said: str) -> bool:
        """Leave out, or rename, a parameter that a server refuses; False if that is not the matter."""
        low = said.lower()
        with self._lock:
            if self._limit_name in low and ("max_completion_tokens" in low or "unsupported" in low):
                other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
                if f"the server takes {self._limit_name} only" in self.notes:
                    return True  # another thread has seen to it
                self._limit_name = other[self._limit_name]
                self.notes.append(f"the server takes {self._limit_name} only")
                return True
            if "temperature" in low:
                if self._temperature:
                    self.notes.append("the server refuses a temperature of 0: answers may vary")
                self._temperature = False
                return True
            if self._settings.choice == "logprobs" and "logprobs" in low:
                raise self._refuse(f"the server gives no log-probabilities ({said})", "--choice text")
        return False

    def _open_http(self, restricted: bool) -> Any:
        """Return the HTTP client; restricted images meet no proxy and no redirect, and go no further.

        The address at the other end is read from the open connection, before anything is sent: a name may
        resolve to something else by then.
        """

        def watch(response: Any) -> None:
            if response.status_code in (429, 503):
                self._slow_down(response.headers.get("retry-after"))

        def trace(event: str, info: dict[str, Any]) -> None:
            if event.endswith(".connect_tcp.complete"):
                there = read_address(str(info["return_value"].get_extra_info("server_addr")[0]))
                if not fits(there, reach):
                    self._refused = str(there)
                    info["return_value"].close()
                    raise ConnectionRefusedError(f"{there} is too far")

        def look(request: Any) -> None:
            request.extensions = {**request.extensions, "trace": trace}

        hooks: dict[str, list[Any]] = {"response": [watch]}
        # a proxy has no business between this machine and itself
        loopback = is_loopback(self.url)
        if not restricted:
            return self._openai.DefaultHttpxClient(event_hooks=hooks, trust_env=not loopback)
        reach: Reach = "loopback" if loopback else "own network"
        hooks["request"] = [look]
        return self._openai.DefaultHttpxClient(event_hooks=hooks, trust_env=False, follow_redirects=False)

    def _slow_down(self, after: str | None) -> None:
        try:
            seconds = min(max(float(after or 1.0), 0.05), MOST_PAUSE)
        except ValueError:
            seconds = 1.0
        with self._lock:
            self._pause_until = max(self._pause_until, time.monotonic() + seconds)

    def _wait(self) -> None:
        while (left := self._pause_until - time.monotonic()) > 0:
            time.sleep(left)

    def _tell(self, e: Any) -> str:
        body = _dict(e.body)
        inner = _dict(body.get("error")) or body
        said = str(inner.get("message") or "") or _first_line(e)
        return f"HTTP {e.status_code} {said}".replace(self._key, "...").strip()[:200]

    def _refuse(self, what: str, how: str) -> UserError:
        return UserError(what, where=self.url, how=how)


def _join_content(content: Any) -> str:
    """Return an answer's text; some servers send it in parts."""
    return read_content(content)


def _read_logprob(value: Any) -> tuple[str, float] | None:
    token, logprob = _dict(value).get("token"), _dict(value).get("logprob")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or not math.isfinite(logprob):
        return None
    return token, float(logprob)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first_line(e: BaseException) -> str:
    return (str(e).strip().splitlines() or [type(e).__name__])[0][:160]
