"""Mistakes of an ontology file in plain words: which key, what is wrong, what would be right."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from nastdata.errors import name_nearest
from nastdata.resources import find_resource

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
RIGHT = {
    "name": "name: knee_xray",
    "version": "version: 1",
    "subject": "subject: {text: knee radiograph, article: a}",
    "review": "review: {status: not reviewed}",
    "status": "status: not reviewed",
    "conditions": "conditions: [{name: Fracture, text: fracture, affirmative: {text: intact bone}}]",
    "affirmative": "affirmative: {text: intact bony structures, number: plural}",
    "text": "text: joint effusion",
    "grades": "grades: [small, large]",
    "phrase": "phrase: in the left knee",
    "absent": "absent: Fracture",
    "present": "present: Fracture",
    "why": "why: 'the phrase misleads beside it'",
    "subjects": "subjects: [heart]",
    "adjectives": "adjectives: [enlarged]",
}
"""Key -> how it is written, for messages about a key that is missing or of the wrong kind."""
COUNTS = {
    "conditions": "a question needs three conditions",
    "grades": "a scale needs two grades, lightest first",
}


def make_loader(base: type) -> type:
    """Return a YAML loader that refuses a key that is written twice, of which YAML would keep the last."""

    class Loader(base):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in getattr(node, "value", ()):
                if key.tag == "tag:yaml.org,2002:merge":
                    continue
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key.value}' is there twice", key.start_mark
                    )
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    return Loader


def explain_yaml(error: Exception) -> str:
    """Return a YAML error with its line and column, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"not a readable YAML file: {problem}{where}"


def explain_errors(error: ValidationError, data: object, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each mistake that pydantic found."""
    lines: list[str] = []
    for err in error.errors():
        if err["type"] == "too_short" and err["ctx"]["min_length"] <= _count(err["input"]):
            # enough of them, only that some are wrong, which is said elsewhere
            continue
        text = err["msg"].removeprefix("Value error, ")
        if err["type"] == "value_error":
            lines += text.splitlines()
        else:
            lines.append(f"{name_key(err['loc'], data) or 'the file'}: {_explain(err, text, model)}")
    return lines


def name_key(loc: Sequence[int | str], data: object) -> str:
    """Return the path of a key, with the names of list items in place of their numbers."""
    parts: list[str] = []
    at: Any = data
    for step in loc:
        if isinstance(step, int):
            if isinstance(at, Mapping):
                continue  # one entry given alone, where a list may be
            at = at[step] if isinstance(at, list | tuple) and step < len(at) else None
            name = (at.get("name") or at.get("text")) if isinstance(at, Mapping) else None
            parts.append(str(name) if isinstance(name, str) else f"number {step + 1}")
        else:
            at = at.get(step) if isinstance(at, Mapping) else None
            parts.append(step)
    return ".".join(parts)


def find_denial(text: str) -> str | None:
    """Return the word of denial that a phrase holds, or None.

    Example:
        >>> find_denial("no blood products")
        'no'
    """
    words = [w.lower().replace("\u2019", "'") for w in WORD.findall(text)]
    said = f" {' '.join(words)} ".replace("n't ", " n't ")
    return next((d for d in _list_denials() if f" {d} " in said), None)


@cache
def _list_denials() -> tuple[str, ...]:
    text = (find_resource("ontologies") / "denials.tsv").read_text(encoding="utf-8")
    return tuple(row["words"] for row in csv.DictReader(text.splitlines(), delimiter="\t"))


def _explain(err: Any, text: str, model: type[BaseModel]) -> str:
    kind, given = err["type"], err.get("input")
    key = next((str(step) for step in reversed(err["loc"]) if not isinstance(step, int)), "")
    right = f" (write, for example, {RIGHT[key]})" if key in RIGHT else ""
    if kind == "missing":
        return f"is missing{right}"
    if kind == "extra_forbidden":
        return f"no such key here ({name_nearest(key, list_keys(model, err['loc'][:-1]))})"
    if kind == "literal_error":
        return f"is {given!r}, and has to be {err['ctx']['expected']}"
    if kind in ("string_type", "int_type", "int_parsing") and isinstance(given, bool):
        word = "yes, no, on or off" if key != "version" else "a yes or no"
        return f"YAML reads {word} as a truth value (put the word in quotes)"
    if kind == "string_type":
        if given is None:
            return f"is empty{right}"
        return f"is {_say(given)}, and has to be text{right or ' (put it in quotes)'}"
    if kind in ("int_type", "int_parsing", "int_from_float"):
        return f"is {_say(given)}, and has to be a whole number{right}"
    if kind in ("tuple_type", "list_type"):
        return f"is {_say(given)}, and has to be a list: [first, second]"
    if kind in ("dict_type", "mapping_type"):
        return f"is {_say(given)}, and has to be names with their values: {{small: [tiny, trace]}}"
    if kind.startswith("model_"):
        return f"is {_say(given)}, and has to have keys of its own{right}"
    if kind == "too_short":
        return f"has {_count(given)}, but {COUNTS.get(key, text)}"
    if kind in ("string_pattern_mismatch", "string_too_short"):
        return f"is {given!r}: text without blanks at its ends, and not empty"
    return text[0].lower() + text[1:]


def _count(value: object) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


def _say(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a block of keys"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{value}'"


def list_keys(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """Return the keys that a model knows at a place."""
    at: Any = model
    for step in loc:
        if isinstance(step, int):
            continue
        fields = getattr(at, "model_fields", {})
        at = _find_model(fields[step].annotation) if step in fields else None
    return list(getattr(at, "model_fields", {}))


def _find_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _find_model(inner):
            return found
    return None
