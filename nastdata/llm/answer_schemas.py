"""How to make a server keep to a JSON schema, and how to tell whether it did.

Servers differ: the API itself and vLLM honour ``json_schema``; llama.cpp's server wants ``json_object`` with
the schema inside; some take the parameter and ignore it. So the form is probed once per server with a
question whose free answer can't match, and every answer is checked anyway.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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
