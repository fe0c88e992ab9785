"""Findings at another place: excepted, spared, named again."""

from __future__ import annotations

from nastdata.reading.kinds import SYMBOL, coarsen, symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.clauses import Clauses
from nastdata.reading.statements.lists import ABSENT, PRESENT, UNSAID

_BOUNDARIES = symbols("full_stop semicolon contrast comma and colon")
_AT = frozenset(symbols("preposition place_adverbial"))
_RESOLVE, _ABSENT = SYMBOL["resolve"], SYMBOL["absent"]
_PLACES = symbols("place place_adverbial")
_AUXILIARY = SYMBOL["auxiliary"]


class Exceptions(Clauses):
    """Findings at another place: excepted, spared, named again."""

    __slots__ = ()

    def _except(self, i: int) -> None:
        """After "no X", an excepted place has it; after "X in all lobes", it hasn't."""
        found = look.EXCEPTED.match(self.kinds, i + 1)
        if not found or look.NAME_NEAR.match(self.kinds, found.end()):
            self._open(PRESENT, "except")
        elif len(self.mentions) == self._sentence:
            if look.WHICH_IS.match(self.kinds, found.end()):
                return  # "except at the left base, which is consolidated"
            self._excepted = {j for j in range(i, found.end()) if self.kinds[j] in _PLACES}
            self.denied |= self._excepted
            self._skip = found.end()
        elif self.mentions[-1].polarity == ABSENT:
            turn = self.mentions[-1].turn
            for m in self.mentions[self._sentence :]:
                if m.turn == turn:
                    m.polarity = PRESENT
            self._open(PRESENT, "except")
        else:
            self.denied.update(j for j in range(i, found.end()) if self.kinds[j] in _PLACES)
            self._skip = found.end()

    def _spare(self, i: int) -> None:
        """Deny the place that is spared."""
        found = look.EXCEPTED.match(self.kinds, i + 1)
        if not (found and self._deny(found, _PLACES)):
            self._set_unclear("what is spared isn't known")

    def _none(self, i: int) -> None:
        """Deny the finding of a second place: "fractures on the right, none on the left"."""
        found = look.EXCEPTED.match(self.kinds, i + 1)
        if found and _RESOLVE in self._original[i : found.end() + 2] and not self._is_side(found):
            self._act(coarsen(self._original[i]), i)  # "cardiomegaly, lungs clear"
            self.denied.update(j for j in range(i, found.end()) if self.kinds[j] in _PLACES)
        elif found and len(self.mentions) > self._sentence and self._deny_adjective(found.end() - 1):
            self._skip = found.end()
        elif found and len(self.mentions) > self._sentence:
            self._open(ABSENT, "determiner")
            self._mention(self.mentions[-1].condition, i, ABSENT)
        elif self._group and all(m.polarity == ABSENT for m in self._group):
            self._open(ABSENT, "determiner")  # "this does not indicate X, and none is seen"
        else:
            self._act(_ABSENT, i)

    def _again(self, i: int) -> None:
        """Name the finding at a second place, where it is there: "left effusion resolved, right persists"."""
        found = look.SECOND_PLACE.match(self.kinds, i + 1)
        said = found and (
            self._is_side(found)
            or not _AT.isdisjoint(self.kinds[i + 1 : found.end()])
            or self._original[found.end() : found.end() + 1] == _AUXILIARY  # "the right apex does"
        )
        if said and len(self.mentions) > self._sentence:
            if self._group and self.kinds[i - 1] == _AUXILIARY:
                self._close(PRESENT, i)
            self._open(PRESENT, "with")
            self._mention(self.mentions[-1].condition, i, PRESENT)
        else:
            self._act(coarsen(self._original[i]), i)

    def _absent_name(self, i: int) -> None:
        """A word that says that the finding is gone: "extubated"."""
        self._mention(self.entries[i].value, i, self._polarity if self._polarity is UNSAID else ABSENT)

    def _set_aside(self, i: int) -> None:
        """What is said up to ``_resume`` is of another finding, and of no image."""
        self._saved = (self._group, self._polarity, self._opener)
        self._open(UNSAID, "aside")
        self._aside = True

    def _begin_inset(self, i: int) -> None:
        """What is said up to ``_resume`` is of another finding: "X, rather than Y, is ..."."""
        self._saved = (self._group, self._polarity, self._opener)
        self._open(PRESENT, "")

    def _resume(self, i: int) -> None:
        self._group, self._polarity, self._opener = self._saved
        self._joint, self._aside = "", False

    def _same(self, i: int) -> None:
        self._open(self._closed, "same")

    def _one(self, i: int) -> None:
        """Name the condition before again: "a small one on the right"."""
        if look.AT_PLACE.match(self.kinds, i + 1) and i and "definite" in self.entries[i - 1].roles:
            if self.mentions[self._sentence :]:
                self._open(
                    UNSAID if self.unsaid else PRESENT, ""
                )  # "... is smaller, and the one on the left"
        begins = i and self.kinds[i - 1] in _BOUNDARIES
        if not i or (begins and not look.AT_PLACE.match(self.kinds, i + 1)):
            replaces = "definite" in self.entries[i].roles
            if not (begins and (replaces or look.IS_THERE.match(self.kinds, i + 1))):
                return  # "one searches in vain"
        named = self._last and bool(self.mentions)
        if named and not self._group and not look.NAME_NEAR.match(self.kinds, i + 1):
            self._mention(self.mentions[-1].condition, i, self._polarity)
