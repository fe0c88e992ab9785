"""What a long job reports while it runs: a bar on a terminal, plain lines elsewhere, events for a caller.

Everything goes to stderr, to a callback, or to a log file beside the result; never to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nastdata.errors import UserError

EVERY = 20.0
"""Seconds between two lines of a stage that counts, where there is no terminal."""
LOG_STEPS = 10
"""Lines that a counting stage leaves in a log file at most, beside its last."""


@dataclass(frozen=True)
class Event:
    """One step of a job, as a callback gets it."""

    stage: str
    """Its name, such as ``design``; empty for a message of its own."""
    message: str = ""
    """What came of the stage, or the message."""
    done: int | None = None
    """Units done, where the stage counts them."""
    total: int | None = None
    """Units in all, where that is known."""
    seconds: float = 0.0
    """Since the stage began."""
    finished: bool = False
    """Whether the stage has ended."""


Callback = Callable[[Event], None]
"""Called with every event; what it raises ends the job."""


@dataclass
class Stage:
    """A stage that is under way; ``said`` is what its closing line reports."""

    said: str = ""
    show: Callable[[int, int], None] = lambda done, total: None
    """Shows how far it is."""

    def tell(self, text: str) -> None:
        """Set what the closing line reports of the outcome."""
        self.said = text

    def count(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        self.show(done, total)


@dataclass
class Log:
    """Lines with their times, in a file once its folder is there."""

    path: Path
    lines: list[str] = field(default_factory=list)
    failed: str = ""
    """Why it could not be written."""

    def add(self, text: str) -> None:
        """Add lines, and write them if the folder is there."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        self.lines += [f"{now}  {line}\n" for line in text.splitlines() or [""]]
        if self.path.parent.is_dir():
            self.write_out()

    def write_out(self) -> None:
        """Write all lines."""
        if self.failed:
            return
        try:
            self.path.write_text("".join(self.lines), encoding="utf-8")
        except OSError as e:
            self.failed = f"{self.path}: {e.strerror or e}"

    def remove(self) -> None:
        """Take the file away."""
        if not self.failed:
            self.path.unlink(missing_ok=True)


@dataclass
class Manner:
    """How the command line was asked to speak; the default of every ``Progress``."""

    mute: bool = False
    """Warnings only (``--quiet``)."""
    verbose: bool = False


MANNER = Manner()
WARNING = "warning: "


@dataclass
class Progress:
    """Prints one line a stage: its name, what came of it, and how long it took.

    Args:
        quiet: Print nothing; callback and log file still get everything.
        verbose: Print a line when a stage begins, and each line with its time.
        callback: Gets every event.
    """

    quiet: bool = False
    verbose: bool = False
    callback: Callback | None = None
    log: Log | None = field(default=None, repr=False)
    """Keeps every line with its time."""

    def __post_init__(self) -> None:
        self.started = time.monotonic()
        self.verbose = self.verbose or MANNER.verbose

    @property
    def _hushed(self) -> bool:
        """Whether lines that are no warnings are left out."""
        return self.quiet or MANNER.mute

    @contextmanager
    def log_to(self, path: Path) -> Iterator[None]:
        """Keep every line, with its time, in a text file beside a result; an older one is replaced.

        The file appears with the folder that it is in. Wrong use leaves none; what was interrupted does.

        Args:
            path: The file.
        """
        self.log = Log(path)
        try:
            yield
            self.record("done")
            self.log.write_out()
        except UserError:
            self.log.remove()
            raise
        except BaseException as e:
            self.record(f"stopped: {type(e).__name__} {e}".rstrip())
            raise
        finally:
            if self.log.failed:
                self.say(f"{WARNING}no log file: {self.log.failed}")
            self.log = None

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Announce a stage, and close its line when it ends."""
        stage, start = Stage(), time.monotonic()
        self._emit(Event(name))
        if self.verbose and not self._hushed:
            self._print(f"{name:<10} ...")
        with self._bar(name) as bar:
            step = 0

            def show(done: int, total: int) -> None:
                nonlocal step
                bar(done, total)
                self._emit(Event(name, "", done, total, time.monotonic() - start))
                if total and done * LOG_STEPS // total > step:
                    step = done * LOG_STEPS // total
                    self.record(f"{name:<10} {done:,} of {total:,}")

            stage.show = show
            yield stage
        seconds = time.monotonic() - start
        line = f"{name:<10} {stage.said}  ({seconds:.1f} s)"
        self.record(line)
        self._emit(Event(name, stage.said, seconds=seconds, finished=True))
        if not self._hushed:
            self._print(line)

    def say(self, text: str) -> None:
        """Print a line of its own; one that begins with ``warning:`` is printed under ``--quiet`` too."""
        self.record(text)
        self._emit(Event("", text))
        if not self._hushed or (text.startswith(WARNING) and not self.quiet):
            self._print(text)

    def record(self, text: str) -> None:
        """Keep a line in the log file only."""
        if self.log is not None:
            self.log.add(text)

    def _print(self, text: str) -> None:
        prefix = f"{time.monotonic() - self.started:7.1f} s  " if self.verbose else ""
        print(prefix + text, file=sys.stderr, flush=True)

    def _emit(self, event: Event) -> None:
        if self.callback is not None:
            self.callback(event)

    @contextmanager
    def _bar(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """A moving bar with rate and time left, on a terminal; elsewhere a line now and then."""
        if self._hushed:
            yield lambda done, total: None
        elif sys.stderr.isatty():
            with _open_bar(name) as show:
                yield show
        else:
            yield _print_now_and_then(name)


@contextmanager
def _open_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Pace(ProgressColumn):
        """Units a second and time left; nothing where the stage counts nothing."""

        def render(self, task: Any) -> Text:
            if not task.total or not task.speed:
                return Text("")
            left = "" if task.time_remaining is None else f", {_say_seconds(task.time_remaining)} left"
            return Text(f"{_say_rate(task.speed)}{left}", style="dim")

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), Pace())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{name:<10}", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=f"{name:<10} {done:,} of {total:,}")

        yield show


def _say_rate(speed: float) -> str:
    """``1,200/s``, ``3.2/s``, or ``12 s each``."""
    if speed >= 10:
        return f"{speed:,.0f}/s"
    return f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:,.0f} s each"


def _say_seconds(seconds: float) -> str:
    """``45 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _print_now_and_then(name: str) -> Callable[[int, int], None]:
    first = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            left = f", {_say_seconds((total - done) * (now - first) / done)} left" if done else ""
            rate = f", {_say_rate(done / (now - first))}" if done else ""
            print(f"{name:<10} {done:,} of {total:,}{rate}{left}", file=sys.stderr, flush=True)

    return show
