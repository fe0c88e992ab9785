"""Which batch jobs are under way, on disk before anything can be lost.

A job's row is written before its file is uploaded and before the job is asked for, so that a killed run
leaves at worst a row without an id. Whether that job exists is then found out from the server's own list,
by the tag that it carries; see ``batch.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nastdata.llm.cache import AnswerCache

_KIND = "job:"


@dataclass
class Job:
    """A batch job; ``keys`` are of the questions whose answers were not read yet."""

    tag: str
    """Its name in our book and in the server's metadata; fewer than 65 characters."""
    url: str
    keys: list[str]
    file: str | None = None
    """Id of the uploaded questions."""
    asked: float | None = None
    """Seconds since the epoch at which the server was asked for it; None: certainly not yet."""
    id: str | None = None


class JobBook:
    """The jobs in an answer cache."""

    def __init__(self, cache: AnswerCache) -> None:
        self._cache = cache

    def open_job(self, url: str, keys: Sequence[str]) -> Job:
        """Enter a job under a tag that no job had before, and return it."""
        digest = hashlib.sha256("\n".join([url, *sorted(keys)]).encode()).hexdigest()[:40]
        number = 0
        while self._cache.get_state(f"{_KIND}{digest}-{number}") is not None:
            number += 1
        job = Job(f"{digest}-{number}", url, list(keys))
        self.save(job)
        return job

    def save(self, job: Job) -> None:
        """Commit what is known of a job; when this returns, it survives a kill."""
        self._cache.put_state(_KIND + job.tag, asdict(job))

    def close(self, job: Job, read: Collection[str]) -> None:
        """Strike out the questions that were dealt with; those of another recipe stay until it is built."""
        job.keys = [k for k in job.keys if k not in read]
        self.save(job)

    def find_jobs(self, url: str, keys: Collection[str]) -> list[Job]:
        """Return the jobs at a server that some of the questions are in, in a fixed order."""
        states: dict[str, dict[str, Any]] = self._cache.list_states(_KIND)
        jobs = [Job(**state) for _, state in sorted(states.items())]
        return [job for job in jobs if job.url == url and not set(keys).isdisjoint(job.keys)]
