"""Questions as batch jobs of an OpenAI-compatible server: up to a day's patience for a lower price.

A job is never lost and never made twice. Its row is on disk before the server hears of it, and it carries
its tag in its metadata; a run that was killed between asking for a job and learning its id finds it in the
server's list. Answers have the same keys as those of live calls, so that both share the cache.

What comes back without an answer (expired, a server's error, no line at all) goes into another job, as often
as ``max_retries`` says. Times are kept in our book only and never reach a dataset.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nastdata.llm.base import (
    BUDGET,
    Answer,
    CallFailure,
    Keep,
    Reply,
    Request,
    converse_in_rounds,
)
from nastdata.llm.batch.client import BatchClient, UnknownJobError
from nastdata.llm.batch.files import MISSING, cut_files, read_lines, write_line
from nastdata.llm.batch.journal import Job, JobBook
from nastdata.llm.cache import AnswerCache
from nastdata.llm.chat import read_reply
from nastdata.llm.ledger import RunLedger, price
from nastdata.llm.openai_client import OpenAIAdapter
from nastdata.progress import Progress
from nastdata.recipe import WriterSettings

if TYPE_CHECKING:
    from openai.types import Batch

ENDED = ("completed", "failed", "expired", "cancelled")
PASSING = frozenset({"token_limit_exceeded", "rate_limit_exceeded", "server_error", "internal_error"})
"""Why a whole job may fail without any fault in it."""
FIRST_LOOK = 2.0
"""Seconds after which a job is looked at first; then half as long again each time, up to ``batch_poll``."""
CHARACTERS_PER_TOKEN = 3.0
"""Fewer than there are, so that the cost is not foreseen too low."""
TOGETHER = 256
"""Answers between two moments in which a run can be interrupted."""

Results = dict[str, Answer | CallFailure]
Ended = list[tuple[Job, "Batch | None"]]
"""Jobs and what the server says of them; None: it does not know the job."""


class BatchAdapter(OpenAIAdapter):
    """Chat completions of one model on one server, through its batch jobs.

    Before the first job one live call is made, which finds out the JSON form that the server keeps to.

    Args:
        settings: of the recipe's writer.
        cache: where jobs are entered.
        fresh: give up jobs that the server does not know, instead of stopping.

    Raises:
        UserError: as ``OpenAIAdapter``.
    """

    def __init__(self, settings: WriterSettings, cache: AnswerCache, *, fresh: bool = False) -> None:
        super().__init__(settings)
        self.run = RunLedger()
        self.book = JobBook(cache)
        self.fresh = fresh
        self._progress = Progress()
        self._tries: Counter[str] = Counter()
        """Request key -> how often it came back without an answer."""
        self._failed: dict[str, CallFailure] = {}
        self._foreseen: dict[str, float] = {}
        """Cost of the questions of this run that are under way."""
        self._longest: int | None = None
        """Completion tokens of the longest answer yet."""
        self._said: dict[str, str] = {}
        self._crowded = False
        """Whether a job failed for want of room at the server."""

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        """Answer requests and what follows from the answers, each round in jobs of its own."""
        converse_in_rounds(self, requests, keep, reply)

    def complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        """Answer requests in their order, through jobs; each answer is kept as soon as it is read."""
        return asyncio.run(self._complete(requests, keep)) if requests else []

    async def _complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        """Answer requests in their order; each answer is kept as soon as it is read.

        Raises:
            UserError: if the server has no batch API, or a job failed for good; what runs there goes on.
        """
        asked = {r.key: r for r in requests}
        results: Results = {k: f for k, f in self._failed.items() if k in asked}
        sdk = self.open_client()
        retries = self.settings.max_retries
        async with sdk:
            client = BatchClient(
                self._openai, sdk, self.book, key=self._key, max_retries=retries, say=self._say
            )
            jobs = await self._recover(client, asked)
            under_way = {k for job in jobs for k in job.keys}
            todo = [k for k in asked if k not in under_way and k not in results]
            while todo or jobs:
                if todo and not (self._crowded and jobs):
                    todo = await self._submit(client, todo, asked, jobs)
                if not jobs:
                    break  # the budget allows no more
                ended = await self._wait(client, jobs)
                for job, batch in ended:
                    todo += await self._collect(client, job, batch, asked, results, keep)
                    jobs.remove(job)
                for _, batch in ended:
                    self._stop_on_problem(client, batch)
        return [results.get(r.key, BUDGET) for r in requests]

    async def _recover(self, client: BatchClient, asked: Mapping[str, Request]) -> list[Job]:
        """Return the jobs of earlier runs that hold our questions."""
        jobs = []
        for job in self.book.find_jobs(self.url, asked):
            if not await client.recover(job):
                self.book.close(job, job.keys)  # it was never made
                continue
            jobs.append(job)
            self.run.resumed += 1
            self._say(f"{job.id}: gone on with, {len(job.keys):,} questions")
        return jobs

    async def _submit(
        self, client: BatchClient, todo: list[str], asked: Mapping[str, Request], jobs: list[Job]
    ) -> list[str]:
        """Make jobs of what the budget allows, add them to ``jobs``, and return what is left over."""
        n = self._count_affordable([asked[k] for k in todo])
        if not n:
            return todo
        if self._crowded and not jobs:
            await asyncio.sleep(self.settings.batch_poll)
        self._crowded = False
        if self._form is None:
            self._form = await self._probe(client.sdk, asked[todo[0]])
        lines = [write_line(asked[k], self._form, self._limit_name) for k in todo[:n]]
        for cut in cut_files([len(line) for line in lines], self.settings.batch_requests):
            job = self.book.open_job(self.url, [todo[i] for i in cut])
            await client.make(job, b"".join(lines[i] for i in cut))
            jobs.append(job)
            self.run.jobs += 1
            self._foreseen.update((k, self._foresee(asked[k])) for k in job.keys)
            self._say(f"{job.id}: made, {len(job.keys):,} questions")
        return todo[n:]

    async def _wait(self, client: BatchClient, jobs: Sequence[Job]) -> Ended:
        """Look at jobs until some have ended."""
        pause = min(FIRST_LOOK, self.settings.batch_poll)
        while True:
            ended: Ended = []
            for job in jobs:
                try:
                    batch = await client.look(job)
                except UnknownJobError:
                    if not self.fresh:
                        raise
                    ended.append((job, None))
                    continue
                if batch is not None and batch.status in ENDED:
                    ended.append((job, batch))
                elif batch is not None and self._said.get(job.tag) != (line := _tell(batch)):
                    self._said[job.tag] = line
                    self._say(line)
            if ended:
                return ended
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, self.settings.batch_poll)

    async def _collect(
        self,
        client: BatchClient,
        job: Job,
        batch: Batch | None,
        asked: Mapping[str, Request],
        results: Results,
        keep: Keep,
    ) -> list[str]:
        """Read an ended job's answers and return what to ask again; what is given up goes to ``results``."""
        wanted = [k for k in job.keys if k in asked]
        missing = dict.fromkeys(wanted, MISSING)
        answers: dict[str, Answer] = {}
        for file in (batch.output_file_id, batch.error_file_id) if batch else ():
            for line in read_lines(await client.fetch(file)) if file else ():
                if line.key not in missing:
                    continue  # of another recipe, or said twice
                if line.reply is None:
                    missing[line.key] = line.failure or MISSING
                    continue
                del missing[line.key]
                answer = read_reply(line.reply, asked[line.key], self._tries[line.key])
                answers[line.key] = replace(answer, peer=min(self.guard.peers, default=None))
        await _keep_all([(asked[k], answer) for k, answer in answers.items()], keep)
        results.update(answers)
        for key, answer in answers.items():
            self._settle_cost(key, answer)
        if batch is not None and batch.status == "failed":
            self._crowded = _list_codes(batch) <= PASSING
            missing = dict.fromkeys(missing, CallFailure("job failed", retryable=True))
        again = []
        for key, failure in missing.items():
            self._foreseen.pop(key, None)
            self._tries[key] += 1
            if failure.retryable and self._tries[key] <= self.settings.max_retries:
                again.append(key)
            else:
                results[key] = self._failed[key] = failure
        self.book.close(job, wanted)
        self.run.resubmitted += len(again)
        reasons = sorted(Counter(f.reason for f in missing.values()).items())
        self._say(
            f"{job.id}: {batch.status if batch else 'given up'}, {len(wanted) - len(missing):,} answers read"
            + "".join(f", {n:,} without ({reason})" for reason, n in reasons)
        )
        return again

    def _stop_on_problem(self, client: BatchClient, batch: Batch | None) -> None:
        """Tell of an ended job that is of no use to make again unchanged."""
        if batch is not None and batch.status == "cancelled":
            raise self._refuse(
                f"job {batch.id} was cancelled; what it had answered is kept",
                "run the same command again to ask the rest in a new job",
            )
        if batch is not None and batch.status == "failed" and not _list_codes(batch) <= PASSING:
            errors = (batch.errors.data if batch.errors else None) or []
            said = client.redact("; ".join(dict.fromkeys(str(e.message or e.code) for e in errors[:3])))
            raise self._refuse(f"job {batch.id} failed ({said})", "fix that and run the same command again")

    def _count_affordable(self, requests: Sequence[Request]) -> int:
        """Return how many of the requests, from the first on, the budget allows."""
        s = self.settings
        n = len(requests)
        if s.max_calls is not None:
            n = max(min(n, s.max_calls - self.calls - len(self._foreseen)), 0)
        if s.max_cost is not None:
            free = s.max_cost - self.spent - sum(self._foreseen.values())
            for i, request in enumerate(requests[:n]):
                free -= self._foresee(request)
                if free < 0:
                    return i
        return n

    def _foresee(self, request: Request) -> float:
        """Return the highest cost to expect: as many tokens as the longest answer yet, or as are allowed."""
        prompt = int(sum(len(c) for _, c in request.messages) / CHARACTERS_PER_TOKEN)
        return price(prompt, self._longest or self.settings.max_tokens, self.settings.prices) or 0.0

    def _settle_cost(self, key: str, answer: Answer) -> None:
        """Put what an answer cost in the place of what was foreseen."""
        self._longest = max(self._longest or 1, answer.completion_tokens or 1)
        if self._foreseen.pop(key, None) is None:
            return  # of an earlier run's job, and on its budget
        self.calls += 1
        self.spent += price(answer.prompt_tokens, answer.completion_tokens, self.settings.prices) or 0.0

    def _say(self, text: str) -> None:
        self._progress.say(f"{'batch':<10} {text}")


async def _keep_all(found: Sequence[tuple[Request, Answer]], keep: Keep) -> None:
    """Commit answers, each on its own; those that wait for the disk together go to it together."""
    for start in range(0, len(found), TOGETHER):
        await asyncio.gather(*(asyncio.to_thread(keep, *each) for each in found[start : start + TOGETHER]))


def _list_codes(batch: Batch) -> set[str]:
    errors = batch.errors.data if batch.errors else None
    return {str(e.code) for e in errors or ()}


def _tell(batch: Batch) -> str:
    counts = batch.request_counts
    said = f", {counts.completed:,} of {counts.total:,} answered" if counts and counts.total else ""
    return f"{batch.id}: {batch.status.replace('_', ' ')}{said}"
