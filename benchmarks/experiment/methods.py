"""All methods that are trained, in the order of the tables."""

from __future__ import annotations

from experiment.controls import CONTROLS, MAIN
from experiment.method import Method
from experiment.rivals import RIVALS

METHODS: tuple[Method, ...] = (*MAIN, *CONTROLS, *RIVALS)
BY_NAME: dict[str, Method] = {m.name: m for m in METHODS}
UNTRAINED = "untrained"


def get_stem(name: str) -> str:
    """Return a file name for a method."""
    return name.replace(",", "").replace(" ", "-")
