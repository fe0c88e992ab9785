"""Work that the tests of engines send to other processes, which import this module by its name."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from nastdata.errors import UserError


def double(numbers: Sequence[int]) -> list[int]:
    return [2 * n for n in numbers]


def tell_process(numbers: Sequence[int]) -> list[int]:
    return [os.getpid()] * len(numbers)


def refuse(numbers: Sequence[int]) -> list[int]:
    raise UserError("too odd", where="row 7", how="even it out")


def fail(numbers: Sequence[int]) -> list[int]:
    return [1 // (n - n) for n in numbers]


def fail_oddly(numbers: Sequence[int]) -> list[int]:
    class LocalError(Exception):
        """Of a function, so that it can't be pickled."""

    raise LocalError("odd")


def lose_one(numbers: Sequence[int]) -> list[int]:
    return list(numbers)[1:]


def die(numbers: Sequence[int]) -> list[int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def die_once(mark: Path, numbers: Sequence[int]) -> list[int]:
    if 0 in numbers and not mark.exists():
        mark.touch()
        die(numbers)
    return double(numbers)
