"""What a build tells while it runs: a moving bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Stage:
    """A stage that is under way; ``said`` is what its closing line tells."""

    said: str = ""

    def tell(self, text: str) -> None:
        """Set what the closing line tells of the outcome."""
        self.said = text


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
        with _bar(name):
            yield stage
        print(f"{name:<10} {stage.said}  ({time.monotonic() - start:.1f} s)", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)


@contextmanager
def _bar(name: str) -> Iterator[None]:
    """A moving bar with the time that has passed, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(f"{name:<10}", total=None)
        yield
