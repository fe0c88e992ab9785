"""Random choices that depend on nothing but (seed, row id, purpose).

There is no generator state anywhere: the same question gets the same answer whatever the row order, the
number of shards or workers, and whether the run was interrupted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
Key = str | int


def draw_int(seed: int, *keys: Key) -> int:
    """Return a uniform integer in [0, 2**64) that is a pure function of its arguments."""
    text = "\x1f".join((str(seed), *map(str, keys)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def draw_unit(seed: int, *keys: Key) -> float:
    """Return a uniform float in [0, 1) with 53 bits of resolution."""
    return (draw_int(seed, *keys) >> 11) / (1 << 53)


def draw_after(seed: int, *keys: Key) -> Callable[[Key], int]:
    """Return a function of one more key that gives what ``draw_int(seed, *keys, key)`` gives, sooner."""
    begun = hashlib.blake2b(("\x1f".join((str(seed), *map(str, keys))) + "\x1f").encode(), digest_size=8)

    def draw(key: Key) -> int:
        hashed = begun.copy()
        hashed.update(str(key).encode())
        return int.from_bytes(hashed.digest(), "little")

    return draw


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


def draw_codes(
    seed: int, purpose: str, rows: Iterable[Sequence[Key]]
) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return one uniform 64-bit integer a row: ``draw_int(seed, purpose, *row)`` of each."""
    import numpy as np

    return np.array([draw_int(seed, purpose, *row) for row in rows], np.uint64)


def mix_codes(
    codes: np.ndarray[Any, np.dtype[np.uint64]], other: int | np.ndarray[Any, np.dtype[np.uint64]]
) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Combine hashed draws into new ones, by the million (the finaliser of splitmix64).

    Args:
        codes: uniform draws, e.g. one a study.
        other: another draw, or one for each, e.g. of the purpose; must be a hashed draw itself.
    """
    import numpy as np

    x: np.ndarray[Any, np.dtype[np.uint64]] = codes + (np.uint64(other) if isinstance(other, int) else other)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
