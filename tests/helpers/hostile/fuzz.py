"""Runs a target: so many hostile inputs, each built from the seed and its number alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hostile.mutate import Mutator
from hostile.watch import Totals, Watch, clear

Act = Callable[[], object]
Attempt = Callable[[int, Mutator], tuple[str, Act]]
"""Given the number of an input: writes it into the box, and returns its kind and what is done with it."""


@dataclass(frozen=True)
class Target:
    """A kind of input that comes from outside."""

    name: str
    what: str
    """What is mutated, and which commands read it; for people."""
    prepare: Callable[[Path], Attempt]
    """Given the box (a folder with ``in`` and ``out``), returns what makes attempts."""
    n: int = 10_000
    """Inputs of a full run."""


@contextmanager
def _surroundings(base: Path) -> Iterator[None]:
    """Let caches and temporary files go to a place of ours, and no key or proxy be there."""
    places = {
        "XDG_CACHE_HOME": "cache",
        "NASTDATA_CACHE": "cache",
        "TMPDIR": "tmp",
        "HOME": "home",
        "MPLCONFIGDIR": "cache",
        "HF_HOME": "cache",
    }
    changed = {k: str(base / v) for k, v in places.items()} | {"OPENAI_API_KEY": "sk-none", "NO_COLOR": "1"}
    before = {k: os.environ.get(k) for k in changed}
    for folder in places.values():
        (base / folder).mkdir(exist_ok=True)
    os.environ.update(changed)
    import tempfile

    tempfile.tempdir = None
    try:
        yield
    finally:
        for k, v in before.items():
            os.environ.pop(k, None) if v is None else os.environ.__setitem__(k, v)
        tempfile.tempdir = None


def run(target: Target, n: int, seed: int, base: Path, first: int = 0, stop_after: int = 25) -> Totals:
    """Run inputs ``first`` to ``first + n``.

    Args:
        target: What is attacked.
        n: Number of inputs.
        seed: Every input is a function of it, of the target's name and of its number.
        base: An empty folder to work in.
        first: Number of the first input, to repeat one.
        stop_after: Failures after which a run ends.
    """
    box = base / "box"
    for name in ("in", "out", "beside"):
        (box / name).mkdir(parents=True, exist_ok=True)
    (box / "beside" / "precious.txt").write_text("not yours")
    totals = Totals(target.name)
    with _surroundings(base):
        attempt = target.prepare(box)
        watch = Watch(box, allowed=tuple(base / p for p in ("cache", "tmp")))
        for i in range(first, first + n):
            clear(box / "in")
            clear(box / "out")
            what, act = attempt(i, Mutator(f"{seed}:{target.name}:{i}"))
            here = Path.cwd()
            os.chdir(box / "out")
            try:
                outcome = watch.attempt(act)
            finally:
                os.chdir(here)
            totals.add(i, what, outcome)
            if len(totals.failures) >= stop_after:
                break
    return totals
