"""What every benchmark prints of the machine, and how a command is measured as a whole process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a finished process took."""

    seconds: float
    """Wall time."""
    cpu: float
    """User and system seconds, children included."""
    gigabytes: float
    """Peak resident memory of the largest process."""
    output: str


def describe_machine() -> str:
    """Return cores, processor and Python in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{cores} cores, {model}, Python {platform.python_version()}"


def measure(command: list[str], fine: tuple[int, ...] = (0,)) -> Cost:
    """Run a command to its end and return what it took.

    Args:
        command: what to run.
        fine: exit codes that are no failure.

    Raises:
        RuntimeError: if it fails, with what it said.
    """
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if os.waitstatus_to_exitcode(status) not in fine:
        raise RuntimeError(f"{' '.join(command)}: status {status}\n{output}")
    scale = 2**30 if sys.platform == "darwin" else 2**20
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale, output)


def nastdata(*args: str) -> list[str]:
    """Return the command line of ``nastdata ARGS`` in this interpreter."""
    return [sys.executable, "-m", "nastdata", *args]
