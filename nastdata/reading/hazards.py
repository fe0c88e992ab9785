"""Words that may turn what a sentence says, and that nothing here understands: silence beats the opposite.

"It is a mistake to speak of edema here" names edema and denies it by a word that is no cue. A word of the
register's ``hazards`` that no cue and no construct knows makes the findings of its clause unread.
"""

from __future__ import annotations

from nastdata.reading.kinds import symbols
from nastdata.reading.lexicon import Symbols
from nastdata.reading.register import Register
from nastdata.reading.statements.scope import Scope

_UNKNOWN = symbols("unknown")
_ENDS = frozenset(symbols("full_stop semicolon"))


class Hazards:
    """The hazards of one language."""

    def __init__(self, register: Register) -> None:
        self._reasons = {word.lower(): hazard.reason for hazard in register.hazards for word in hazard.words}

    def mark(self, text: str, symbols: Symbols, scope: Scope) -> None:
        """Mark the mentions of every clause that holds such a word as unread."""
        kinds = symbols.kinds
        at = kinds.find(_UNKNOWN)
        while at >= 0:
            start, end = symbols.spans[at]
            reason = self._reasons.get(text[start:end].lower())
            if reason is not None:
                first, last = _find_clause(kinds, at)
                for mention in scope.mentions:
                    if first <= mention.at < last and mention.unread is None:
                        mention.unread = f"'{text[start:end].lower()}': {reason}"
            at = kinds.find(_UNKNOWN, at + 1)


def _find_clause(kinds: str, at: int) -> tuple[int, int]:
    """Return where the clause around a symbol begins and ends."""
    first = at
    while first > 0 and kinds[first - 1] not in _ENDS:
        first -= 1
    last = at
    while last < len(kinds) and kinds[last] not in _ENDS:
        last += 1
    return first, last
