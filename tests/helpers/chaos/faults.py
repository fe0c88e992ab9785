"""The faults: each hits a build and says what came of it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.builds import LOW, Lab, list_processes, stop


@dataclass(frozen=True)
class Trial:
    """What came of one fault."""

    hit: bool
    """Whether it was there in time."""
    in_words: bool = True
    """No traceback, and where the build could speak it said what is wrong, with the right exit code."""
    sound: bool = True
    """No half dataset, the old one unharmed."""
    survived: bool = True
    """The same command, without the fault, ends well."""
    same: bool = True
    """... and gives the right bytes, with nothing left beside them."""
    note: str = ""


class NotPossibleError(Exception):
    """A fault that can't be made on this machine, with the reason."""


def hit_by_signal(number: signal.Signals, code: int) -> Callable[[Lab], Trial]:
    """A signal at a random point of a build, beside an old dataset or not."""

    def fault(lab: Lab) -> Trial:
        out = lab.place(old=lab.rng.random() < 0.5)
        run = lab.start(out)
        at = lab.rng.randrange(lab.lines)
        going = run.wait_lines(at)
        time.sleep(lab.rng.uniform(0, 0.4))
        if not going or run.process.poll() is not None:
            stop(run)
            return Trial(hit=False)
        run.process.send_signal(number)
        ended = run.finish()
        if ended == 0:
            return Trial(hit=False)
        spoke = code < 0 or len(run.lines) == 0 or any("go on" in line for line in run.lines)
        early = at == 0  # the interpreter may still be starting: it ends the process in its own way
        right_end = ended == code or (early and ended in (-number, code, 1))
        return again(lab, out, in_words=early or (right_end and run.in_words and spoke))

    return fault


def again(lab: Lab, out: Path, *, in_words: bool, note: str = "", hit: bool = True) -> Trial:
    """Look at what is there, run the same command again, and compare."""
    sound = lab.is_sound(out)
    run = lab.start(out)
    code = run.finish()
    return Trial(hit, in_words, sound, code == 0, code == 0 and lab.is_right(out), note)


def worker_killed(lab: Lab) -> Trial:
    """Kill -9 of a worker process, as the system does for want of memory."""
    return _hit_worker(lab, lambda pid: os.kill(pid, signal.SIGKILL))


def worker_without_memory(lab: Lab) -> Trial:
    """No more memory for a worker: RLIMIT_AS of its process."""
    return _hit_worker(lab, lambda pid: _limit_memory(pid, 0))


def _hit_worker(lab: Lab, hit: Callable[[int], None]) -> Trial:
    out = lab.place()
    run = lab.start(out, "--set", "workers=2", script=LOW)
    least = lab.rng.choice([40, 60, 80]) * 2**20  # under way, and past the start of the interpreter
    if not run.wait_for(lambda: any(_count_bytes(pid, 1) > least for pid in run.children())):
        stop(run)
        return Trial(hit=False)
    try:
        for pid in run.children():
            hit(pid)
    except ProcessLookupError:
        pass
    code = run.finish()
    if code == 0:
        return Trial(hit=False)
    said = " ".join(run.lines)
    in_words = run.in_words and code == 2 and "memory" in said
    return again(lab, out, in_words=in_words, note="" if in_words else " / ".join(run.lines[-6:]))


def build_without_memory(lab: Lab) -> Trial:
    """No more memory for the build itself, from a random stage on."""
    out = lab.place(old=True)
    run = lab.start(out)
    if not run.wait_lines(lab.rng.randint(1, max(1, lab.lines - 2))):
        return Trial(hit=False)
    try:
        _limit_memory(run.process.pid, 20_000_000)
    except ProcessLookupError:
        return Trial(hit=False)
    code = run.finish()
    if code == 0:
        return Trial(hit=False)
    # A library that gets no memory may end the process itself, by a signal: then nothing of ours can speak.
    aborted = code in (-signal.SIGABRT, -signal.SIGSEGV)
    in_words = run.in_words and (aborted or code == 2)
    note = "" if in_words else f"exit code {code}: " + " / ".join(run.lines[-6:])
    return again(lab, out, in_words=in_words, note=note)


