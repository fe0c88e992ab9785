"""What a build tells while it runs: a moving bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EVERY = 20.0
"""Seconds between two lines of a stage that counts, where there is no terminal."""


@dataclass
class Stage:
    """A stage that is under way; ``said`` is what its closing line tells."""

    said: str = ""
    show: Callable[[int, int], None] = lambda done, total: None
    """Shows how far it is."""

    def tell(self, text: str) -> None:
        """Set what the closing line tells of the outcome."""
        self.said = text

    def count(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        self.show(done, total)


class Progress:
    """Prints one line per stage: its name, what came of it, and how long it took."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.started = time.monotonic()

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Announce a stage, and close its line when it ends."""
        stage = Stage()
        if self.quiet:
            yield stage
            return
        start = time.monotonic()
        with _bar(name) as stage.show:
            yield stage
        print(f"{name:<10} {stage.said}  ({time.monotonic() - start:.1f} s)", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A moving bar with the time that has passed, on a terminal; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _print_now_and_then(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{name:<10}", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=f"{name:<10} {done:,} of {total:,}")

        yield show


def _print_now_and_then(name: str) -> Callable[[int, int], None]:
    last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            print(f"{name:<10} {done:,} of {total:,}", file=sys.stderr, flush=True)

    return show
