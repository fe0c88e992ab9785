"""Which parts are to be done, in what order; two at a time, each kept when it is done."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment import parts
from experiment.sizes import Size
from nastdata.progress import Progress


@dataclass(frozen=True)
class Job:
    """One part of the study."""

    name: str
    done: Path
    """The file that says that it is done."""
    work: Callable[..., None]
    arguments: tuple[Any, ...]

    @property
    def left(self) -> bool:
        """Whether it is still to be done."""
        return not self.done.exists()


def list_phases(size: Size, out: Path) -> Iterator[tuple[str, Callable[[], list[Job]]]]:
    """Yield the phases; the jobs of a phase need those before it, and not one another.

    What a phase holds is asked for when it begins: the final runs' learning rates come from the trials.
    """
    yield "data", lambda: [Job("data", out / "data.done", parts.do_data, (size, out))]
    for name, work in (("pretrain", parts.do_base), ("images", parts.do_images), ("trace", parts.do_trace)):
        yield (
            name,
            lambda name=name, work=work: [  # type: ignore[misc]
                Job(f"{name} {b + 1}", out / f"{name}-{b}.done", work, (size, out, b))
                for b in range(size.bases)
            ],
        )
    for number in range(1 if len(size.decays) == 1 else 2):
        yield (
            "trials" if number == 0 else "trials of weight decay",
            lambda number=number: [  # type: ignore[misc]
                Job(f"{m}, {rate:g}", path, parts.do_trial, (size, out, m, rate, decay))
                for m, rate, decay, path in parts.list_trials(size, out, number)
            ],
        )
    yield (
        "runs",
        lambda: [
            Job(f"{m}, model {b + 1}, seed {s + 1}", path, parts.do_run, (size, out, m, b, s))
            for m, b, s, path in parts.list_runs(size, out)
        ],
    )
    yield (
        "why",
        lambda: [
            Job(f"why {b + 1}", out / f"why-{b}.json", parts.do_why, (size, out, b))
            for b in range(size.bases)
        ],
    )


def work_off(size: Size, out: Path, progress: Progress, processes: int, deadline: float | None) -> bool:
    """Do what is left; return whether all is done.

    Args:
        size: Of the study.
        out: Its folder.
        progress: Where to report.
        processes: Jobs at a time, one thread each.
        deadline: Monotonic time after which no job is begun; None: never.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, list_jobs in list_phases(size, out):
        jobs = list_jobs()
        left = [job for job in jobs if job.left]
        if not left:
            continue
        started = time.monotonic()
        progress.say(f"{name}: {len(left):,} of {len(jobs):,} left")
        done = _work_phase(left, processes, deadline, progress, started)
        if done < len(left):
            progress.say(f"{name}: time is up, {len(left) - done:,} left; the same command goes on")
            return False
    return True


def _work_phase(
    left: Sequence[Job], processes: int, deadline: float | None, progress: Progress, started: float
) -> int:
    if processes == 1:
        for number, job in enumerate(left):
            if _is_late(deadline):
                return number
            job.work(*job.arguments)
            _say(job, number + 1, len(left), progress, started)
        return len(left)
    done, waiting, running = 0, list(left), dict[Future[None], Job]()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        while waiting or running:
            while waiting and len(running) < processes and not _is_late(deadline):
                job = waiting.pop(0)
                running[pool.submit(job.work, *job.arguments)] = job
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                future.result()
                done += 1
                _say(job, done, len(left), progress, started)
    return done


def _say(job: Job, done: int, number: int, progress: Progress, started: float) -> None:
    pace = (time.monotonic() - started) / done
    progress.say(f"  {job.name} ({done:,} of {number:,}; about {pace * (number - done) / 60:.0f} min left)")


def _is_late(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