def _limit_memory(pid: int, more: int) -> None:
    limit = _count_bytes(pid, 0) + more
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def _count_bytes(pid: int, column: int) -> int:
    """Return a process's memory: 0 its address space, 1 what is resident; 0 bytes if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[column]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a file system of its own; yields a function that changes its options."""

    def mount(options: str, *what: str) -> None:
        done = subprocess.run(["mount", *what, "-o", options, *(["none"] if what else []), str(folder)],
                              capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode:
            raise NotPossibleError(f"no file system may be mounted here ({done.stderr.strip()})")

    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("mount") is None:
        raise NotPossibleError("no `mount`")
    mount(f"size={size}", "-t", "tmpfs")
    try:
        yield lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def disk_full(lab: Lab) -> Trial:
    """A disk with room for a part of the dataset only (tmpfs), then with room."""
    folder = lab.place().parent
    size = sum(p.stat().st_size for p in (lab.root / "right").rglob("*") if p.is_file())
    kilobytes = max(64, int(size / 1024 * lab.rng.uniform(0.1, 0.9)))
    with small_disk(folder, f"{kilobytes}k") as change:
        run = lab.start(folder / "out")
        code = run.finish()
        told = code == 2 and any("disk is full" in line for line in run.lines)
        left = [p.name for p in folder.iterdir() if not p.name.endswith(".stages")]
        change("size=2g")
        return again(lab, folder / "out", in_words=told and run.in_words and not left)


def file_limit(lab: Lab) -> Trial:
    """Files may not grow beyond a size (RLIMIT_FSIZE), which stands for a quota."""
    out = lab.place(old=True)
    most = max((lab.root / "right").rglob("*.parquet"), key=lambda p: p.stat().st_size).stat().st_size
    limit = int(most * lab.rng.uniform(0.2, 0.9))
    run = lab.start(out, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    code = run.finish()
    told = code == 2 and any("full" in line for line in run.lines)
    return again(lab, out, in_words=told and run.in_words)


def read_only(lab: Lab) -> Trial:
    """An output that becomes read-only before the build, or while it runs (tmpfs)."""
    folder = lab.place().parent
    with small_disk(folder, "2g") as change:
        late = lab.rng.random() < 0.5
        if not late:
            change("ro")
        run = lab.start(folder / "out")
        hit = not late
        if late and run.wait_lines(lab.rng.randint(1, max(1, lab.lines - 2))):
            try:
                change("ro")
                hit = True
            except NotPossibleError:  # a file is being written just now
                hit = False
        code = run.finish()
        change("rw")
        if not hit or code == 0:
            return Trial(hit=False)
        told = code == 2 and any("not writable" in line for line in run.lines)
        return again(lab, folder / "out", in_words=told and run.in_words)


def folder_removed(lab: Lab) -> Trial:
    """Somebody removes a folder of the build while it runs: stages, the half-written one, or all around."""
    out = lab.place()
    which = lab.rng.choice([".out.stages", ".out.partial-*", "."])
    run = lab.start(out)

    def there() -> bool:
        return bool(list(out.parent.glob(which if which != "." else ".out.stages")))

    if not run.wait_for(there):
        stop(run)
        return Trial(hit=False)
    for folder in [out.parent] if which == "." else list(out.parent.glob(which)):
        shutil.rmtree(folder, ignore_errors=True)
    code = run.finish()
    out.parent.mkdir(exist_ok=True)
    in_words = run.in_words and code in (0, 2)
    if code == 0 and lab.is_right(out):
        return Trial(True, in_words)
    return again(lab, out, in_words=in_words, note=which)


def two_builds(lab: Lab) -> Trial:
    """A second build into the same folder: refused, and the first one ends well."""
    out = lab.place(old=lab.rng.random() < 0.5)
    first = lab.start(out)
    if not first.wait_for(lambda: (out.parent / ".out.lock").exists()):
        return Trial(hit=False)
    second = lab.start(out)
    refused = second.finish()
    said = any("another build is writing" in line for line in second.lines)
    if refused == 0:
        first.finish()
        return Trial(hit=False)
    ended = first.finish()
    in_words = refused == 2 and said and first.in_words and second.in_words
    return Trial(True, in_words, lab.is_sound(out), ended == 0, ended == 0 and lab.is_right(out))


def stage_damaged(lab: Lab) -> Trial:
    """A byte of a kept stage or shard is turned over, or a file of it is cut, after a kill."""
    out = _interrupt(lab)
    files = [p for p in (out.parent / ".out.stages").glob("*") if p.suffix in (".json", ".arrow", ".parquet")]
    if not files:
        return Trial(hit=False)
    for path in files if lab.rng.random() < 0.3 else [lab.rng.choice(files)]:
        content = bytearray(path.read_bytes())
        if lab.rng.random() < 0.3 or not content:
            content = content[: len(content) // 2]
        else:
            content[lab.rng.randrange(len(content))] ^= 1 << lab.rng.randrange(8)
        path.unlink()
        path.write_bytes(content)
    return again(lab, out, in_words=True)


def stage_of_another(lab: Lab) -> Trial:
    """Kept stages of another recipe lie there, under our names."""
    out = _interrupt(lab)
    kept = out.parent / ".out.stages"
    foreign = out.parent / "foreign"
    kept.rename(foreign)
    run = lab.start(out, "--seed", "77")
    run.wait_lines(3)
    stop(run)
    if not kept.exists():
        return Trial(hit=False)
    for path in foreign.glob("*"):
        if lab.rng.random() < 0.5:
            shutil.copyfile(path, kept / path.name)
    shutil.rmtree(foreign)
    return again(lab, out, in_words=True)


CLOCK = """
import sys, time
real, start = time.time, time.time()
time.time = lambda: start - 30 * 365 * 86400 - 10 * (real() - start)
time.time_ns = lambda: int(time.time() * 1e9)
from nastdata.cli import main
main(sys.argv[1:])
"""


def clock_set_back(lab: Lab) -> Trial:
    """The clock goes back thirty years between a kill and the next run, and runs backwards during it."""
    out = _interrupt(lab)
    for path in out.parent.rglob("*"):
        os.utime(path, (4e9, 4e9))  # as files of the future look then
    run = lab.start(out, script=CLOCK)
    code = run.finish()
    return Trial(True, run.in_words, True, code == 0, code == 0 and lab.is_right(out))


def _interrupt(lab: Lab) -> Path:
    """Kill a build after some stage; return its output."""
    out = lab.place()
    run = lab.start(out)
    run.wait_lines(lab.rng.randint(2, max(2, lab.lines - 1)))
    stop(run)
    return out


def ray_worker_killed(lab: Lab) -> Trial:
    """Kill -9 of a worker of a Ray cluster: its share is done again."""
    out = lab.place()
    mine = {pid for pid, _, _ in list_processes()}
    run = lab.start(out, "--engine", "ray", "--set", "workers=2")

    def workers() -> list[int]:
        own = [(pid, c) for pid, _, c in list_processes() if pid not in mine and c.startswith("ray::")]
        return [pid for pid, command in own if "Map" in command]

    if not run.wait_for(lambda: bool(workers())):
        stop(run)
        return Trial(hit=False)
    for pid in workers()[:1]:
        os.kill(pid, signal.SIGKILL)
    code = run.finish()
    if code == 0:
        return Trial(True, run.in_words, True, True, lab.is_right(out))
    told = run.in_words and code == 2
    return again(lab, out, in_words=told, note="" if told else " / ".join(run.lines[-8:]))
