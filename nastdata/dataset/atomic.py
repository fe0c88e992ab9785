"""A folder appears whole or not at all: written beside its place, then put there in one step."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nastdata.errors import UserError

AT_FDCWD, RENAME_EXCHANGE = -100, 2
NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}
"""What renameat2 answers where the system or the file system can't exchange two names."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def replace_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on leaving, it takes the place of ``out`` in one step.

    If the block raises, nothing is left behind and ``out`` is as it was. If the process is killed, ``out``
    is the old folder or the new one; what lies beside it is removed by the next ``clear_stale``.

    Raises:
        UserError: if the place can't be written, or the disk is full.
    """
    out = follow(out)
    made = _make_parents(out.parent)
    partial: Path | None = None
    try:
        partial, lock = _open_partial(out)
        try:
            yield partial
            sync_tree(partial)
            _swap(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            os.close(lock)
    except BaseException as e:
        for parent in made:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        if isinstance(e, OSError) and _is_of(e, out.parent):
            raise explain_os_error(e, out) from e
        raise


def follow(out: Path) -> Path:
    """Return the place that a name leads to.

    Raises:
        UserError: if it is a link that leads to itself, or no name.
    """
    try:
        return out.absolute() if not out.is_symlink() else out.resolve(strict=False)
    except (OSError, RuntimeError, ValueError) as e:
        raise UserError(f"no place to write to ({e})", where=str(out), how="choose another --out") from e


def clear_stale(out: Path) -> None:
    """Remove what killed processes left beside ``out``; bring a half-swapped old folder back."""
    out = out.absolute()
    if not out.parent.is_dir():
        return
    kept = sorted(out.parent.glob(f".{_escape(out.name)}.old-*"))
    if kept and not os.path.lexists(out):
        kept.pop().rename(out)
    for folder in [*kept, *sorted(out.parent.glob(f".{_escape(out.name)}.partial-*"))]:
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def explain_os_error(e: OSError, where: Path) -> UserError:
    """Return an error of the file system in words that the user can act on."""
    if e.errno in FULL:
        return UserError("the disk is full", where=str(where), how="make room, or choose another --out")
    if e.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError("not writable", where=str(where), how="choose another --out")
    return UserError(f"can't be written ({e.strerror or e})", where=str(where), how="choose another --out")


def sync_tree(folder: Path) -> None:
    """Force every file and folder below ``folder``, and itself, to the disk."""
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def write_file(path: Path, content: bytes) -> None:
    """Replace one file in one step: written beside it, forced to the disk, renamed."""
    beside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as e:
        beside.unlink(missing_ok=True)
        raise explain_os_error(e, path) from e


def _make_parents(folder: Path) -> list[Path]:
    """Create missing parents; return those created, deepest first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise explain_os_error(e, folder) from e
    return missing


def _open_partial(out: Path) -> tuple[Path, int]:
    """Make the folder to fill, and hold a lock on it for as long as this process lives."""
    for attempt in range(1000):
        suffix = f"-{attempt}" if attempt else ""
        partial = out.with_name(f".{out.name}.partial-{os.getpid()}{suffix}")
        try:
            partial.mkdir()
        except FileExistsError:
            continue
        lock = os.open(partial, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return partial, lock
    raise OSError(errno.EEXIST, "no free name for the partial folder", str(out))


def _is_abandoned(folder: Path) -> bool:
    """Whether the process that made a partial folder is gone: no such process, and its lock is free."""
    pid = folder.name.rpartition(".")[2].split("-")[1]
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
        return False
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


def _swap(partial: Path, out: Path) -> None:
    """Put ``partial`` in the place of ``out``; afterwards ``partial`` is the old folder, or gone."""
    if not out.exists():
        partial.rename(out)
    elif not _exchange(partial, out):
        old = out.with_name(f".{out.name}.old-{os.getpid()}")
        out.rename(old)
        try:
            partial.rename(out)
        except OSError:
            old.rename(out)
            raise
        shutil.rmtree(old, ignore_errors=True)
    _sync(out.parent)


def _exchange(a: Path, b: Path) -> bool:
    """Exchange two names in one step; False where the system can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(b))


def _is_of(e: OSError, folder: Path) -> bool:
    """Whether an error is about what we write, and not about some file that was being read for it."""
    return e.filename is None or Path(os.fsdecode(e.filename)).is_relative_to(folder)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _escape(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
