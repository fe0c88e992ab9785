"""The finished stages of one build, beside its output: taken up by the next run, removed at the end."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from nastdata.errors import NothingMadeError, UserError
from nastdata.stages.entries import (
    DamagedEntryError,
    Kept,
    OtherKeyError,
    read_entry,
    remove_entry,
    write_entry,
)

T = TypeVar("T")
MARK = "stages-of-nastdata"
"""A file that says whose folder it is."""
WORTH = 5.0
"""Seconds of work that are worth keeping when a build ends with an error that the user has to act on."""


class Stages:
    """Runs stages, or gives back what an interrupted run has made of them.

    Args:
        folder: where finished stages are kept; None keeps none.
        say: is told of what can't be used or kept.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], None] = lambda text: None) -> None:
        self.folder, self.say = folder, say
        self.spent = 0.0
        """Seconds that the stages that are kept have taken in this run."""
        self.taken: list[str] = []
        """Stages that were taken up from an earlier run."""

    def find(
        self, name: str, key: str, is_current: Callable[[Kept], bool] = lambda kept: True
    ) -> Kept | None:
        """Return what an earlier run has made of a stage from just the same; None if there is nothing."""
        if self.folder is None:
            return None
        try:
            kept = read_entry(self.folder, name, key)
            if kept is not None and not is_current(kept):
                raise OtherKeyError
        except DamagedEntryError as e:
            self.say(f"{'resume':<10} '{name}' of the interrupted build is damaged ({e}): made again")
            self.drop(name)
            return None
        except OtherKeyError:
            self.say(f"{'resume':<10} '{name}' of the interrupted build: other input, so made again")
            self.drop(name)
            return None
        if kept is not None:
            self.taken.append(name)
        return kept

    def keep(self, name: str, key: str, kept: Kept, seconds: float = 0.0) -> None:
        """Keep what a stage has made; where that is impossible, the build goes on without."""
        if self.folder is None:
            return
        try:
            write_entry(self.folder, name, key, kept)
            self.spent += seconds
        except OSError as e:
            self.give_up(e)

    def give_up(self, why: OSError) -> None:
        """Keep nothing more: on a full disk the room is needed for the output itself."""
        self.say(f"{'resume':<10} stages can't be kept ({why.strerror or why}): a killed build would restart")
        self.close()

    def drop(self, name: str) -> None:
        """Remove a stage that is of no more use."""
        if self.folder is not None:
            try:
                remove_entry(self.folder, name)
            except OSError as e:
                self.say(f"{'resume':<10} {self.folder}: {e.strerror or e}")
                self.folder = None

    def run(
        self,
        name: str,
        key: str,
        make: Callable[[], T],
        pack: Callable[[T], Kept],
        unpack: Callable[[Kept], T],
        is_current: Callable[[Kept], bool] = lambda kept: True,
    ) -> T:
        """Return what a stage makes: from an earlier run, or made now and kept."""
        if (kept := self.find(name, key, is_current)) is not None:
            return unpack(kept)
        start = time.monotonic()
        made = make()
        if self.folder is not None:
            self.keep(name, key, pack(made), time.monotonic() - start)
        return made

    def close(self) -> None:
        """Remove all that is kept."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


@contextmanager
def open_stages(out: Path, say: Callable[[str], None], *, fresh: bool = False) -> Iterator[Stages]:
    """Yield the stages of a build into ``out``; what is kept goes when the build ends.

    It stays if the run is killed or interrupted, or fails after more than a few seconds of work: the same
    command then goes on from there.

    Args:
        out: the folder that the build writes.
        say: is told of what can't be used or kept.
        fresh: take up nothing.
    """
    stages = Stages(_prepare(out, say, fresh), say)
    try:
        yield stages
    except (KeyboardInterrupt, SystemExit, MemoryError):
        _tell_kept(stages)
        raise
    except BaseException as e:
        quick = isinstance(e, UserError) and stages.spent < WORTH and not stages.taken
        if quick or isinstance(e, NothingMadeError):
            stages.close()
        else:
            _tell_kept(stages)
        raise
    stages.close()


def name_folder(out: Path) -> Path:
    """Return where the stages of a build into ``out`` are kept."""
    place = out.resolve() if out.is_symlink() else out.absolute()
    return place.with_name(f".{place.name}.stages")


def _tell_kept(stages: Stages) -> None:
    if stages.folder is None or not any(stages.folder.glob("*.json")):
        stages.close()
        return
    stages.say(f"{'resume':<10} finished stages are kept: the same command goes on from there")


def _tell_unkept(why: OSError) -> str:
    return f"{'resume':<10} stages can't be kept ({why.strerror or why}): a killed build would restart"


def _prepare(out: Path, say: Callable[[str], None], fresh: bool) -> Path | None:
    """Open or make the folder; None, and a line that says why, where that is impossible or unsafe."""
    folder = name_folder(out)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(folder):
            if not _is_ours(folder):
                say(f"{'resume':<10} {folder} is not of nastdata: left alone, no stages are kept")
                return None
            if fresh:
                shutil.rmtree(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / MARK).touch()
    except OSError as e:
        say(_tell_unkept(e))
        return None
    return folder


def _is_ours(folder: Path) -> bool:
    """Whether it is a real folder of this user that a build has made (or an empty one)."""
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
        return False
    return (folder / MARK).is_file() or not any(folder.iterdir())
