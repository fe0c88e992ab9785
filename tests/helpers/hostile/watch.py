"""One input at a time: what came of it, what was written where, how long it took, how much memory it took.

An outcome is ``accepted``, ``refused`` (one or two plain lines) or ``failed``: a traceback, a write outside
of the allowed places, a process or a connection, a pickle, a message of many lines, too long, too big.
"""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from nastdata.errors import CheckFailedError, UserError

CPU_SECONDS, WALL_SECONDS = 20.0, 120.0
"""What one input may take."""
MOST_MEMORY = 1 << 30
"""Bytes that one input may add to the resident memory."""
MOST_CHARACTERS = 4_000
"""Of a message."""
WRITES = {
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "sqlite3.connect", "shutil.rmtree", "shutil.move"),
}
NEVER = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile"),
    *("socket.connect", "socket.getaddrinfo", "socket.bind", "pickle.find_class", "marshal.loads"),
    *("ftplib.connect", "urllib.Request", "http.client.connect", "webbrowser.open"),
}
STRANGE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What may not reach a terminal: escape sequences, and marks that turn the direction of writing."""
STRAY = re.compile(r"Traceback \(most recent call last\)")


class OverTimeError(BaseException):
    """The alarm; not an Exception, so that no handler takes it for a broken file."""


@dataclass
class Outcome:
    """What came of one input."""

    kind: str
    """accepted, refused or failed"""
    message: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


@dataclass
class Watch:
    """Watches what is done with an input in ``box``: only ``box/out`` and ``allowed`` may change."""

    box: Path
    allowed: tuple[Path, ...] = ()
    cpu_seconds: float = CPU_SECONDS
    events: list[str] = field(default_factory=list)
    active: bool = False
    hooked: bool = False

    def __post_init__(self) -> None:
        """Install the audit hook, which stays for the life of the process and is silent when inactive."""
        roots = (self.box / "out", *self.allowed)
        self._roots = [str(p.resolve()) for p in roots]
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, mode, flags = args
            writing = (isinstance(mode, str) and any(c in mode for c in "wax+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            )
            if writing and not self._may(path):
                self.events.append(f"wrote {path!r}")
        elif event in WRITES:
            new = {"os.link": args[1:2], "os.symlink": args[1:2], "os.rename": args[:2]}
            for path in new.get(event, args[:1]):
                there = event == "os.mkdir" and os.path.lexists(path)  # then it fails
                if not there and not self._may(path):
                    self.events.append(f"{event} {path!r}")
        elif event in NEVER and not (_asks_git(args) or _is_import()):
            self.events.append(f"{event} {str(args)[:80]}")

    def _may(self, path: Any) -> bool:
        if isinstance(path, int):
            return True
        try:
            name = os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError):
            return True
        if name in ("/dev/null", ":memory:") or name.endswith("/:memory:"):
            return True
        # beside the output: the folder that is filled before it takes its place in one step
        return any(
            name == root or name.startswith((f"{root}/", f"{Path(root).parent}/.{Path(root).name}"))
            for root in self._roots
        )

    def attempt(self, act: Callable[[], object]) -> Outcome:
        """Run one act to its end and judge it."""
        before = take_stock(self.box)
        self.events.clear()
        reset_peak()
        base = peak_bytes()
        said = io.StringIO()
        start, wall = time.process_time(), time.monotonic()
        self.active = True
        try:
            with alarm(self.cpu_seconds), warnings.catch_warnings(), _captured(said):
                warnings.simplefilter("ignore")
                kind, message = judge(act)
        except OverTimeError as e:
            kind, message = "failed", f"took too long: {e}"
        finally:
            self.active = False
        seconds = max(time.process_time() - start, 0.0)
        memory = max(0, peak_bytes() - base)
        outcome = Outcome(kind, message, seconds, memory / 2**20)
        problems = [*self.events]
        changed = [p for p, s in take_stock(self.box).items() if before.get(p) != s]
        problems += [
            f"changed {p}"
            for p in [
                *changed,
                *(p for p in before if not (self.box / p).exists() and not (self.box / p).is_symlink()),
            ]
        ]
        if memory > MOST_MEMORY:
            problems.append(f"took {memory >> 20} MB")
        if time.monotonic() - wall > WALL_SECONDS:
            problems.append("waited too long")
        if STRAY.search(said.getvalue()):
            problems.append("a traceback on stderr")
        if kind == "refused":
            problems += find_faults(message)
        if problems and kind != "failed":
            outcome.kind, outcome.message = "failed", "; ".join(problems[:3]) + f" | {message[:300]}"
        return outcome


def judge(act: Callable[[], object]) -> tuple[str, str]:
    """Run an act; exits of the command line are told apart by their code."""
    try:
        act()
    except UserError as e:
        return "refused", str(e)
    except CheckFailedError as e:
        return "accepted", str(e)
    except CommandEnded as e:
        if e.code in (0, 1):
            return "accepted", ""
        if e.code == 2:
            return "refused", e.said
        return "failed", f"exit code {e.code}: {e.said[-300:]}"
    except OverTimeError:
        raise
    except OSError as e:
        return "refused", f"{e.filename}: {e.strerror or e}"
    except BaseException as e:
        lines = traceback.format_exception(e)
        where = [ln.strip().splitlines()[0] for ln in lines if 'File "' in ln]
        ours = [w for w in where if "/nastdata/" in w] or where
        return "failed", f"{type(e).__name__}: {str(e)[:160]} @ {' <- '.join(ours[::-1][:2])}"
    return "accepted", ""


def find_faults(message: str) -> list[str]:
    """Return what is wrong with a message to the user."""
    lines = message.rstrip("\n").split("\n")
    faults = []
    if not message.strip():
        faults.append("an empty message")
    if len(lines) > 2:
        faults.append(f"a message of {len(lines)} lines")
    if len(message) > MOST_CHARACTERS:
        faults.append(f"a message of {len(message)} characters")
    if STRANGE.search(message):
        faults.append("control characters in a message")
    return faults


class CommandEnded(Exception):
    """A command line ended."""

    def __init__(self, code: int, said: str) -> None:
        self.code, self.said = code, said
        super().__init__(f"{code}: {said}")


def command(*argv: str, stdin: bytes = b"") -> None:
    """Call the command line in this process.

    Raises:
        CommandEnded: always, unless it fails in a way that a user would see as a traceback.
    """
    from nastdata.cli import main

    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    was = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    code = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main(list(argv))
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else int(bool(e.code))
    finally:
        sys.stdin = was
    text = err.getvalue()
    if STRAY.search(text):
        raise AssertionError(f"a traceback on stderr: {text[-300:]}")
    found = text.rfind("nastdata: ") if code == 2 else -1
    raise CommandEnded(code, text[found + len("nastdata: ") :] if found >= 0 else text[-600:])


def take_stock(box: Path) -> dict[str, tuple[int, ...]]:
    """Return path -> what it is, for everything in a box but its output."""
    found: dict[str, tuple[int, ...]] = {}
    stack = [str(box)]
    while stack:
        folder = stack.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            name = entry.path[len(str(box)) + 1 :]
            if name == "out" or name.startswith(("out/", ".out.")):
                continue
            s = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                found[name] = (s.st_mode, s.st_ino)
                stack.append(entry.path)
            else:
                found[name] = (s.st_mode, s.st_ino, s.st_size, s.st_mtime_ns)
    return found


@contextmanager
def alarm(cpu_seconds: float) -> Iterator[None]:
    """Raise ``OverTimeError`` after so many seconds of work, or ``WALL_SECONDS`` of waiting."""

    def ring(number: int, frame: FrameType | None) -> None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"
        raise OverTimeError(f"{'work' if number == signal.SIGPROF else 'waiting'} at {where}")

    before = [(s, signal.signal(s, ring)) for s in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for s, handler in before:
            signal.signal(s, handler)


@contextmanager
def _captured(said: io.StringIO) -> Iterator[None]:
    with redirect_stderr(said), redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
        yield


def _asks_git(args: tuple[Any, ...]) -> bool:
    """Whether this is the package asking git for its own revision, for the manifest."""
    return len(args) > 1 and isinstance(args[1], list) and args[1][:1] == ["git"] and "rev-parse" in args[1]


def _is_import() -> bool:
    """Whether a module is being imported just now: some start processes or read pickles of their own."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def reset_peak() -> None:
    """Let the peak of the resident memory start anew (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_bytes() -> int:
    """Return the peak of the resident memory since it was reset, or of the process."""
    try:
        with Path("/proc/self/status").open() as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@dataclass
class Totals:
    """The row of a table."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    most_megabytes: float = 0.0
    failures: list[tuple[int, str]] = field(default_factory=list)
    parts: Counter[str] = field(default_factory=Counter)
    """Kind of input -> how many there were."""

    def add(self, number: int, what: str, outcome: Outcome) -> None:
        """Count one outcome."""
        self.counts[outcome.kind] += 1
        self.parts[what] += 1
        self.slowest = max(self.slowest, outcome.seconds)
        self.most_megabytes = max(self.most_megabytes, outcome.megabytes)
        if outcome.kind == "failed":
            self.failures.append((number, f"[{what}] {outcome.message}"))


def clear(folder: Path) -> None:
    """Empty a folder, whatever it holds; links are removed, not followed."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    if folder.exists():
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
