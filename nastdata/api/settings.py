"""Keyword arguments to settings of a recipe, as ``--set`` takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from typing import Any

from nastdata.errors import UserError

RESERVED = "recipe"


def list_settings(overrides: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (dotted key, YAML value) pairs of keyword arguments.

    ``writer={"wordings": 8}``, ``writer__wordings=8`` and ``**{"writer.wordings": 8}`` are the same.

    Args:
        overrides: Key -> plain Python value; a mapping changes the keys that it names and leaves the others.

    Raises:
        UserError: if a value can't be written in YAML.
    """
    return [(key, _write(key, value)) for key, value in _flatten(overrides)]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = prefix + str(name).replace("__", ".")
        if isinstance(value, Mapping) and value and key not in WHOLE:
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


WHOLE = frozenset({"image_root", "images.template", "claims.mix", "captions.mix", "data"})
"""Keys whose value is a mapping of its own, replaced as a whole."""


def _write(key: str, value: Any) -> str:
    try:
        return json.dumps(_plain(value), allow_nan=False)
    except (TypeError, ValueError) as e:
        raise UserError(
            f"a value of type {type(value).__name__} is not a setting",
            where=key,
            how="give a number, a text, True, False, None, a path, a list or a dict of these",
        ) from e


def _plain(value: Any) -> Any:
    """Return paths, tuples, sets and numpy numbers as what JSON has."""
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(v) for v in value)
    item = getattr(value, "item", None)
    return (
        item()
        if callable(item) and not isinstance(value, str) and getattr(value, "shape", None) == ()
        else value
    )
