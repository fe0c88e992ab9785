"""Builds as processes: started, watched by what they print, hit, and run again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SEED = ("--seed", "3")
SMALL = (
    "contextual",
    *SEED,
    "--limit",
    "60",
    "--set",
    "phantom_patients=150",
    "--set",
    "audit.enabled=false",
)
FULL = ("contextual", *SEED, "--limit", "20000")
LOW = """
import sys
import nastdata.reading.caption_gate as gate, nastdata.writing.wording_store as store
store._WORTH_A_PROCESS = gate.LARGE = 4
from nastdata.cli import main
main(sys.argv[1:])
"""
"""A build in which very little is worth a second process, so that a small one has workers too."""


@dataclass
class Run:
    """A build under way."""

    process: subprocess.Popen[str]
    out: Path
    lines: list[str] = field(default_factory=list)
    """What it has printed on stderr."""
    started: float = field(default_factory=time.monotonic)

    def wait_lines(self, count: int, seconds: float = 300.0) -> bool:
        """Wait until it has printed so many lines; False if it ends before."""
        end = time.monotonic() + seconds
        while len(self.lines) < count and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        return self.process.poll() is None

    def wait_for(self, there: Callable[[], bool], seconds: float = 300.0) -> bool:
        """Wait until something is so; False if the build ends before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if there():
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.003)
        return False

    def finish(self, seconds: float = 600.0) -> int:
        """Wait for its end and return its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    def read(self) -> None:
        """Collect what it prints, in a thread of its own."""

        def collect() -> None:
            assert self.process.stderr is not None
            for line in self.process.stderr:
                self.lines.append(line.rstrip())
            self.process.stderr.close()

        self._reader = threading.Thread(target=collect, daemon=True)
        self._reader.start()

    @property
    def in_words(self) -> bool:
        """Whether it has told its end without a traceback."""
        return not any(line.startswith("Traceback") for line in self.lines)

    def children(self) -> list[int]:
        """Ids of its worker processes (not of what keeps book of them)."""
        found = []
        for pid, parent, command in list_processes():
            if parent == self.process.pid and "spawn_main" in command:
                found.append(pid)
        return found


def list_processes() -> Iterator[tuple[int, int, str]]:
    """Yield (id, parent's id, command line) of every process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, IndexError, ValueError):
                continue
            yield int(entry.name), parent, command


@dataclass
class Lab:
    """One recipe, its right bytes, and a place to try faults in."""

    root: Path
    recipe: tuple[str, ...]
    rng: random.Random
    right: dict[str, str] = field(default_factory=dict)
    old: Path | None = None
    """An earlier dataset, of another seed, that a fault must not harm."""
    lines: int = 0
    """Lines that an undisturbed build prints."""

    @classmethod
    def open(cls, root: Path, recipe: tuple[str, ...], seed: int) -> Lab:
        """Build the right dataset and an old one."""
        lab = cls(root, recipe, random.Random(seed))
        whole = lab.start(root / "right" / "out")
        if whole.finish() != 0:
            raise RuntimeError("\n".join(whole.lines))
        lab.right, lab.lines = hash_tree(whole.out), len(whole.lines)
        lab.old = root / "old"
        other = [("9" if a == SEED[1] and recipe[i - 1] == SEED[0] else a) for i, a in enumerate(recipe)]
        if (run := lab.start(lab.old, recipe=tuple(other))).finish() != 0:
            raise RuntimeError("\n".join(run.lines))
        return lab

    def place(self, *, old: bool = False) -> Path:
        """Return an output in a new folder of its own; with ``old``, a dataset is there already."""
        folder = self.root / f"try-{self.rng.getrandbits(48):012x}"
        folder.mkdir()
        if old and self.old is not None:
            shutil.copytree(self.old, folder / "out")
        return folder / "out"

    def start(
        self,
        out: Path,
        *more: str,
        recipe: tuple[str, ...] | None = None,
        script: str | None = None,
        before: Callable[[], None] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Start a build into ``out``."""

        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
            if before is not None:
                before()

        launch = ["-c", script] if script else ["-m", "nastdata"]
        command = [sys.executable, *launch, "build", *(recipe or self.recipe), "--out", str(out), *more]
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=prepare,
            env={**os.environ, **(environment or {})},
        )
        run = Run(process, out)
        run.read()
        return run

    def is_sound(self, out: Path) -> bool:
        """Whether there is no dataset, a whole new one, or the old one as it was."""
        if not out.exists():
            return True
        found = hash_tree(out)
        return found == self.right or (self.old is not None and found == hash_tree(self.old)) or is_whole(out)

    def is_right(self, out: Path) -> bool:
        """Whether a dataset has the right bytes, and nothing is left beside it."""
        beside = {p.name for p in out.parent.iterdir()} - {out.name, f"{out.name}.log"}
        return out.exists() and hash_tree(out) == self.right and not beside


def hash_tree(folder: Path) -> dict[str, str]:
    """Return relative path -> sha256 of every file."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def is_whole(out: Path) -> bool:
    """Whether every file is there as the manifest says, and none besides."""
    try:
        outputs = json.loads((out / "manifest.json").read_text())["outputs"]
    except (OSError, ValueError, KeyError):
        return False
    found = hash_tree(out)
    found.pop("manifest.json")
    return bool(found == outputs)


def stop(run: Run) -> None:
    """End a run that is still there."""
    if run.process.poll() is None:
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()
