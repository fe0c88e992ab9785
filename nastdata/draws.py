"""Random choices that depend on nothing but (seed, row id, purpose).

There is no generator state anywhere: the same question gets the same answer whatever the row order, the
number of shards or workers, and whether the run was interrupted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
Key = str | int


def draw_int(seed: int, *keys: Key) -> int:
    """Return a uniform integer in [0, 2**64) that is a pure function of its arguments."""
    text = "\x1f".join((str(seed), *map(str, keys)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def draw_unit(seed: int, *keys: Key) -> float:
    """Return a uniform float in [0, 1) with 53 bits of resolution."""
    return (draw_int(seed, *keys) >> 11) / (1 << 53)


def choose(items: Sequence[T], seed: int, *keys: Key) -> T:
    """Return one of ``items``, each equally likely.

    Raises:
        ValueError: if ``items`` is empty.
    """
    if not items:
        raise ValueError(f"nothing to choose from for {keys}")
    return items[draw_int(seed, *keys) % len(items)]


def shuffle(items: Sequence[T], seed: int, *keys: Key) -> list[T]:
    """Return a permutation of ``items``, each equally likely (Fisher-Yates on hashed draws)."""
    out = list(items)
    for i in range(len(out) - 1, 0, -1):
        j = draw_int(seed, *keys, i) % (i + 1)
        out[i], out[j] = out[j], out[i]
    return out
