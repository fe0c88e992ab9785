"""What is said to a server about batch jobs: make one just once, look at it, fetch its files.

Foreign errors are told in plain words here. Faults that pass are outlasted; whatever stops a run leaves the
server's jobs and our book as they are, so that the next run goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nastdata.errors import UserError
from nastdata.llm.batch.journal import Job, JobBook

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import Batch

SETTLE = 5.0
"""Seconds after which a job that was asked for is in the server's list, or was never made."""
SKEW = 86_400.0
"""Seconds by which the server's clock may differ from ours."""
TAG = "nastdata"
GO_ON = "run the same command again to go on: jobs and answers are kept"


class UnknownJobError(UserError):
    """The server does not know a job that our book names."""


class BatchClient:
    """Batch jobs of one server.

    Args:
        openai: the SDK's module.
        sdk: its client of the server; its retries are for what may be said twice.
        book: where jobs are entered.
        key: never to be told.
        max_retries: times that a fault is outlasted.
        say: tells the user what goes on.
    """

    def __init__(
        self,
        openai: Any,
        sdk: AsyncOpenAI,
        book: JobBook,
        *,
        key: str,
        max_retries: int,
        say: Callable[[str], None],
    ) -> None:
        self._openai, self.sdk, self._book = openai, sdk, book
        self._key, self._max_retries, self._say = key, max_retries, say
        self._faults = 0

    async def make(self, job: Job, content: bytes) -> None:
        """Upload a job's questions and ask for the job, just once, entering its id.

        A request whose fate is not known (time-out, connection lost, 5xx) is not repeated before the server's
        list has been read; the SDK's own retries are off for it.

        Raises:
            UserError: if the server has no batch API or does not take the job.
        """
        with self._explained():
            file = (f"{TAG}-{job.tag}.jsonl", content)
            job.file = self._read_id(await self.sdk.files.create(file=file, purpose="batch"))
        once = self.sdk.with_options(max_retries=0)
        for attempt in range(self._max_retries + 1):
            job.asked = time.time()
            self._book.save(job)
            with self._explained():
                try:
                    batch = await once.batches.create(
                        input_file_id=job.file,
                        endpoint="/v1/chat/completions",
                        completion_window="24h",
                        metadata={TAG: job.tag},
                    )
                except self._openai.RateLimitError:
                    if attempt == self._max_retries:
                        raise
                    await asyncio.sleep(min(0.5 * 2**attempt, 30.0))
                except (self._openai.APIConnectionError, self._openai.InternalServerError):
                    if attempt == self._max_retries:
                        raise
                    await self.look_up(job, time.time() + SETTLE)
                else:
                    job.id = self._read_id(batch)
                    self._book.save(job)
            if job.id is not None:
                return

    async def recover(self, job: Job) -> bool:
        """Return whether a job of an earlier run was made, and enter its id if that run could not."""
        if job.id is None and job.asked is not None:
            await self.look_up(job, job.asked + SETTLE)
        return job.id is not None

    async def look_up(self, job: Job, until: float) -> None:
        """Find a job in the server's list by its tag or file, and enter its id.

        Args:
            job: without an id.
            until: seconds since the epoch up to which to look again; at least one look is taken.
        """
        while job.id is None:
            late = time.time() >= until
            with self._explained():
                async for batch in self.sdk.batches.list(limit=100):
                    if (batch.created_at or time.time()) < (job.asked or 0.0) - SKEW:
                        break  # the newest come first
                    if (batch.metadata or {}).get(TAG) == job.tag or batch.input_file_id == job.file:
                        job.id = batch.id
            if job.id is not None:
                self._book.save(job)
            elif late:
                return
            else:
                await asyncio.sleep(0.5)

    async def look(self, job: Job) -> Batch | None:
        """Return what the server says of a job; None if it had no word just now.

        Raises:
            UserError: if it has had none for too long.
            UnknownJobError: if it does not know the job.
        """
        assert job.id is not None
        with self._explained():
            try:
                batch = await self.sdk.batches.retrieve(job.id)
            except self._openai.NotFoundError:
                raise UnknownJobError(
                    f"job {job.id} is not known there",
                    where=job.url,
                    how="use the key that it was made with; --fresh gives it up and asks again",
                ) from None
            except (
                self._openai.APIConnectionError,
                self._openai.InternalServerError,
                self._openai.RateLimitError,
            ):
                self._faults += 1
                if self._faults > self._max_retries:
                    raise
                self._say(f"{job.id}: no word from the server, looking again")
                return None
        self._faults = 0
        self._read_id(batch)
        return batch

    async def fetch(self, file: str) -> bytes:
        """Return a file's content; nothing if the server has deleted it."""
        with self._explained():
            try:
                content: bytes = (await self.sdk.files.content(file)).content
            except self._openai.NotFoundError:
                self._say(f"{file}: no longer there")
                return b""
            return content

    def _read_id(self, thing: Any) -> str:
        """Return the id of a file or job; servers of other makes may answer with anything."""
        found = getattr(thing, "id", None)
        if not isinstance(found, str):
            raise self._refuse("the server's reply is not readable", "--set writer.batch_api=false")
        return found

    def redact(self, text: str) -> str:
        """Return the beginning of a server's words, without the key."""
        return text.replace(self._key, "...")[:300]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Tell the SDK's errors in plain words."""
        try:
            yield
        except self._openai.AuthenticationError:
            raise self._refuse("the server refuses the key", "check OPENAI_API_KEY") from None
        except self._openai.APIConnectionError:
            raise self._refuse("no server answers", GO_ON) from None
        except self._openai.APIStatusError as e:
            if e.status_code in (404, 405, 501):
                raise self._refuse("the server has no batch API", "--set writer.batch_api=false") from None
            body = e.body if isinstance(e.body, dict) else {}
            said = self.redact(f"HTTP {e.status_code} {body.get('message') or ''}".strip())
            how = GO_ON if e.status_code >= 500 or e.status_code == 429 else "check the writer's settings"
            raise self._refuse(f"the server does not take batch jobs ({said})", how) from None
        except self._openai.APIError:
            raise self._refuse("the server's reply is not readable", GO_ON) from None

    def _refuse(self, what: str, how: str) -> UserError:
        return UserError(what, where=str(self.sdk.base_url), how=how)
