"""Scope: which mentioned condition is said to be there, not there, or doubtful.

One pass from left to right over the kinds of ``cues.py``. A cue before names opens a scope that runs over
the list that follows; a cue after names closes the list before it. The pass looks ahead a bounded number
of symbols only, so that time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nastdata.reading import lookahead as look
from nastdata.reading.cues import PRONOUNS, UNKNOWN
from nastdata.reading.lexicon import Lexicon, Symbols
from nastdata.reading.lists import ABSENT, DOUBTFUL, PRESENT, UNSAID, Lists, Polarity

_PASSIVE = frozenset("VmtorpLlGDxvSw?" + UNKNOWN)


class Scope(Lists):
    """The pass. ``mentions`` and ``denied`` (symbol positions of denied places and grades) are the result."""

    __slots__ = ("_last", "_lexicon", "_section", "_skip", "denied", "entries", "unsaid")

    def __init__(self, symbols: Symbols, lexicon: Lexicon) -> None:
        super().__init__(symbols.kinds)
        self.entries, self._lexicon = symbols.entries, lexicon
        self.denied: set[int] = set()
        self.unsaid = False
        """Whether the sentence or section asks or supposes, and states nothing."""
        self._last = ""
        """"C" once the sentence has named a condition."""
        self._section = False
        self._skip = -1

    def run(self) -> Scope:
        """Read all symbols."""
        for i, kind in enumerate(self.kinds):
            if kind in _PASSIVE or i < self._skip:
                continue
            _ACTIONS[kind](self, i)
        if self._group and self.kinds[-1] == "V":
            self._close(PRESENT, len(self.kinds) - 1)
        return self

    # What opens and ends scopes.

    def _end_sentence(self, i: int) -> None:
        if not self._section:
            self.unsaid = False
        self._end_clause(i)
        if i + 1 < len(self.entries) and self.entries[i + 1].text not in PRONOUNS:
            self._closed, self._last = PRESENT, ""

    def _head_section(self, i: int) -> None:
        self._section = self.unsaid = False
        self._end_sentence(i)

    def _ask(self, i: int) -> None:
        """A question mark: "Fracture? No." or an open question."""
        if look.ANSWER.match(self.kinds, i + 1):
            return
        for m in self._group:
            m.polarity = DOUBTFUL
        self._end_sentence(i)

    def _end_clause(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == "V":
            self._close(PRESENT, i)
        self._open(UNSAID if self.unsaid else PRESENT, "")

    def _break(self, i: int) -> None:
        if look.GOES_ON.match(self.kinds, i + 1):
            return
        self._end_clause(i)

    def _colon(self, i: int) -> None:
        if i and self.kinds[i - 1] in "PXZUnk" and not self.mentions_near(i):
            return
        if i and self.kinds[i - 1] in "qh":
            self.unsaid = True
            self._section = "F" in self.kinds[i:]
            self._open(UNSAID, "q")
            return
        if self._group and self._polarity == PRESENT:
            return  # "Pneumothorax: absent."
        self._end_clause(i)

    def mentions_near(self, i: int) -> bool:
        """Tell whether a list is open at symbol ``i``."""
        return bool(self._group)

    def _comma(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == "V":
            self._close(PRESENT, i)
        self._joint += ","

    def _join(self, i: int) -> None:
        self._joint += self.kinds[i]

    def _nor(self, i: int) -> None:
        self._joint += "!"
        if self._polarity != ABSENT:
            self._open(ABSENT, "N")

    def _versus(self, i: int) -> None:
        if not self._group:
            return
        if self._polarity == PRESENT:
            self._group[-1].polarity = DOUBTFUL
            self._open(DOUBTFUL, "U")

    def _except(self, i: int) -> None:
        self._open(PRESENT, "K")

    def _same(self, i: int) -> None:
        self._open(self._closed, "s")

    # Cues before names.

    def _no(self, i: int) -> None:
        kinds = self.kinds
        double = look.DOUBLE.match(kinds, i + 1)
        if double:
            self._skip = double.end()
            self._open(PRESENT, "W")
            return
        if self._group and i + 1 < len(kinds) and kinds[i + 1] in "VP" and self.entries[i].text == "neither":
            self._close(ABSENT, i, whole=True)
            self._skip = i + 3
            return
        if self._group and not self._joint and (i + 1 == len(kinds) or kinds[i + 1] in ".;,:"):
            self._close(ABSENT, i)  # "Effusion: no."
            return
        if self.entries[i].text in look.CONTRASTS:
            found = look.NOT_THERE.match(kinds, i + 1) or look.NOT_GRADE.match(kinds, i + 1)
            if found and self._deny(found, "LlGg"):
                return
        pseudo = look.PSEUDO.match(kinds, i + 1)
        if pseudo:
            self._skip = pseudo.end()
            self._open(PRESENT, "D")
            return
        self._open(ABSENT, "N" if self.entries[i].text in look.DETERMINERS else "O")

    def _there(self, i: int) -> None:
        if self._polarity != PRESENT and not self._group and not self._joint:
            return  # "it is unclear whether there is X"
        self._with(i)

    def _with(self, i: int) -> None:
        self._open(UNSAID if self.unsaid else PRESENT, "W")

    def _show(self, i: int) -> None:
        if self.entries[i].text in look.HAVE and look.AUXILIARY.match(self.kinds, i + 1):
            return
        if self._polarity == ABSENT and not self._group and self._opener in ("N", "O"):
            return  # "no film shows X"
        if self._opener == "U" and not self._group:
            return  # "may show X"
        self._open(UNSAID if self.unsaid else PRESENT, "T")

    def _head(self, i: int) -> None:
        if self._joint and "|" not in self._joint and "!" not in self._joint and self._polarity != UNSAID:
            self._open(PRESENT, "e")

    def _history(self, i: int) -> None:
        if look.NAME_FAR.match(self.kinds, i + 1):
            self._open(UNSAID, "h")

    def _previous(self, i: int) -> None:
        if self._polarity == PRESENT and look.NAME_NEAR.match(self.kinds, i + 1):
            self._open(UNSAID, "y")

    def _question(self, i: int) -> None:
        self._open(UNSAID, "q")

    def _suppose(self, i: int) -> None:
        self.unsaid = True
        self._open(UNSAID, "q")

    # Cues on either side.

    def _absent(self, i: int) -> None:
        if not self._group and self._refers_back(i + 1):
            self.mentions[-1].polarity = ABSENT
        elif not self._group or (self._joint and look.NAME.match(self.kinds, i + 1)):
            self._open(ABSENT, "N")
        else:
            self._close(ABSENT, i)

    def _lacking(self, i: int) -> None:
        if not self._group or look.NAME.match(self.kinds, i + 1):
            self._open(ABSENT, "N")
        else:
            self._close(ABSENT, i)

    def _exclude(self, i: int) -> None:
        doubt = self.entries[i].text == "rule out" and self._polarity == PRESENT
        self._open(DOUBTFUL if doubt else UNSAID, "U" if doubt else "q")

    def _seen(self, i: int) -> None:
        if not self._group or (self.unsaid and self._polarity == UNSAID):
            return  # "if concern for X persists"
        if self._joint and look.NAME.match(self.kinds, i + 1):
            if (
                "|" not in self._joint
                and "!" not in self._joint
                and not look.LATER_OR.match(self.kinds, i + 1)
            ):
                self._open(PRESENT, "P")
            return
        self._close(PRESENT, i)

    def _doubt(self, i: int) -> None:
        ahead = look.NAME.match(self.kinds, i + 1) or look.SHOWN_NAME.match(self.kinds, i + 1)
        if self._group and not ahead:
            if not (self._joint and self._polarity == ABSENT):
                self._close(DOUBTFUL, i)
            return
        if self._polarity == ABSENT and not (self._group and self._joint and "|" not in self._joint):
            return
        if self._polarity == UNSAID and self._opener != "y":
            return
        self._open(DOUBTFUL, "U")

    def _doubt_ahead(self, i: int) -> None:
        if self._group and (found := look.SEEN.match(self.kinds, i + 1)):
            self._skip = found.end()
            self._close(DOUBTFUL, i)
        elif self._polarity == ABSENT and "," not in self._joint:
            return  # "no opacity concerning for X"
        elif self._polarity != UNSAID or self._opener == "y":
            self._open(DOUBTFUL, "U")

    def _not(self, i: int) -> None:
        kinds, at = self.kinds, i + 1
        if kinds.startswith("m", at) and self.entries[at].text in ("only", "just", "merely"):
            return
        if found := look.NOT_NO.match(kinds, at):
            self._skip = found.end()
            self._open(PRESENT, "W")
        elif found := look.NOT_ABSENT.match(kinds, at):
            self._skip = found.end()
            self._decide(PRESENT, found.end())
        elif found := look.NOT_EXCLUDED.match(kinds, at):
            self._skip = found.end()
            self._decide(DOUBTFUL, found.end())
        elif found := look.NOT_EXCLUDE.match(kinds, at):
            self._skip = found.end()
            self._open(DOUBTFUL, "U")
        elif (found := look.NOT_THERE.match(kinds, at)) and self._deny(found, "Ll"):
            pass
        elif kinds.startswith("mP", at) and self.entries[at].text == "well":
            self._skip = at + 2
        elif (found := look.ELSEWHERE.match(kinds, at)) and self._is_elsewhere(at, found.end()):
            self._skip = found.end()
        elif found := look.NOT_SEEN.match(kinds, at):
            self._skip = found.end()
            self._decide(ABSENT, found.end())
        elif found := look.NOT_SHOW.match(kinds, at):
            self._skip = found.end()
            self._open(ABSENT, "N")
        elif (found := look.NOT_ADJECTIVE.match(kinds, at)) and self._predicate(found.end() - 1) is not None:
            self._skip = found.end()
            self._mention(str(self._predicate(found.end() - 1)), found.end() - 1, ABSENT)
        elif (found := look.NOT_GRADE.match(kinds, at)) and self._deny(found, "Gg"):
            pass
        elif found := look.NOT_CHANGED.match(kinds, at):
            self._skip = found.end()
        elif found := look.NOT_DOUBT.match(kinds, at):
            self._skip = found.end()
            self._decide(ABSENT, found.end())
        elif look.NAME_FAR.match(kinds, at):
            self._open(ABSENT, "N")
        elif self._group:
            self._close(ABSENT, i)
        else:
            self._open(ABSENT, "N")

    def _is_elsewhere(self, start: int, end: int) -> bool:
        """Tell whether what isn't seen isn't seen on another view or an earlier examination only."""
        return any(e.text in look.OTHER_VIEWS for e in self.entries[start : end + 1])

    def _decide(self, polarity: Polarity, after: int) -> None:
        """Apply a cue that may stand on either side."""
        if self._group and not (self._joint and look.NAME.match(self.kinds, after)):
            self._close(polarity, after - 1)
        else:
            self._open(polarity, "N" if polarity == ABSENT else "U" if polarity == DOUBTFUL else "P")

    def _refers_back(self, after: int) -> bool:
        """Tell whether a cue that has no list open is about the name before it: "but has resolved"."""
        return self._last == "C" and bool(self.mentions) and not look.ANY_NAME.match(self.kinds, after)

    def _deny(self, found: re.Match[str], wanted: str) -> bool:
        """Mark places or grades that are denied of the condition just named; tell whether they are."""
        if not self.mentions or self._last != "C" or look.NAME_NEAR.match(self.kinds, found.end()):
            return False
        self.denied.update(j for j in range(found.start(), found.end()) if self.kinds[j] in wanted)
        self._skip = found.end()
        return True

    # Names.

    def _mention(self, condition: str, i: int, polarity: Polarity, alternative: bool = False) -> None:
        self._add(condition, i, polarity, alternative)
        self._last = "C"

    def _name(self, i: int) -> None:
        self._mention(self.entries[i].value, i, self._list_polarity(i, alternative=False))

    def _alternative(self, i: int) -> None:
        self._mention(self.entries[i].value, i, self._list_polarity(i, alternative=True), alternative=True)

    def _adjective(self, i: int) -> None:
        condition = self._predicate(i)
        if condition is None:
            return
        if self._group and self._joint and look.OWN_CLAUSE.search(self.kinds, max(0, i - 12), i):
            self._open(UNSAID if self.unsaid else PRESENT, "")  # "no X, and the heart is enlarged"
        self._mention(condition, i, self._polarity)

    def _predicate(self, i: int) -> str | None:
        """Return the condition that the adjective at ``i`` states of a subject before it in the clause."""
        adjective = self.entries[i].text
        if look.NAME_NEAR.match(self.kinds, i + 1):
            return None
        for j in range(i - 1, max(-1, i - 12), -1):
            kind = self.kinds[j]
            if kind in ".;:BCX":
                return None
            if kind in "SLl" and ("V" in self.kinds[j:i] or look.BETWEEN.issuperset(self.kinds[j + 1 : i])):
                by = self._lexicon.predicates.get(self.entries[j].text)
                if by and adjective in by:
                    return by[adjective]
        return None

    def _one(self, i: int) -> None:
        """Name the condition before again: "a small one on the right"."""
        named = self._last == "C" and bool(self.mentions)
        if named and not self._group and not look.NAME_NEAR.match(self.kinds, i + 1):
            self._mention(self.mentions[-1].condition, i, self._polarity)


_ACTIONS: dict[str, Callable[[Scope, int], None]] = {
    ".": Scope._end_sentence,
    ";": Scope._end_clause,
    ":": Scope._colon,
    "B": Scope._break,
    ",": Scope._comma,
    "&": Scope._join,
    "|": Scope._join,
    "/": Scope._join,
    "!": Scope._nor,
    "~": Scope._versus,
    "K": Scope._except,
    "s": Scope._same,
    "N": Scope._no,
    "n": Scope._not,
    "X": Scope._absent,
    "k": Scope._lacking,
    "F": Scope._head_section,
    "Q": Scope._ask,
    "c": Scope._one,
    "Z": Scope._absent,
    "z": Scope._exclude,
    "P": Scope._seen,
    "T": Scope._show,
    "W": Scope._with,
    "H": Scope._there,
    "e": Scope._head,
    "U": Scope._doubt,
    "u": Scope._doubt_ahead,
    "h": Scope._history,
    "y": Scope._previous,
    "q": Scope._question,
    "i": Scope._suppose,
    "C": Scope._name,
    "A": Scope._alternative,
    "J": Scope._adjective,
    "g": Scope._adjective,
}
