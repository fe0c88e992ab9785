"""YAML of others: plain values only, and never more than the file seems to hold.

A few lines of aliases can stand for gigabytes, and deep nesting ends Python's stack; both are measured on
the events of the file before anything is made of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nastdata.errors import UserError
from nastdata.text_input.plain_files import read_file

MOST_BYTES = 2_000_000
MOST_VALUES = 200_000
"""Values that a file may stand for, aliases written out."""
MOST_LEVELS = 60
LARGEST_NUMBER = 2**63
"""From which on a whole number is none that anything here counts or is seeded by."""


def read_yaml(path: Path, loader: Any = yaml.SafeLoader) -> Any:
    """Read a YAML file.

    Raises:
        UserError: if it can't be read, or as ``parse_yaml``.
    """
    try:
        text = read_file(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise UserError(f"not UTF-8 text ({e.reason})", where=str(path), how="save it as UTF-8") from None
    return parse_yaml(text, str(path), loader)


def parse_yaml(text: str, where: str, loader: Any = yaml.SafeLoader) -> Any:
    """Read YAML.

    Raises:
        UserError: if it is none, is nested too deep, refers to itself, stands for too much, or holds what is
            no plain value.
    """
    try:
        measure(text, where, loader)
        value = yaml.load(text, Loader=loader)  # noqa: S506 - safe loaders only
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        problem = str(getattr(e, "problem", None) or e).splitlines()[0]
        at = f"{where}, line {mark.line + 1}" if mark else where
        raise UserError(f"not a readable YAML file ({problem})", where=at) from None
    except (ValueError, TypeError, RecursionError, OverflowError) as e:
        raise UserError(f"holds a value that can't be read ({str(e)[:120]})", where=where) from None
    check_numbers(value, where)
    return value


def measure(text: str, where: str, loader: Any) -> int:
    """Return how many values a file stands for, and refuse one that attacks its reader.

    Raises:
        UserError: as ``parse_yaml``.
    """
    sizes: dict[str, int] = {}
    stack: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=loader):
        size = 0
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise UserError(f"*{event.anchor} refers to itself, or to nothing", where=where)
            size = sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            if anchor:
                sizes[anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append((anchor, total))
            sizes.pop(anchor or "", None)
            if len(stack) > MOST_LEVELS:
                raise UserError(f"nested more than {MOST_LEVELS} levels deep", where=where)
            size = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            name, before = stack.pop()
            if name:
                sizes[name] = total - before
        total += size
        if total > MOST_VALUES:
            raise UserError(f"is short for more than {MOST_VALUES:,} values", where=where)
    return total


def check_numbers(value: Any, where: str) -> None:
    """Refuse whole numbers that are too large to be printed or counted with.

    Raises:
        UserError: if there is one.
    """
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, int) and not -LARGEST_NUMBER <= one < LARGEST_NUMBER:
            raise UserError("a whole number that is too large (2**63 or more)", where=where)
        if isinstance(one, dict):
            stack += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            stack += one
