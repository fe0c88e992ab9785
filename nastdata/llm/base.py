"""What a language model is to this project: requests in, answers out, every answer kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, Protocol

Outcome = Literal["ok", "refusal", "truncated", "invalid"]
"""``invalid``: an answer that is not of the form asked for (cut JSON, wrong keys, prose around it)."""


@dataclass(frozen=True)
class Request:
    """One question to a model, with everything that can change its answer."""

    provider: str
    model: str
    revision: str | None
    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs, the system prompt included."""
    form: dict[str, Any]
    """JSON schema that the answer must obey, or {"grammar": ...} for a local model."""
    sampling: tuple[tuple[str, Any], ...]
    """Every sampling parameter, sorted by name: temperature, top_p, max_tokens, seed ..."""
    attempt: int = 0
    """Raised when the same question is put again, so that a refused answer isn't served from the cache."""
    endpoint: str = ""
    """Address of the server; no part of the key, but an answer is used again at the same address only."""

    @cached_property
    def key(self) -> str:
        """sha256 of all of it: the cache key."""
        # ``asdict`` would copy every message
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "endpoint"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What came back, and what it cost."""

    text: str
    outcome: Outcome
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0
    retries: int = 0
    model_said: str | None = None
    """Model name as the server reports it."""
    call_id: str | None = None
    """The server's own id of the call, for its bill."""
    peer: str | None = None
    """Address at the other end of the connection that it came over."""
    raw: str | None = None
    """The answer as it came, where that is not ``text``: with thinking tags, a fence or prose around it."""


@dataclass(frozen=True)
class CallFailure:
    """A call that got no answer: what went wrong, without keys or payload."""

    reason: str
    retryable: bool = False
    details: dict[str, Any] = field(default_factory=dict)


BUDGET = CallFailure("budget reached")
"""In the place of an answer that was not asked for, since the budget allows no more calls."""

Reply = Callable[[Request, Answer | CallFailure], Sequence[Request]]
"""Takes in what came of a request, and returns what is to be asked next because of it."""


class Adapter(Protocol):
    """A model behind a wire or in this process."""

    provider: str
    model: str
    revision: str | None
    endpoint: str
    """Address of the server; empty for a model in this process."""

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        """Answer requests and all that follow from their answers, in any order.

        Each answer goes to ``keep``, and to ``reply`` only after that: a kill loses none. ``requests`` is
        drawn on as there is room for more; ``reply`` is never called twice at a time. Ends early on
        ``BUDGET``.
        """
        ...


class RoundAdapter(Protocol):
    """A model that is best asked many things at once."""

    def complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        """Answer requests, in their order; failures stand in their place."""
        ...


def converse_in_rounds(adapter: RoundAdapter, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
    """Ask all that is known, then all that follows from the answers, until nothing follows."""
    todo = list(requests)
    while todo:
        results = adapter.complete(todo, keep)
        todo = [n for r, result in zip(todo, results, strict=True) for n in reply(r, result)]
        if BUDGET in results:
            return


class Keep(Protocol):
    """Stores an answer durably; may be called from several threads at a time."""

    def __call__(self, request: Request, answer: Answer) -> None:
        """Commit; when it returns, the answer survives a kill."""
        ...
