"""What an engine is: something that applies a function to many items, wherever that is done."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Function = Callable[[Sequence[T]], list[R]]
"""Items -> one result each, in their order. It must be picklable by name (a function of an installed package,
a ``partial`` or a method of one), and what it gives for an item must hang on that item alone."""


class Engine(Protocol):
    """Applies functions to shares of a sequence; the result never depends on how it was shared out."""

    apart: bool
    """Whether work leaves for workers that have memory of their own, for a model say."""
    cores: int
    """Shares that are worked on at a time."""

    def describe(self) -> str | None:
        """Return where the work runs, in a few words; None if that is not worth telling."""
        ...

    def map(self, function: Function[T, R], items: Sequence[T], least: int | None) -> list[R]:
        """Apply ``function`` to consecutive shares of ``items``.

        Args:
            function: see ``Function``.
            items: any number.
            least: items for which one more process of this machine pays. None: none ever does, since each
                would need a model in memory; workers that are ``apart`` get every item as a share of its own.

        Returns:
            The results of all items, in their order.

        Raises:
            Exception: whatever ``function`` raised, as it raised it.
            UserError: if a worker is lost for good.
        """
        ...

    def stream(self, function: Function[T, R], items: Sequence[T], *, least: int, share: int) -> Iterator[R]:
        """Apply ``function`` and yield the results in order, a few shares of them in memory at a time.

        Args:
            function: see ``Function``.
            items: any number; small, since all are held.
            least: items from which on a second process of this machine pays.
            share: items that are worked on together.

        Raises:
            Exception: whatever ``function`` raised, as it raised it.
            UserError: if a worker is lost for good.
        """
        ...


class InProcess:
    """The simplest engine: this process."""

    apart = False
    cores = 1

    def describe(self) -> None:
        """Nothing to tell."""
        return

    def map(self, function: Function[T, R], items: Sequence[T], least: int | None) -> list[R]:
        """Apply ``function`` to all items at once."""
        return function(items)

    def stream(self, function: Function[T, R], items: Sequence[T], *, least: int, share: int) -> Iterator[R]:
        """Apply ``function`` to one share after the other."""
        for start in range(0, len(items), share):
            yield from function(items[start : start + share])


IN_PROCESS = InProcess()


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cut(items: Sequence[T], shares: int) -> list[Sequence[T]]:
    """Cut into at most ``shares`` consecutive pieces of (nearly) equal length."""
    size = max(1, -(-len(items) // shares))
    return [items[i : i + size] for i in range(0, len(items), size)]


def pack(function: Function[Any, Any]) -> bytes:
    """Return a function as bytes, to travel once for many shares."""
    return pickle.dumps(function)


def run_packed(packed: bytes, items: Sequence[Any]) -> list[Any]:
    """Apply a packed function; a worker unpacks it once, so that what it builds up serves all its shares."""
    results = _unpack(packed)(items)
    if len(results) != len(items):
        raise AssertionError(f"{len(results)} results for {len(items)} items")
    return results


@lru_cache(maxsize=8)
def _unpack(packed: bytes) -> Function[Any, Any]:
    function: Function[Any, Any] = pickle.loads(packed)  # noqa: S301  (packed by ourselves, above)
    return function
