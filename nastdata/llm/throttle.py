"""How many questions may be under way at a server."""

from __future__ import annotations

import asyncio
import time

PAUSE = 1.0
"""Seconds in which several complaints count as one."""


class Throttle:
    """Additive increase with good answers, multiplicative decrease when the server says "too many"."""

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self.limit = float(highest)
        self._under_way = 0
        self._slowed = -PAUSE
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        """Wait for a place."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._free > 0)
            self._under_way += 1

    async def __aexit__(self, *exc: object) -> None:
        """Give the place back."""
        async with self._changed:
            self._under_way -= 1
            self._changed.notify(max(self._free, 0))  # no more than can go on: the others needn't wake

    @property
    def _free(self) -> int:
        return max(int(self.limit), 1) - self._under_way

    def slow_down(self) -> None:
        """The server said "too many"; a burst of complaints halves the limit once."""
        now = time.monotonic()
        if now - self._slowed >= PAUSE:
            self._slowed = now
            self.limit = max(self.limit / 2, 1.0)

    def speed_up(self) -> None:
        """A good answer came."""
        self.limit = min(self.limit + 1 / max(self.limit, 1.0), float(self.highest))
