"""What reviewers are asked, read from ``questions.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

Value = Literal["yes", "no", "unsure"]
VALUES: tuple[Value, ...] = ("yes", "no", "unsure")
"""Possible answers, in the order of the keys 1, 2, 3."""


@dataclass(frozen=True)
class Question:
    """One question of the page."""

    name: str
    ask: str
    short: str
    """For tables."""
    good: str
    """The answer that accepts the item."""
    configs: tuple[str, ...]
    image: bool
    """Whether it can be answered only with the image in view."""
    example: str


@cache
def load_questions() -> dict[str, Question]:
    """Return name -> question, in the order in which they are asked."""
    data = _read()
    return {
        name: Question(
            name, q["ask"], q["short"], q["good"], tuple(q["configs"]), bool(q.get("image")), q["example"]
        )
        for name, q in data["questions"].items()
    }


@cache
def load_labels() -> dict[str, str]:
    """Return answer -> how the page writes it."""
    return {k: str(v) for k, v in _read()["answers"].items()}


@cache
def _read() -> dict[str, dict[str, Any]]:
    path = Path(__file__).with_name("questions.yaml")
    # every value is text: "yes" and "no" are answers here
    loader = yaml.BaseLoader
    loaded: dict[str, dict[str, Any]] = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506
    for q in loaded["questions"].values():
        q["image"] = q.get("image") == "true"
    return loaded


def pick_questions(config: str, with_image: bool) -> tuple[str, ...]:
    """Return the names of the questions that an item of a config is asked."""
    asked = load_questions().values()
    return tuple(q.name for q in asked if config in q.configs and (with_image or not q.image))


def judge(questions: Sequence[str], values: Mapping[str, str | None]) -> str:
    """Return ``accepted``, ``rejected``, ``unsure`` or ``open`` for an item's final answers.

    Rejected: at least one answer is the wrong one. Open: one is missing (readers disagree). Unsure: one is
    "can't tell", none is wrong.
    """
    known = load_questions()
    given = {q: values.get(q) for q in questions}
    if any(v not in (None, "unsure", known[q].good) for q, v in given.items()):
        return "rejected"
    if any(v is None for v in given.values()):
        return "open"
    return "unsure" if "unsure" in given.values() else "accepted"
