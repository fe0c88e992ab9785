"""One build at a time writes to a folder."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nastdata.errors import UserError

NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What a file system answers that knows no locks."""


@contextmanager
def hold_lock(out: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock on an output folder; it ends with the process, however that ends.

    The lock is a small file beside the folder, removed with the lock. What a killed build leaves of it is
    free for the next one.

    Args:
        out: the folder to write; need not exist.
        say: is told where there can be no lock.

    Raises:
        UserError: if another process holds it.
    """
    place = out.resolve() if out.is_symlink() else out.absolute()
    path = place.with_name(f".{place.name}.lock")
    made = [p for p in path.parents if not p.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = _take(path)
    except OSError as e:
        # read-only and full disks are reported by the writing itself; without locks two builds are possible
        say(f"{'lock':<10} none ({e.strerror or e}): start no second build into {out}")
        yield
        return
    if fd is None:
        raise UserError(
            f"another build is writing to this folder{_tell_holder(path)}",
            where=str(out),
            how="wait until it ends, or choose another --out",
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders that were made for a build of which nothing is left, deepest first."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _take(path: Path) -> int | None:
    """Return the open, locked file; None if another process holds it."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError as e:
            os.close(fd)
            if e.errno not in NO_LOCKS:
                raise
            path.unlink(missing_ok=True)
            raise
        if _is_same(path, fd):
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
            return fd
        os.close(fd)  # its owner removed it between our opening and our locking: begin again


def _is_same(path: Path, fd: int) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


def _tell_holder(path: Path) -> str:
    try:
        pid = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
    return f" (process {pid})" if pid.isdigit() else ""
