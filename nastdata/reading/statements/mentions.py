"""What the pass has read so far, and how a cue marks the findings that it is for."""

from __future__ import annotations

import re

from nastdata.reading.kinds import symbols
from nastdata.reading.lexicon import Lexicon, Symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL, UNSAID, Lists, Mention, Polarity

_PLACES = symbols("place place_adverbial")
_REASONS = {
    "history": "history",
    "previous": "of an earlier image",
    "strange": "a denial of something else",
}
"""Opener -> why nothing is said of the names in its scope."""


class Mentions(Lists):
    """What the pass has read so far, and how a cue marks the findings that it is for."""

    __slots__ = (
        "_clause",
        "_excepted",
        "_heading",
        "_last",
        "_lexicon",
        "_original",
        "_reasons",
        "_sentence",
        "_skip",
        "_telegraphic",
        "_unclear",
        "denied",
        "entries",
    )

    def __init__(self, kinds: str, symbols: Symbols, lexicon: Lexicon, reasons: dict[int, str]) -> None:
        super().__init__(kinds)
        self._reasons = reasons
        self._unclear = ""
        """Why the rest of the clause is left unread."""
        self._heading = -1
        """Position of the colon after a name that begins the sentence: "Pneumonia:"."""
        self._excepted = False
        """Whether a place is excepted from what is still to come."""
        self._clause = self._sentence = 0
        """How many mentions there were before the clause, and before the sentence."""
        self.entries, self._lexicon = symbols.entries, lexicon
        self._original = symbols.kinds
        self._telegraphic = lexicon.register.telegraphic
        self.denied: set[int] = set()
        """Positions of denied places and grades."""
        self._last = False
        """Whether the sentence has named a condition."""
        self._skip = -1

    def _act(self, kind: str, i: int) -> None:
        """Read the symbol at ``i`` as one of this kind."""
        raise NotImplementedError

    def _mention(self, condition: str, i: int, polarity: Polarity, alternative: bool = False) -> None:
        self._add(condition, i, UNSAID if self.unsaid else polarity, alternative)
        if self._opener == "previous":
            self.mentions[-1].time = "earlier"
        if self.mentions[-1].polarity is UNSAID:
            self.mentions[-1].reason = _REASONS.get(self._opener, "asked for or supposed")
        if self._unclear:
            self.mentions[-1].unread = self._unclear
        elif self._excepted and polarity == ABSENT:
            self.mentions[-1].unread = "an exception before what it is an exception from"
        self._last = True

    def _deny(self, found: re.Match[str], wanted: str) -> bool:
        """Mark places or grades that are denied of the condition just named; tell whether they are."""
        if not self.mentions or not self._last or look.NAME_NEAR.match(self.kinds, found.end()):
            return False
        self.denied.update(j for j in range(found.start(), found.end()) if self.kinds[j] in wanted)
        self._skip = found.end()
        return True

    def _decide(self, polarity: Polarity, after: int) -> None:
        """Apply a cue that may stand on either side."""
        if self._group and not (self._joint and look.NAME.match(self.kinds, after)):
            self._close(polarity, after - 1)
        else:
            self._open(
                polarity, "determiner" if polarity == ABSENT else "doubt" if polarity == DOUBTFUL else "seen"
            )

    def _refers_back(self, after: int) -> bool:
        """Tell whether a cue that has no list open is about the name before it: "but has resolved"."""
        return self._last and bool(self.mentions) and not look.ANY_NAME.match(self.kinds, after)

    def _take_back(self, mentions: list[Mention], reason: str) -> None:
        """Nothing is said of these, after all."""
        for m in mentions:
            m.polarity, m.reason = UNSAID, reason

    def _set_unclear(self, reason: str) -> None:
        self._unclear = reason
        for m in self.mentions[self._clause :]:
            m.unread = reason

    def _is_side(self, found: re.Match[str]) -> bool:
        """Tell whether all places that are found are a side only: "right", "on the left"."""
        places = (self.entries[j].value for j in range(*found.span()) if self.kinds[j] in _PLACES)
        return all(self._lexicon.sides.issuperset(names) for names in places)

    def mentions_near(self, i: int) -> bool:
        """Tell whether a list is open at symbol ``i``."""
        return bool(self._group)

    @property
    def has_unread(self) -> bool:
        """Whether any name is left unread."""
        return any(m.unread is not None for m in self.mentions)
