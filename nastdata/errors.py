"""Errors that are meant for the user: what is wrong, where, and how to mend it, without a traceback."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LINE_ENDS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\uffff]"
)
"""Control characters (a terminal would obey them), invisible ones, marks that turn the direction of writing,
and halves of surrogate pairs, which can't be printed."""


def plain(text: str, most: int | None = None) -> str:
    """Return text of others as it may be shown on a terminal: one line, nothing unseen, not too long."""
    line = UNSEEN.sub(lambda m: m.group().encode("unicode_escape").decode(), LINE_ENDS.sub(" ", str(text)))
    if most is not None and len(line) > most:
        line = f"{line[: most - 120]} ... {line[-100:]}"
    return line


class UserError(Exception):
    """Wrong use or unusable input; the command line prints it in one or two lines and exits with 2.

    Args:
        what: What is wrong, as one plain sentence without a full stop.
        where: File, row, column or key that it was found at.
        how: How to mend it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, how: str | None = None) -> None:
        self.what = plain(what, 2_000)
        self.where, self.how = (None if x is None else plain(x, 1_000) for x in (where, how))
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
