"""Kinds of sentences and what they mean, as ``operators.yaml`` states them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from adversary.forms import HERE, read_names


@dataclass(frozen=True)
class Operator:
    """A kind of sentence, as ``operators.yaml`` states it."""

    name: str
    example: str
    label: Any
    says: str | None
    near: tuple[str, ...] = ()
    place: str = "no"
    grade: str = "no"
    second: Any = None
    often: int = 1
    """How often it is drawn, against the others."""
    templates: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    """Templates that take neither a place nor a grade."""
    only: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    """Conditions that the operator is for, or not for."""
    for_: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition or group -> templates of its own."""

    def choose_template(self, rng: random.Random, condition: str, attributes: bool) -> str | None:
        """A template that fits a condition; its own ones weigh as much as the general ones."""
        if (self.only and condition not in self.only) or condition in self.not_for:
            return None
        groups = read_names()["groups"]
        fits = [ts for k, ts in self.for_.items() if k == condition or condition in groups.get(k, ())]
        kinds = [[*self.templates, *(() if attributes else self.bare)], [t for ts in fits for t in ts]]
        kinds = [k for k in kinds if k]
        return rng.choice(rng.choice(kinds)) if kinds else None


@lru_cache(maxsize=1)
def load_operators() -> dict[str, Operator]:
    """Operators by name, in the file's order."""
    read = yaml.safe_load((HERE / "operators.yaml").read_text(encoding="utf-8"))
    made = [Operator(**{{"for": "for_"}.get(k, k): v for k, v in entry.items()}) for entry in read]
    return {o.name: o for o in made}
