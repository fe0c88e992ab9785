"""All faults in order, tried some times each, and the table of what came of them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chaos import faults, model_servers
from chaos.builds import Lab
from chaos.faults import NotPossibleError, Trial

Fault = Callable[[Lab], Trial]
FAULTS: dict[str, tuple[str, Fault, int]] = {
    "kill -9": ("at a random point", faults.hit_by_signal(signal.SIGKILL, -9), 4),
    "SIGTERM": ("at a random point", faults.hit_by_signal(signal.SIGTERM, 143), 2),
    "SIGINT": ("at a random point", faults.hit_by_signal(signal.SIGINT, 130), 2),
    "worker killed": ("kill -9 of a worker process", faults.worker_killed, 1),
    "out of memory in a worker": ("RLIMIT_AS of a worker process", faults.worker_without_memory, 1),
    "out of memory": (
        "RLIMIT_AS of the build, from a random stage on (a library may end the process by a signal)",
        faults.build_without_memory,
        2,
    ),
    "disk full": ("a tmpfs too small, then with room", faults.disk_full, 2),
    "files too large": ("RLIMIT_FSIZE, as a quota would", faults.file_limit, 1),
    "read-only output": ("a tmpfs made read-only, before or during", faults.read_only, 2),
    "a folder removed midway": ("stages, half-written output, or all around", faults.folder_removed, 2),
    "two builds into one folder": ("the second while the first runs", faults.two_builds, 1),
    "a stage or shard damaged": ("bits turned over, files cut, after a kill", faults.stage_damaged, 3),
    "stages of another build": ("another recipe's stages under our names", faults.stage_of_another, 1),
    "clock set back": ("thirty years, and running backwards (patched)", faults.clock_set_back, 1),
    "a model server hangs": ("it takes questions and answers none", model_servers.server_hangs, 1),
    "answers damaged": ("the cache of a model's answers, after a kill", model_servers.answers_damaged, 1),
    "a Ray worker killed": ("kill -9 of a worker of the cluster", faults.ray_worker_killed, 1),
}
"""Name -> (how it is made, the fault, how often it is tried for each round)."""
TRIES = 6
"""Times that a fault which came too late is tried again."""


@dataclass
class Row:
    """What came of one kind of fault."""

    name: str
    how: str
    trials: list[Trial] = field(default_factory=list)
    left_out: str = ""
    seconds: float = 0.0

    def count(self, of: str) -> int:
        """How many trials have a property."""
        return sum(bool(getattr(t, of)) for t in self.trials)

    @property
    def failed(self) -> bool:
        """Whether any trial lost something, or ended in a traceback or in other bytes."""
        return any(not (t.in_words and t.sound and t.survived and t.same) for t in self.trials)


def try_faults(
    lab: Lab, rounds: float, only: tuple[str, ...] = (), leave_out: tuple[str, ...] = ()
) -> Iterator[Row]:
    """Try each fault as often as its number times ``rounds``, at least once."""
    for name, (how, fault, number) in FAULTS.items():
        if (only and name not in only) or name in leave_out:
            continue
        row = Row(name, how)
        start = time.monotonic()
        for _ in range(max(1, round(number * rounds))):
            try:
                for _ in range(TRIES):
                    trial = fault(lab)
                    if trial.hit:
                        row.trials.append(trial)
                        break
            except NotPossibleError as e:
                row.left_out = str(e)
                break
        row.seconds = time.monotonic() - start
        yield row


def draw_table(rows: list[Row]) -> str:
    """Markdown: a row a fault."""
    lines = [
        "| fault | how | tried | ended in words | survived | lost | same bytes |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        if not row.trials:
            why = row.left_out or "it never came in time"
            lines.append(f"| {row.name} | {row.how} | not tried: {why} | | | | |")
            continue
        n = len(row.trials)
        lost = n - row.count("sound")
        cells = (n, row.count("in_words"), row.count("survived"), lost, row.count("same"))
        lines.append(f"| {row.name} | {row.how} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
