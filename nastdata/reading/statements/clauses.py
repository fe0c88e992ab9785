"""Where sentences, clauses and lists begin and end, and what joins two findings."""

from __future__ import annotations

from nastdata.reading.kinds import SYMBOL, symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL, PRESENT, UNSAID
from nastdata.reading.statements.mentions import Mentions

_SAID_BEFORE = symbols("seen absent excluded doubt not lacking")
_SEMICOLON = SYMBOL["semicolon"]
_LONGEST = 16
"""Joints in a row that are kept."""
_COLON_MARK = symbols("colon")
_WHY = symbols("asks history")
_AUXILIARY = SYMBOL["auxiliary"]
_COMMA = SYMBOL["comma"]
_OR = SYMBOL["or"]
_NOR = SYMBOL["nor"]


class Clauses(Mentions):
    """Where sentences, clauses and lists begin and end, and what joins two findings."""

    __slots__ = ()

    def _end_sentence(self, i: int) -> None:
        self.unsaid = self._aside = False
        self._heading = -1
        self._end_clause(i)
        if self._goes_on(i + 1):
            return  # "an effusion was seen last year. It is no longer visible"
        self._sentence_before, self._sentence = self._sentence, len(self.mentions)
        if i + 1 < len(self.entries) and "pronoun" not in self.entries[i + 1].roles:
            self._closed = PRESENT
            self._last = bool(self.mentions) and self.mentions[-1].question

    def _goes_on(self, at: int) -> bool:
        """Tell whether the sentence at ``at`` begins with a pronoun for what was there earlier."""
        if at >= len(self.entries) or "pronoun" not in self.entries[at].roles or not self.mentions:
            return False
        return self.mentions[-1].polarity is UNSAID and self.mentions[-1].time == "earlier"

    def _ask(self, i: int) -> None:
        """A question mark: "Fracture? No." or an open question."""
        if look.ANSWER.match(self.kinds, i + 1):
            return
        for m in self._group:
            m.polarity, m.question = DOUBTFUL, True
        self._end_sentence(i)

    def _end_clause(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == _AUXILIARY and self._polarity is not UNSAID:
            self._close(PRESENT, i)
        if i >= len(self.kinds) or self.kinds[i] != _COLON_MARK:
            self._clause, self._unclear = len(self.mentions), ""
            if self._excepted:
                self._excepted = set()
            if i < len(self.kinds) and self.kinds[i] == _SEMICOLON:
                self.unsaid = False
        self._open(UNSAID if self.unsaid else PRESENT, "")

    def _break(self, i: int) -> None:
        if look.GOES_ON.match(self.kinds, i + 1):
            return
        self._end_clause(i)

    def _colon(self, i: int) -> None:
        if i and self.kinds[i - 1] in _SAID_BEFORE and not self.mentions_near(i):
            return
        if i and self.kinds[i - 1] in _WHY:
            self.unsaid = True
            self._open(UNSAID, "asks")
            return
        if self._group and self._polarity == PRESENT:
            if self.mentions[-1].at == i - 1 and len(self.mentions) == self._sentence + 1:
                self._heading = i
            return  # "Pneumothorax: absent."
        self._end_clause(i)

    def _comma(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == _AUXILIARY:
            self._close(PRESENT, i)
        if len(self._joint) < _LONGEST:
            self._joint += _COMMA

    def _join(self, i: int) -> None:
        if len(self._joint) < _LONGEST:
            self._joint += self.kinds[i]

    def _nor(self, i: int) -> None:
        if len(self._joint) < _LONGEST:
            self._joint += _NOR
        if self._polarity != ABSENT and self._opener != "change":  # "no change in X nor Y"
            self._open(ABSENT, "determiner")

    def _versus(self, i: int) -> None:
        if not self._group:
            if self._polarity == PRESENT and look.NAME.match(self.kinds, i + 1):
                self._open(DOUBTFUL, "doubt")
            return
        if self._polarity == PRESENT:
            self._group[-1].polarity = DOUBTFUL
            self._open(DOUBTFUL, "doubt")
        else:
            self._joint += _OR
