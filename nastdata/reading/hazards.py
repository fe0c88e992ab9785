"""Words that may turn what a sentence says, and that nothing here understands: silence beats the opposite.

"It is a mistake to speak of edema here" names edema and denies it by a word that is no cue. A word of the
register's ``hazards`` that no cue and no construct knows makes the findings of its clause unread.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from nastdata.reading.kinds import symbols
from nastdata.reading.lexicon import Symbols
from nastdata.reading.register import Register
from nastdata.reading.statements.scope import Scope

_UNKNOWN = symbols("unknown")
_ENDS = frozenset(symbols("full_stop semicolon"))
_BOX = re.compile(r"\[\s?[xX\u2713\u2714]?\s?\]|\([xX\s]?\)|[\u2610-\u2612\u25a1\u2713\u2714]")
"""A box of a form, ticked or empty: which name it is of, nobody can tell."""


class Hazards:
    """The hazards of one language."""

    def __init__(self, register: Register) -> None:
        self._reasons = {word.lower(): hazard.reason for hazard in register.hazards for word in hazard.words}

    def mark(self, text: str, symbols: Symbols, scope: Scope) -> None:
        """Mark the mentions of every clause that holds such a word, or a box of a form, as unread."""
        kinds = symbols.kinds
        for box in _BOX.finditer(text):
            at = bisect_left(symbols.spans, (box.start(), 0))
            self._leave(
                scope, _find_clause(kinds, min(at, len(kinds) - 1)), "a box that may be ticked or not"
            )
        at = kinds.find(_UNKNOWN)
        while at >= 0:
            start, end = symbols.spans[at]
            reason = self._reasons.get(text[start:end].lower())
            if reason is not None:
                self._leave(scope, _find_clause(kinds, at), f"'{text[start:end].lower()}': {reason}")
            at = kinds.find(_UNKNOWN, at + 1)

    @staticmethod
    def _leave(scope: Scope, clause: tuple[int, int], reason: str) -> None:
        for mention in scope.mentions:
            if clause[0] <= mention.at < clause[1] and mention.unread is None:
                mention.unread = reason


def _find_clause(kinds: str, at: int) -> tuple[int, int]:
    """Return where the clause around a symbol begins and ends."""
    first = at
    while first > 0 and kinds[first - 1] not in _ENDS:
        first -= 1
    last = at
    while last < len(kinds) and kinds[last] not in _ENDS:
        last += 1
    return first, last
