"""How to make a server keep to a JSON schema, and how to tell whether it did.

Servers differ: the API itself and vLLM honour ``json_schema``; llama.cpp's server wants ``json_object`` with
the schema inside; some take the parameter and ignore it. So the form is probed once per server with a
question whose free answer can't match, and every answer is checked anyway.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

Form = Literal["json_schema", "json_object", "prompt"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "prompt")
"""From the strictest to none at all (``prompt``: the schema is only asked for in words)."""

PROBE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"zq": {"type": "string", "enum": ["k7-probe"]}},
    "required": ["zq"],
    "additionalProperties": False,
}
PROBE_QUESTION = "Write the word hello."


def response_format(form: Form, schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ``response_format`` argument of a chat completion, or None for ``prompt``."""
    if form == "json_schema":
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    if form == "json_object":
        return {"type": "json_object", "schema": schema}
    return None


def obeys(text: str, schema: dict[str, Any]) -> bool:
    """Whether ``text`` is JSON of the schema; understands the few forms that our schemas use."""
    try:
        return _fits(json.loads(text), schema)
    except (ValueError, RecursionError):
        return False


LONGEST = 1_000_000
"""Characters of an answer in which JSON is looked for."""
MOST_BRACES = 1_000
"""Braces that begin no JSON, after which an answer is given up."""
TAGS = "think|thinking|thought|reasoning|reflection"
THINKING = re.compile(rf"<({TAGS})>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
CLOSING = re.compile(rf"\A.*</(?:{TAGS})>", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"```[\w-]*\s*\n?(.*?)```", re.DOTALL)


def is_json(text: str) -> bool:
    """Whether a text is JSON, of whatever form."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def find_json(text: str, schema: dict[str, Any]) -> str:
    """Return the JSON inside an answer, if just one piece of it is JSON of the schema, else the answer.

    By these rules, in this order: an answer that is JSON is taken as it is; what is between thinking tags
    goes, also before a lone closing tag and after a lone opening one; what is left is taken if it fits; else
    each fenced block is looked at; else each stretch from an opening brace to its closing one. Two different
    pieces that fit are no answer.
    """
    if len(text) > LONGEST or is_json(text):
        return text
    said = CLOSING.sub("", THINKING.sub("", text)).strip()
    for pieces in ([said], FENCE.findall(said), list(_list_objects(said))):
        fitting = list(dict.fromkeys(p.strip() for p in pieces if obeys(p, schema)))
        if fitting:
            return fitting[0] if len(fitting) == 1 else text
    return text


def _list_objects(text: str) -> Iterator[str]:
    """Yield each outermost stretch of the text that JSON can be read from."""
    decoder = json.JSONDecoder()
    at, failed = text.find("{"), 0
    while at >= 0 and failed < MOST_BRACES:
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end, failed = at + 1, failed + 1
        else:
            yield text[at:end]
        at = text.find("{", end)


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return (
            isinstance(value, dict)
            and set(schema.get("required", ())) <= set(value) <= set(properties)
            and all(_fits(v, properties[k]) for k, v in value.items())
        )
    if kind == "array":
        low, high = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
        return (
            isinstance(value, list)
            and low <= len(value) <= high
            and all(_fits(v, schema["items"]) for v in value)
        )
    if kind == "string":
        return isinstance(value, str) and ("enum" not in schema or value in schema["enum"])
    return False


def sentences_schema(count: int, choices: Sequence[str] = ()) -> dict[str, Any]:
    """Return the schema of ``{"sentences": [count strings]}``, each one of the choices if there are any."""
    one: dict[str, Any] = {"type": "string", **({"enum": list(choices)} if choices else {})}
    items = {"type": "array", "items": one, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"sentences": items},
        "required": ["sentences"],
        "additionalProperties": False,
    }
