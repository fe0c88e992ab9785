"""Names of findings, and adjectives that state one of a subject: "the heart is enlarged"."""

from __future__ import annotations

from nastdata.reading.kinds import SYMBOL, symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.cues import Cues
from nastdata.reading.statements.lists import ABSENT, PRESENT, UNSAID

_DOMAIN = SYMBOL["domain"]
_VERBS = frozenset(symbols("auxiliary shows"))
_WHERE = symbols("place place_adverbial domain")
_PLACES = symbols("place place_adverbial")
_CONTRAST = SYMBOL["contrast"]
_ELLIPTIC = frozenset(symbols("filler not doubt grade grade_adjective auxiliary persisting"))
_CLAUSE_STOPS = symbols("semicolon contrast full_stop colon")
_PREDICATE_STOPS = symbols("full_stop semicolon colon contrast condition absent")
_PREDICATE_LINKS = symbols("auxiliary shows comma denial not seen")
_SUBJECTS = symbols("subject place place_adverbial")


class Names(Cues):
    """Names of findings, and adjectives that state one of a subject: "the heart is enlarged"."""

    __slots__ = ()

    def _name(self, i: int) -> None:
        if self._heading >= 0:
            self._name_again(i)
        if self._telegraphic and self._polarity == ABSENT and self._group and not self._joint:
            if self._premodified(i):
                self._open(UNSAID, "asks")  # "sin infiltrados pequeño derrame"
        self._mention(self.entries[i].value, i, self._list_polarity(i, alternative=False))

    def _name_again(self, i: int) -> None:
        """Drop a heading that its sentence names again: "Pneumonia: no findings suggest pneumonia"."""
        start, self._heading = self._heading, -1
        heading = self.mentions[-1]
        if heading.at == start - 1 and heading.condition == self.entries[i].value:
            if look.HEADED.fullmatch(self.kinds, start + 1, i):
                self._take_back([heading], "a heading, named again")

    def _alternative(self, i: int) -> None:
        self._mention(self.entries[i].value, i, self._list_polarity(i, alternative=True), alternative=True)

    def _adjective(self, i: int) -> None:
        conditions = self._predicate(i)
        if not conditions:
            return
        if self._group and self._joint and look.OWN_CLAUSE.search(self.kinds, max(0, i - 12), i):
            self._open(UNSAID if self.unsaid else PRESENT, "")  # "no X, and the heart is enlarged"
        for condition in conditions:
            self._mention(condition, i, self._polarity)

    def _predicate(self, i: int) -> list[str]:
        """Return the conditions that the adjective at ``i`` states of the subjects before it."""
        adjective = self.entries[i].text
        if look.NAME_NEAR.match(self.kinds, i + 1):
            return []
        found: list[str] = []
        pronoun = False
        """Whether "it" is between, which may be of the clause before: "not small; it is enlarged"."""
        for j in range(i - 1, max(-1, i - 14), -1):
            kind = self.kinds[j]
            pronoun = pronoun or "pronoun" in self.entries[j].roles
            if kind in _PREDICATE_STOPS and not (pronoun and kind in _CLAUSE_STOPS):
                if kind != _CONTRAST or not _ELLIPTIC.issuperset(self.kinds[j + 1 : i]):
                    break  # but "hard to assess, although likely enlarged"
            if found and kind in _PREDICATE_LINKS:
                break
            if kind in _SUBJECTS or kind == _DOMAIN:
                text = self.entries[j].text
                verb = not _VERBS.isdisjoint(self.kinds[j:i]) or look.BETWEEN.issuperset(
                    self.kinds[j + 1 : i]
                )
                condition = self._lexicon.predicates.get(text, {}).get(adjective) if verb else None
                if condition is None and verb and kind in _WHERE:
                    condition = self._lexicon.of_places.get(adjective)
                if condition is not None and condition not in found:
                    found.insert(0, condition)
        return found
