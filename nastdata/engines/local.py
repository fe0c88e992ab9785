"""Processes of this machine, started when there is enough to do for more than one."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from types import TracebackType
from typing import Any, TypeVar

from nastdata.engines.base import IN_PROCESS, Function, count_cores, cut, pack, run_packed
from nastdata.errors import UserError

T = TypeVar("T")
R = TypeVar("R")
SHARES = 4
"""Pieces for each process, so that a slow one does not keep the others waiting."""
AHEAD = 3
"""Shares a process that a stream has under way or waiting."""


class LocalEngine:
    """Implements ``Engine`` with a pool of processes that lives as long as the ``with`` block.

    Args:
        workers: the most processes to use; 0 for as many as there are cores.
    """

    apart = False

    def __init__(self, workers: int = 0) -> None:
        self.cores = workers or count_cores()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> LocalEngine:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; what they have not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def describe(self) -> None:
        """Nothing to tell: it is what everybody expects."""
        return

    def map(self, function: Function[T, R], items: Sequence[T], least: int | None) -> list[R]:
        """Apply ``function`` here, or in as many processes as pay."""
        processes = min(self.cores, len(items) // least) if least else 1
        if processes < 2:
            return function(items)
        run = partial(run_packed, pack(function))
        with _told():
            shares = self._open().map(run, cut(items, processes * SHARES))
            return [r for results in shares for r in results]

    def stream(self, function: Function[T, R], items: Sequence[T], *, least: int, share: int) -> Iterator[R]:
        """Apply ``function`` here, or in all processes if there are enough items for two."""
        if self.cores < 2 or len(items) < 2 * least:
            yield from IN_PROCESS.stream(function, items, least=least, share=share)
            return
        run = partial(run_packed, pack(function))
        waiting: deque[Future[list[Any]]] = deque()
        try:
            with _told():
                pool = self._open()
                for start in range(0, len(items), share):
                    waiting.append(pool.submit(run, items[start : start + share]))
                    if len(waiting) > AHEAD * self.cores:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not fork: the program may hold threads (polars) that do not survive it.
            self._pool = ProcessPoolExecutor(
                self.cores, mp_context=get_context("spawn"), initializer=_leave_interrupts
            )
        return self._pool


@contextmanager
def _told() -> Iterator[None]:
    """Put the death of a worker into plain words."""
    try:
        yield
    except BrokenProcessPool as e:
        raise UserError(
            "a worker process was killed, perhaps for lack of memory",
            where="workers",
            how="--set workers=1, a lower --limit, or a machine with more memory",
        ) from e


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the main process, which ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
