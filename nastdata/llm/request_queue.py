"""Questions that wait for their turn at a server, while answers bring new ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from nastdata.llm.base import Request


class Line:
    """Hands out requests until there are none and none can follow any more.

    Questions put again go first and those that follow from an answer last, so that no long chain of them is
    left for the end, when there is nothing else to ask beside it. Used within one event loop.

    Args:
        requests: the first ones; drawn one at a time, when there is room.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._fresh = iter(requests)
        self._again: deque[Request] = deque()
        self._following: deque[Request] = deque()
        self._under_way = 0
        self._stopped = False
        self._changed = asyncio.Event()

    def peek(self) -> Request | None:
        """Return the first request, which stays in the line."""
        first = self._next()
        if first is not None:
            self._again.appendleft(first)
        return first

    async def take(self) -> Request | None:
        """Return the next request, waiting for it if need be; None when all is done.

        Each that was taken must be closed by ``put``.
        """
        while (request := self._next()) is None and self._under_way:
            self._changed.clear()
            await self._changed.wait()
        if request is not None:
            self._under_way += 1
        return request

    def put(self, following: Sequence[Request]) -> None:
        """Close a request that was taken, and add what follows from its answer."""
        self._under_way -= 1
        for request in following:
            (self._again if request.attempt else self._following).append(request)
        self._changed.set()

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True

    def _next(self) -> Request | None:
        if self._stopped:
            return None
        if self._again:
            return self._again.popleft()
        if (fresh := next(self._fresh, None)) is not None:
            return fresh
        return self._following.popleft() if self._following else None
