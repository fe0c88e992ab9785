"""Errors that are meant for the user: what is wrong, where, and how to mend it, without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Wrong use or unusable input; the command line prints it in one or two lines and exits with 2.

    Args:
        what: What is wrong, as one plain sentence without a full stop.
        where: File, row, column or key that it was found at.
        how: How to mend it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, how: str | None = None) -> None:
        self.what, self.where, self.how = what, where, how
        super().__init__(str(self))

    def __str__(self) -> str:
        """Return the one or two lines that the user reads."""
        first = f"{self.where}: {self.what}" if self.where else self.what
        return f"{first}\n{self.how}" if self.how else first


class NothingMadeError(UserError):
    """The input is sound, but what was asked for cannot be made of it; the command line exits with 1."""

    exit_code = 1


class CheckFailedError(Exception):
    """The work was done, but a check did not hold; the command line exits with 1."""


def name_nearest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest known name, or the list of known names."""
    names = [str(k) for k in known]
    folded = {n.lower(): n for n in names}
    near = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{folded[near[0]]}'?"
    return "known: " + ", ".join(names)
