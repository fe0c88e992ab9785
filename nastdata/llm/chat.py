"""Chat completions as data: what is sent for a request, and what a reply means. No I/O."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from nastdata.errors import UserError, plain
from nastdata.llm.answer_schemas import Form, find_json, obeys, response_format
from nastdata.llm.base import Answer, Outcome, Request
from nastdata.llm.connection import is_loopback
from nastdata.recipe import WriterSettings

DEFAULT_URL = "https://api.openai.com/v1"


def find_url(settings: WriterSettings) -> str:
    """Return the server's address: the recipe's, the environment's, or OpenAI's."""
    return settings.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL


def find_server(settings: WriterSettings) -> tuple[str, str, str]:
    """Return (base URL, key, model).

    Raises:
        UserError: if no key is set for a remote server, no model is named, or a cost limit has no prices.
    """
    url = find_url(settings)
    key = os.environ.get("OPENAI_API_KEY") or ("none" if is_loopback(url) else "")
    if not key:
        raise UserError("no API key", where="OPENAI_API_KEY", how="export it; keys are not read from recipes")
    if not settings.model:
        raise UserError("no model named", where="writer.model", how="--set writer.model=NAME")
    if settings.max_cost is not None and None in (settings.prices.input, settings.prices.output):
        raise UserError(
            "a cost limit needs prices",
            where="writer.max_cost",
            how="--set writer.prices.input=PRICE --set writer.prices.output=PRICE (of a million tokens)",
        )
    return url, key, settings.model


def write_body(request: Request, form: Form, limit_name: str = "max_tokens") -> dict[str, Any]:
    """Return the arguments of a chat completion.

    Args:
        request: what to ask.
        form: how this server is made to keep to the schema.
        limit_name: what this server calls the highest number of tokens.
    """
    sampling = dict(request.sampling)
    if "max_tokens" in sampling:
        sampling[limit_name] = sampling.pop("max_tokens")
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": role, "content": content} for role, content in request.messages],
        **sampling,
    }
    shape = response_format(form, request.form)
    return body if shape is None else {**body, "response_format": shape}


def read_reply(reply: Mapping[str, Any], request: Request, retries: int = 0) -> Answer:
    """Return what a chat completion says; one without choices is ``invalid``."""
    choices = reply.get("choices")
    choice = as_mapping(choices[0] if isinstance(choices, list) and choices else None)
    message, usage = as_mapping(choice.get("message")), as_mapping(reply.get("usage"))
    said = read_content(message.get("content"))
    text = find_json(said, request.form)
    return Answer(
        text=text,
        raw=said if said != text else None,
        outcome=_judge(choice.get("finish_reason"), message, text, request.form),
        prompt_tokens=as_count(usage.get("prompt_tokens")),
        completion_tokens=as_count(usage.get("completion_tokens")),
        retries=retries,
        model_said=as_name(reply.get("model")),
        call_id=as_name(reply.get("id")),
    )


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return an object of a reply, or an empty one for anything else that a server may send there."""
    return value if isinstance(value, Mapping) else {}


def as_count(value: Any) -> int | None:
    """Return a number of tokens, or None for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 2**53 else None


def as_name(value: Any) -> str | None:
    """Return a short name that can be kept and shown, or None for anything else."""
    return plain(value, 200) or None if isinstance(value, str) else None


def as_text(value: str) -> str:
    """Return a text that can be kept: halves of surrogate pairs, which JSON can hold, become marks."""
    return value.encode("utf-8", "replace").decode()


def read_content(content: Any) -> str:
    """Return the text of a message: a string, a list of parts, or nothing."""
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, Mapping)]
        return as_text("".join(p for p in parts if isinstance(p, str)))
    return as_text(content) if isinstance(content, str) else ""


def _judge(finish: str | None, message: Mapping[str, Any], text: str, schema: dict[str, Any]) -> Outcome:
    if message.get("refusal") or finish == "content_filter":
        return "refusal"
    if finish == "length":
        return "truncated"
    return "ok" if obeys(text, schema) else "invalid"
