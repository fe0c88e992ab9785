"""Whether rows still fit into memory: a table that does not is refused in words before the machine stops.

What is kept of a row takes a few hundred bytes, whatever the file's size; folding rows into studies takes as
much again for a while.
"""

from __future__ import annotations

from pathlib import Path

from nastdata.errors import UserError

NEEDED = 2.0
"""Free memory that folding needs, as a multiple of the rows kept so far."""
LEAST = 256 << 20
"""Bytes of kept rows below which nothing is asked."""
MEMINFO = Path("/proc/meminfo")
LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
"""A container's limit, and what it uses."""
BILLION = 1e9


def refuse_too_big(kept: int, rows: int, path: Path) -> None:
    """Refuse a table when what is kept of it can no longer be folded in the memory that is free.

    Args:
        kept: bytes of the rows so far.
        rows: how many they are.
        path: file that is being read.

    Raises:
        UserError: naming both figures.
    """
    if kept < LEAST:
        return
    free = read_free_memory()
    if free is not None and NEEDED * kept > free:
        raise UserError(
            f"too many rows for the memory of this machine: {rows:,} rows so far take {kept / BILLION:.1f} "
            f"GB, and making studies of them needs about {NEEDED * kept / BILLION:.1f} GB; "
            f"{free / BILLION:.1f} GB are free",
            where=str(path),
            how="name fewer files at a time in the description (files:), or a table of the studies you need",
        )


def read_free_memory() -> int | None:
    """Return bytes of memory that this process may still take; None where the system does not say."""
    found = []
    try:
        for line in MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        pass
    for limit, used in LIMITS:
        try:
            found.append(int(limit.read_text("ascii")) - int(used.read_text("ascii")))
        except (OSError, ValueError):
            continue
    return max(0, min(found)) if found else None
