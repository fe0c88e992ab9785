"""What every benchmark prints of the machine, and how a command is measured as a whole process."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
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


def measure(
    command: list[str],
    fine: tuple[int, ...] = (0,),
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    patience: float | None = None,
) -> Cost:
    """Run a command to its end and return what it took.

    Args:
        command: what to run.
        fine: exit codes that are no failure.
        environment: variables beside those that there are.
        folder: where to run it.
        patience: seconds after which it is stopped.

    Raises:
        RuntimeError: if it fails, with what it said, or takes too long.
    """
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        start_new_session=True,
    )
    assert process.stdout is not None
    late = threading.Event()

    def stop() -> None:
        late.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(patience, stop) if patience is not None else None
    try:
        if timer is not None:
            timer.start()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # its workers with it
        raise
    finally:
        if timer is not None:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    if late.is_set():
        raise RuntimeError(f"more than {patience:.0f} s")
    if os.waitstatus_to_exitcode(status) not in fine:
        raise RuntimeError(f"{' '.join(command)}: status {status}\n{output}")
    scale = 2**30 if sys.platform == "darwin" else 2**20
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale, output)


def nastdata(*args: str) -> list[str]:
    """Return the command line of ``nastdata ARGS`` in this interpreter."""
    return [sys.executable, "-m", "nastdata", *args]
