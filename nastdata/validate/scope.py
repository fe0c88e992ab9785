"""Scope: which mentioned condition is said to be there, not there, or doubtful.

One pass from left to right over the kinds of ``cues.py``. A cue before names opens a scope that runs over
the list that follows; a cue after names closes the list before it. The pass looks ahead a bounded number
of symbols only, so that time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nastdata.validate.cues import PRONOUNS, UNKNOWN
from nastdata.validate.lexicon import Lexicon, Symbols

PRESENT, ABSENT, DOUBTFUL, UNSAID = 1, 0, -1, None
Polarity = int | None

# Lookahead from the symbol after a cue. "Premodifiers": what may stand between a cue and the noun it is for.
_NAME = re.compile(r"[mtGgLxePUuJ?or]{0,7}[CA]")
_NAME_NEAR = re.compile(r"[mtGgLxJU?]{0,6}[CA]")
_NAME_FAR = re.compile(r"[^.;:,B&|!nNXZPTWH]{0,7}[CA]")
_LATER_OR = re.compile(r"[^.;:BNWTH]{0,48}?[|!][mtGgLxeJU?or]{0,7}[CA]")
_LATER_AND = re.compile(r"[^.;:BNWTH]{0,20}?&")
_PSEUDO = re.compile(r"[mxtGg?]{0,5}D[rp]")
_DOUBLE = re.compile(r"[mteV]{0,4}N")
_NOT_NO = re.compile(r"[mVt]{0,4}N")
_NOT_ABSENT = re.compile(r"[mVt]{0,4}[Xk]")
_NOT_EXCLUDED = re.compile(r"[mVt]{0,4}Z")
_NOT_EXCLUDE = re.compile(r"[mV]{0,4}z")
_NOT_CHANGED = re.compile(r"[mV]{0,4}[Dx]")
_NOT_SEEN = re.compile(r"[mVt]{0,4}P")
_NOT_SHOW = re.compile(r"[mV]{0,4}T")
_NOT_DOUBT = re.compile(r"[mV]{0,4}U")
_NOT_THERE = re.compile(r"[mVvop]{0,5}(?:l|[pt]{1,2}[mt]{0,2}L|L)(?:[&|!,]{1,2}(?:n?[pt]{0,2}[Ll]))*")
_NOT_GRADE = re.compile(r"[mVt]{0,4}(?:r|p)?[mt]{0,2}[Gg](?:[&|!,]{1,2}[mt]?[Gg])*")
_NOT_ADJECTIVE = re.compile(r"[mVGgt]{0,5}[Jg]")
_GOES_ON = re.compile(r"[nmVt]{0,3}p?[mt]{0,2}[lLGg](?![mtGgLx?&|/]{0,8}[Cc])")
_SEEN = re.compile(r"[mV]{0,2}P(?![mtGgLx?]{0,5}C)")
_ELSEWHERE = re.compile(r"[mVt]{0,4}Pp[mtx]{0,2}")
_ELLIPSIS = re.compile(r"[mVt]{0,4}(?=[.;,:BWQ&|!]|$)")
_ANY_NAME = re.compile(r"[^.;]{0,24}C")
_AUXILIARY = re.compile(r"[mn]{0,3}[VXZPDxk]")
_ANSWER = re.compile(r"[NXPkn]")
_BETWEEN = frozenset("nmGgx")
_PASSIVE = frozenset("VmtorpLlGDxvSw?" + UNKNOWN)


_DETERMINERS = frozenset({"no", "neither", "nil", "zero", "hardly any", "not any"})
"""Negations that make one noun phrase with what follows; the others head an adverbial phrase."""
_CONTRASTS = frozenset({"neither", "in neither", "rather than", "instead of"})
_HAVE = frozenset({"has", "have", "had", "having"})


_OTHER_VIEWS = frozenset({"lateral", "frontal", "prior", "previous", "earlier", "comparison", "portable"})


class Mention:
    """A condition, or its affirmative alternative, at a place in the symbols."""

    __slots__ = ("alternative", "at", "condition", "joint", "polarity", "turn")

    def __init__(
        self, condition: str, at: int, polarity: Polarity, joint: str, turn: int, alternative: bool
    ) -> None:
        self.condition, self.at, self.polarity = condition, at, polarity
        self.joint = joint
        """How it hangs on the mention before it in its list: some of ``,&|!`` or nothing."""
        self.turn = turn
        """Number of the list that it stands in."""
        self.alternative = alternative


class Scope:
    """The pass. ``mentions`` and ``denied`` (symbol positions of denied places and grades) are the result."""

    __slots__ = (
        *(
            "_group",
            "_joint",
            "_closed",
            "_last",
            "_lexicon",
            "_opener",
            "_polarity",
            "_section",
            "_skip",
            "_turn",
        ),
        *("denied", "entries", "kinds", "mentions", "unsaid"),
    )

    def __init__(self, symbols: Symbols, lexicon: Lexicon) -> None:
        self.kinds, self.entries, self._lexicon = symbols.kinds, symbols.entries, lexicon
        self.mentions: list[Mention] = []
        self.denied: set[int] = set()
        self._group: list[Mention] = []
        self._joint = ""
        self._closed: Polarity = PRESENT
        self._last = ""
        self._opener = ""
        self._polarity: Polarity = PRESENT
        self._section = False
        self._skip = -1
        self._turn = 0
        self.unsaid = False

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

    def _open(self, polarity: Polarity, opener: str) -> None:
        self._polarity, self._opener, self._group, self._joint = polarity, opener, [], ""
        self._turn += 1

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
        if _ANSWER.match(self.kinds, i + 1):
            return
        for m in self._group:
            m.polarity = DOUBTFUL
        self._end_sentence(i)

    def _end_clause(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == "V":
            self._close(PRESENT, i)
        self._open(UNSAID if self.unsaid else PRESENT, "")

    def _break(self, i: int) -> None:
        if _GOES_ON.match(self.kinds, i + 1):
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
        double = _DOUBLE.match(kinds, i + 1)
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
        if self.entries[i].text in _CONTRASTS:
            found = _NOT_THERE.match(kinds, i + 1) or _NOT_GRADE.match(kinds, i + 1)
            if found and self._deny(found, "LlGg"):
                return
        pseudo = _PSEUDO.match(kinds, i + 1)
        if pseudo:
            self._skip = pseudo.end()
            self._open(PRESENT, "D")
            return
        self._open(ABSENT, "N" if self.entries[i].text in _DETERMINERS else "O")

    def _there(self, i: int) -> None:
        if self._polarity != PRESENT and not self._group and not self._joint:
            return  # "it is unclear whether there is X"
        self._with(i)

    def _with(self, i: int) -> None:
        self._open(UNSAID if self.unsaid else PRESENT, "W")

    def _show(self, i: int) -> None:
        if self.entries[i].text in _HAVE and _AUXILIARY.match(self.kinds, i + 1):
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
        if _NAME_FAR.match(self.kinds, i + 1):
            self._open(UNSAID, "h")

    def _previous(self, i: int) -> None:
        if self._polarity == PRESENT and _NAME_NEAR.match(self.kinds, i + 1):
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
        elif not self._group or (self._joint and _NAME.match(self.kinds, i + 1)):
            self._open(ABSENT, "N")
        else:
            self._close(ABSENT, i)

    def _lacking(self, i: int) -> None:
        if not self._group or _NAME.match(self.kinds, i + 1):
            self._open(ABSENT, "N")
        else:
            self._close(ABSENT, i)

    def _exclude(self, i: int) -> None:
        doubt = self.entries[i].text == "rule out" and self._polarity == PRESENT
        self._open(DOUBTFUL if doubt else UNSAID, "U" if doubt else "q")

    def _seen(self, i: int) -> None:
        if not self._group:
            return
        if self._joint and _NAME.match(self.kinds, i + 1):
            if "|" not in self._joint and "!" not in self._joint and not _LATER_OR.match(self.kinds, i + 1):
                self._open(PRESENT, "P")
            return
        self._close(PRESENT, i)

    def _doubt(self, i: int) -> None:
        ahead = _NAME.match(self.kinds, i + 1)
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
        if self._group and (found := _SEEN.match(self.kinds, i + 1)):
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
        if found := _NOT_NO.match(kinds, at):
            self._skip = found.end()
            self._open(PRESENT, "W")
        elif found := _NOT_ABSENT.match(kinds, at):
            self._skip = found.end()
            self._decide(PRESENT, found.end())
        elif found := _NOT_EXCLUDED.match(kinds, at):
            self._skip = found.end()
            self._decide(DOUBTFUL, found.end())
        elif found := _NOT_EXCLUDE.match(kinds, at):
            self._skip = found.end()
            self._open(DOUBTFUL, "U")
        elif (found := _NOT_THERE.match(kinds, at)) and self._deny(found, "Ll"):
            pass
        elif kinds.startswith("mP", at) and self.entries[at].text == "well":
            self._skip = at + 2
        elif (found := _ELSEWHERE.match(kinds, at)) and self._is_elsewhere(at, found.end()):
            self._skip = found.end()
        elif found := _NOT_SEEN.match(kinds, at):
            self._skip = found.end()
            self._decide(ABSENT, found.end())
        elif found := _NOT_SHOW.match(kinds, at):
            self._skip = found.end()
            self._open(ABSENT, "N")
        elif (found := _NOT_ADJECTIVE.match(kinds, at)) and self._predicate(found.end() - 1) is not None:
            self._skip = found.end()
            self._add(str(self._predicate(found.end() - 1)), found.end() - 1, ABSENT)
        elif (found := _NOT_GRADE.match(kinds, at)) and self._deny(found, "Gg"):
            pass
        elif found := _NOT_CHANGED.match(kinds, at):
            self._skip = found.end()
        elif found := _NOT_DOUBT.match(kinds, at):
            self._skip = found.end()
            self._decide(ABSENT, found.end())
        elif _NAME_FAR.match(kinds, at):
            self._open(ABSENT, "N")
        elif self._group:
            self._close(ABSENT, i)
        else:
            self._open(ABSENT, "N")

    def _is_elsewhere(self, start: int, end: int) -> bool:
        """Tell whether what isn't seen isn't seen on another view or an earlier examination only."""
        return any(e.text in _OTHER_VIEWS for e in self.entries[start : end + 1])

    def _decide(self, polarity: Polarity, after: int) -> None:
        """Apply a cue that may stand on either side."""
        if self._group and not (self._joint and _NAME.match(self.kinds, after)):
            self._close(polarity, after - 1)
        else:
            self._open(polarity, "N" if polarity == ABSENT else "U" if polarity == DOUBTFUL else "P")

    def _refers_back(self, after: int) -> bool:
        """Tell whether a cue that has no list open is about the name before it: "but has resolved"."""
        return self._last == "C" and bool(self.mentions) and not _ANY_NAME.match(self.kinds, after)

    def _deny(self, found: re.Match[str], wanted: str) -> bool:
        """Mark places or grades that are denied of the condition just named; tell whether they are."""
        if not self.mentions or self._last != "C" or _NAME_NEAR.match(self.kinds, found.end()):
            return False
        self.denied.update(j for j in range(found.start(), found.end()) if self.kinds[j] in wanted)
        self._skip = found.end()
        return True

    # Names.

    def _name(self, i: int) -> None:
        self._add(self.entries[i].value, i, self._list_polarity(i, alternative=False))

    def _alternative(self, i: int) -> None:
        self._add(self.entries[i].value, i, self._list_polarity(i, alternative=True), alternative=True)

    def _adjective(self, i: int) -> None:
        condition = self._predicate(i)
        if condition is not None:
            self._add(condition, i, self._polarity)

    def _predicate(self, i: int) -> str | None:
        """Return the condition that the adjective at ``i`` states of a subject before it in the clause."""
        adjective = self.entries[i].text
        if _NAME_NEAR.match(self.kinds, i + 1):
            return None
        for j in range(i - 1, max(-1, i - 12), -1):
            kind = self.kinds[j]
            if kind in ".;:BCX":
                return None
            if kind in "SLl" and ("V" in self.kinds[j:i] or _BETWEEN.issuperset(self.kinds[j + 1 : i])):
                by = self._lexicon.predicates.get(self.entries[j].text)
                if by and adjective in by:
                    return by[adjective]
        return None

    def _one(self, i: int) -> None:
        """Name the condition before again: "a small one on the right"."""
        named = self._last == "C" and bool(self.mentions)
        if named and not self._group and not _NAME_NEAR.match(self.kinds, i + 1):
            self._add(self.mentions[-1].condition, i, self._polarity)

    def _add(self, condition: str, i: int, polarity: Polarity, alternative: bool = False) -> None:
        mention = Mention(condition, i, polarity, self._joint, self._turn, alternative)
        self.mentions.append(mention)
        self._group.append(mention)
        self._joint, self._last = "", "C"

    def _list_polarity(self, i: int, *, alternative: bool) -> Polarity:
        """Return the polarity of the name at ``i``, given the list that it may continue."""
        joint, polarity = self._joint, self._polarity
        either = "|" in joint or "!" in joint
        if not self._group:
            if either and self._closed == ABSENT and polarity == PRESENT and self._opener == "":
                self._open(ABSENT, "N")
            return self._polarity
        if polarity == PRESENT:
            if (
                either
                and "&" not in joint
                and self._opener != "D"
                and not alternative
                and not self._group[-1].alternative
            ):
                self._group[-1].polarity = DOUBTFUL
                return DOUBTFUL
            return PRESENT
        if not joint or either:
            return polarity
        joints = "".join(m.joint for m in self._group[1:])
        over = ("|" in joints or "!" in joints or "&" in joints) and ("," in joint or "|" in joints)
        fresh = alternative or self._premodified(i) or polarity == UNSAID
        doubt = polarity == DOUBTFUL and "&" not in joint
        if (over or fresh or doubt) and not _LATER_OR.match(self.kinds, i + 1):
            if not (doubt and _LATER_AND.match(self.kinds, i + 1)):
                self._open(PRESENT, "")
        return self._polarity

    def _premodified(self, i: int) -> bool:
        """Tell whether a grade or a word like "stable" stands before the name at ``i``, after its joint."""
        j = i - 1
        while j >= 0 and i - j < 8 and self.kinds[j] in "mtLGgx?":
            if self.kinds[j] in "Ggx":
                return True
            j -= 1
        return False

    # The end of a list.

    def _close(self, polarity: Polarity, i: int, *, whole: bool = False) -> None:
        """Apply a cue that stands after the names it is for."""
        group = self._group
        reach = group if whole else self._reach(i)
        before = self._polarity
        if before == ABSENT and not whole:
            self._close_negated(polarity, reach, i)
        elif before == DOUBTFUL and polarity == PRESENT:
            pass
        else:
            for m in reach:
                m.polarity = polarity if not (polarity == PRESENT and m.polarity == DOUBTFUL) else DOUBTFUL
        self._closed = group[-1].polarity
        self._open(PRESENT, "")

    def _close_negated(self, polarity: Polarity, reach: list[Mention], i: int) -> None:
        group = self._group
        if polarity == PRESENT:
            joint = group[-1].joint
            either = any("|" in m.joint or "!" in m.joint for m in group[1:]) or "|" in self._joint
            if either or not joint:
                return
            if len(group) == 2:
                group[-1].polarity = PRESENT
            elif self._opener == "O":
                start = next((k for k, m in enumerate(group) if k and "," in m.joint), len(group))
                for m in group[start:]:
                    m.polarity = PRESENT
        elif polarity == ABSENT:
            if len(group) == 1:
                group[0].polarity = PRESENT
        else:
            for m in reach:
                m.polarity = ABSENT if len(group) == len(reach) else polarity

    def _reach(self, i: int) -> list[Mention]:
        """Return the tail of the list that a cue after it is for: "A, B and C absent": all three."""
        group = self._group
        k = len(group) - 1
        joined = False
        while k > 0:
            joint = group[k].joint
            if "&" in joint or "|" in joint or "!" in joint or "/" in joint:
                joined = True
            elif joint == "," and joined and self._opener not in ("T", "H", "P"):
                pass
            else:
                break
            k -= 1
        return group[k:]


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
