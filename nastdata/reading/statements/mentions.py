"""What the pass has read so far, and how a cue marks the findings that it is for."""

from __future__ import annotations

import re

from nastdata.reading.kinds import symbols
from nastdata.reading.lexicon import Lexicon, Symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL, PRESENT, UNSAID, Lists, Mention, Polarity

_PLACES = symbols("place place_adverbial")
_JOINTS = symbols("contrast comma and semicolon colon full_stop")
_NO_SUBJECT = symbols(
    "auxiliary filler persisting article change not grade seen shows there_is doubt absent excluded"
)
"""What may stand between a joint and a cue without giving the cue a subject of its own."""
_BESIDE = symbols("preposition place place_adverbial domain of previous unknown number")
"""What may stand between a finding and its verb besides: "seen on the prior study has resolved"."""
_PREMODIFIERS = symbols("filler article place grade grade_adjective persisting unknown")
_PERSISTING = symbols("persisting")
_ADJECTIVES = symbols("adjective grade_adjective")
_SUBJECTS = symbols("subject place")
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
        "_saved",
        "_sentence",
        "_sentence_before",
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
        self._excepted: set[int] = set()
        """Positions of places that are excepted from what is still to come."""
        self._clause = self._sentence = self._sentence_before = 0
        """How many mentions there were before the clause, the sentence, and the sentence before."""
        self.entries, self._lexicon = symbols.entries, lexicon
        self._original = symbols.kinds
        self._telegraphic = lexicon.register.telegraphic
        self.denied: set[int] = set()
        """Positions of denied places and grades."""
        self._last = False
        """Whether the sentence has named a condition."""
        self._saved: tuple[list[Mention], Polarity, str] = ([], PRESENT, "")
        """The list that is open around what is said aside."""
        self._skip = -1

    def _act(self, kind: str, i: int) -> None:
        """Read the symbol at ``i`` as one of this kind."""
        raise NotImplementedError

    def _mention(self, condition: str, i: int, polarity: Polarity, alternative: bool = False) -> None:
        if self._aside:  # "a fracture, which might explain the effusion, is not seen"
            polarity = PRESENT if self._is_definite(i) else UNSAID
        self._add(condition, i, UNSAID if self.unsaid else polarity, alternative)
        if self._opener == "question":
            self.mentions[-1].question = True
        if self._opener == "previous":
            self.mentions[-1].time = "earlier"
        if self.mentions[-1].polarity is UNSAID:
            self.mentions[-1].reason = _REASONS.get(self._opener, "asked for or supposed")
        if self._unclear:
            self.mentions[-1].unread = self._unclear
        elif self._excepted and polarity == ABSENT and self.mentions[-1].polarity == ABSENT:
            self.mentions[-1].polarity = PRESENT  # "except for the lingula, no lobe shows X"
            self.denied -= self._excepted
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
        elif not self._group and self._goes_on_about_last(after):
            for m in self._find_last_list():
                m.polarity = polarity
        else:
            self._open(
                polarity, "determiner" if polarity == ABSENT else "doubt" if polarity == DOUBTFUL else "seen"
            )

    def _refers_back(self, i: int) -> bool:
        """Tell whether the cue at ``i``, with no list open, is about what is before: "but has resolved"."""
        if not self._last or not self.mentions or look.ANY_NAME.match(self.kinds, i + 1):
            return False
        last, j, subject = self.mentions[-1].at, i - 1, False
        while j > last and self.kinds[j] not in _JOINTS:
            if "other" in self.entries[j].roles:
                return False
            if self.kinds[j] not in _NO_SUBJECT:
                subject = True
                if self.kinds[j] not in _BESIDE:
                    return False
            j -= 1
        return j == last or not subject or self.kinds[j + 1] in _JOINTS

    def _goes_on_about_last(self, after: int) -> bool:
        """Tell whether a predicate without a subject ends here: "was suspected, but is not seen now"."""
        if len(self.mentions) <= self._sentence:
            return False
        ends = look.ENDS_AT_PLACE if self.mentions[-1].time == "earlier" else look.ENDS
        return ends.match(self.kinds, after) is not None and self._refers_back(after - 1)

    def _find_last_list(self) -> list[Mention]:
        return [m for m in self.mentions[self._sentence :] if m.turn == self.mentions[-1].turn]

    def _is_definite(self, at: int) -> bool:
        """Tell whether the name at ``at`` has a word that says that there is one: "the", "its", "stable"."""
        j = at
        while j >= 0 and at - j < 8 and (j == at or self.kinds[j] in _PREMODIFIERS):
            if self.kinds[j] == _PERSISTING or "definite" in self.entries[j].roles:
                return True
            j -= 1
        return False

    def _is_of_other_subject(self, i: int) -> bool:
        """Tell whether the cue at ``i`` is of a subject of its own, after a joint: "..., and the lung has".

        In "effusion and congestion have cleared" the verb is of both.
        """
        last = self._group[-1].at + 1
        if not look.OTHER_SUBJECT.search(self.kinds, last, i):
            return False
        plural = any("plural" in e.roles for e in self.entries[last:i])
        return not (plural and look.OTHER_ITEM.match(self.kinds, last))

    def _deny_adjective(self, at: int) -> bool:
        """Deny of the subject at ``at`` what was said of another: "the heart is enlarged, the aorta is not".

        Tell whether the last mention is an adjective that the subject can have.
        """
        last = self.mentions[-1].at
        if self.kinds[last] not in _ADJECTIVES or self.kinds[at] not in _SUBJECTS or not last < at:
            return False
        condition = self._lexicon.predicates.get(self.entries[at].text, {}).get(self.entries[last].text)
        if condition is None:
            return False
        self._open(ABSENT, "determiner")
        self._mention(condition, at, ABSENT)
        self._open(PRESENT, "")
        return True

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
