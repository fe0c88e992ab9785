"""Scope: which mentioned condition is said to be there, not there, or doubtful.

One pass from left to right over the kinds of ``kinds.py``. A cue before names opens a scope that runs over
the list that follows; a cue after names closes the list before it. The pass looks ahead a bounded number
of symbols only, so that time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nastdata.reading.kinds import SYMBOL, Kind, coarsen, symbols
from nastdata.reading.lexicon import Lexicon, Symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL, PRESENT, UNSAID, Lists, Polarity

_PASSIVE = frozenset(
    symbols(
        "auxiliary filler article of preposition place place_adverbial grade change persisting lies"
        " subject unknown"
    )
)
_AUXILIARY, _COMMA, _OR, _NOR, _FILLER, _NOT = list(symbols("auxiliary comma or nor filler not"))
_SAID_BEFORE = symbols("seen absent excluded doubt not lacking")
_BOUNDARIES = symbols("full_stop semicolon contrast comma and colon")
_COLON_MARK = symbols("colon")
_WHY = symbols("asks history")
_AT = frozenset(symbols("preposition place_adverbial"))
_RESOLVE = SYMBOL["resolve"]
_AUXILIARY_SEEN = symbols("auxiliary seen")
_PAUSES = symbols("full_stop semicolon comma colon")
_PLACES, _GRADES = symbols("place place_adverbial"), symbols("grade grade_adjective")
_FILLER_SEEN = symbols("filler seen")
_PREDICATE_STOPS = symbols("full_stop semicolon colon contrast condition absent")
_PREDICATE_LINKS = symbols("auxiliary shows comma denial not seen")
_SUBJECTS = symbols("subject place place_adverbial")

_OPEN_TO_DOUBT = frozenset({"previous", "strange"})
"""What opens a scope that states nothing and that a word of doubt may end."""


class Scope(Lists):
    """The pass. ``mentions`` and ``denied`` (symbol positions of denied places and grades) are the result."""

    __slots__ = (
        *(
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
        ),
        *("denied", "entries"),
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
        self._last = False
        """Whether the sentence has named a condition."""
        self._skip = -1

    def run(self) -> Scope:
        """Read all symbols."""
        for i, kind in enumerate(self.kinds):
            if kind in _PASSIVE or i < self._skip:
                continue
            _ACTIONS[kind](self, i)
        if self._group and self.kinds[-1] == _AUXILIARY:
            self._close(PRESENT, len(self.kinds) - 1)
        return self

    # What opens and ends scopes.

    def _end_sentence(self, i: int) -> None:
        self.unsaid = self._excepted = False
        self._heading = -1
        self._end_clause(i)
        self._sentence = len(self.mentions)
        if i + 1 < len(self.entries) and "pronoun" not in self.entries[i + 1].roles:
            self._closed, self._last = PRESENT, False

    def _ask(self, i: int) -> None:
        """A question mark: "Fracture? No." or an open question."""
        if look.ANSWER.match(self.kinds, i + 1):
            return
        for m in self._group:
            m.polarity = DOUBTFUL
        self._end_sentence(i)

    def _end_clause(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == _AUXILIARY:
            self._close(PRESENT, i)
        if i >= len(self.kinds) or self.kinds[i] != _COLON_MARK:
            self._clause, self._unclear = len(self.mentions), ""
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

    def mentions_near(self, i: int) -> bool:
        """Tell whether a list is open at symbol ``i``."""
        return bool(self._group)

    def _comma(self, i: int) -> None:
        if self._group and i and self.kinds[i - 1] == _AUXILIARY:
            self._close(PRESENT, i)
        self._joint += _COMMA

    def _join(self, i: int) -> None:
        self._joint += self.kinds[i]

    def _nor(self, i: int) -> None:
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

    def _except(self, i: int) -> None:
        """After "no X", an excepted place has it; after "X in all lobes", it hasn't."""
        found = look.EXCEPTED.match(self.kinds, i + 1)
        if not found or look.NAME_NEAR.match(self.kinds, found.end()):
            self._open(PRESENT, "except")
        elif len(self.mentions) == self._sentence:
            if look.WHICH_IS.match(self.kinds, found.end()):
                return  # "except at the left base, which is consolidated"
            self._excepted = True
            self.denied.update(j for j in range(i, found.end()) if self.kinds[j] in _PLACES)
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

    @property
    def has_unread(self) -> bool:
        """Whether any name is left unread."""
        return any(m.unread is not None for m in self.mentions)

    def _set_unclear(self, reason: str) -> None:
        self._unclear = reason
        for m in self.mentions[self._clause :]:
            m.unread = reason

    def _mark_unclear(self, i: int) -> None:
        self._set_unclear(self._reasons.get(i, "something else that looks like it"))

    def _unread_name(self, i: int) -> None:
        self._mention(self.entries[i].value, i, PRESENT)
        self.mentions[-1].unread = self._reasons.get(i, "")

    def _spare(self, i: int) -> None:
        """Deny the place that is spared."""
        found = look.EXCEPTED.match(self.kinds, i + 1)
        if not (found and self._deny(found, _PLACES)):
            self._set_unclear("what is spared isn't known")

    def _was_earlier(self, i: int) -> None:
        """What was so earlier isn't said of now; a cue after it may say what became of it."""
        if not self._group and len(self.mentions) > self._clause:
            self._group = [m for m in self.mentions[self._clause :] if m.turn == self.mentions[-1].turn]
            self._joint = ""
        for m in self._group:
            m.polarity = UNSAID
            m.time = "earlier"
        self._polarity, self._opener = PRESENT, "previous"

    def _none(self, i: int) -> None:
        """Deny the finding of a second place: "fractures on the right, none on the left"."""
        found = look.EXCEPTED.match(self.kinds, i + 1)
        if found and _RESOLVE in self._original[i : found.end() + 2] and not self._is_side(found):
            _ACTIONS[coarsen(self._original[i])](self, i)  # "cardiomegaly, lungs clear"
            self.denied.update(j for j in range(i, found.end()) if self.kinds[j] in _PLACES)
        elif found and len(self.mentions) > self._sentence:
            self._open(ABSENT, "determiner")
            self._mention(self.mentions[-1].condition, i, ABSENT)
        else:
            self._absent(i)

    def _again(self, i: int) -> None:
        """Name the finding at a second place, where it is there: "left effusion resolved, right persists"."""
        found = look.SECOND_PLACE.match(self.kinds, i + 1)
        said = found and (self._is_side(found) or not _AT.isdisjoint(self.kinds[i + 1 : found.end()]))
        if said and len(self.mentions) > self._sentence:
            if self._group and self.kinds[i - 1] == _AUXILIARY:
                self._close(PRESENT, i)
            self._open(PRESENT, "with")
            self._mention(self.mentions[-1].condition, i, PRESENT)
        else:
            _ACTIONS[coarsen(self._original[i])](self, i)

    def _is_side(self, found: re.Match[str]) -> bool:
        """Tell whether all places that are found are a side only: "right", "on the left"."""
        places = (self.entries[j].value for j in range(*found.span()) if self.kinds[j] in _PLACES)
        return all(self._lexicon.sides.issuperset(names) for names in places)

    def _absent_name(self, i: int) -> None:
        """A word that says that the finding is gone: "extubated"."""
        self._mention(self.entries[i].value, i, self._polarity if self._polarity is UNSAID else ABSENT)

    def _unsay(self, i: int) -> None:
        for m in self._group or self.mentions[self._clause :]:
            m.polarity = UNSAID
        self._open(PRESENT, "")

    def _same(self, i: int) -> None:
        self._open(self._closed, "same")

    # Cues before names.

    def _no(self, i: int) -> None:
        kinds = self.kinds
        double = look.DOUBLE.match(kinds, i + 1)
        if double:
            self._skip = double.end()
            self._open(PRESENT, "with")
            return
        if (
            self._group
            and i + 1 < len(kinds)
            and kinds[i + 1] in _AUXILIARY_SEEN
            and "neither" in self.entries[i].roles
        ):
            self._close(ABSENT, i, whole=True)
            self._skip = i + 3
            return
        if self._group and not self._joint and (i + 1 == len(kinds) or kinds[i + 1] in _PAUSES):
            self._close(ABSENT, i)  # "Effusion: no."
            return
        if "contrastive" in self.entries[i].roles:
            found = look.NOT_THERE.match(kinds, i + 1) or look.NOT_GRADE.match(kinds, i + 1)
            own = found and look.CLAUSE_AHEAD.match(kinds, found.end())
            if found and not own and self._deny(found, _PLACES + _GRADES):
                return
        pseudo = (look.PSEUDO_BARE if self._telegraphic else look.PSEUDO).match(kinds, i + 1)
        if pseudo:
            self._skip = pseudo.end()
            self._open(PRESENT, "change")
            return
        self._open(ABSENT, "determiner" if "determiner" in self.entries[i].roles else "denial")

    def _there(self, i: int) -> None:
        if self._polarity != PRESENT and not self._group and not self._joint:
            return  # "it is unclear whether there is X"
        self._with(i)

    def _with(self, i: int) -> None:
        self._open(UNSAID if self.unsaid else PRESENT, "with")

    def _show(self, i: int) -> None:
        if "have" in self.entries[i].roles and look.AUXILIARY.match(self.kinds, i + 1):
            return
        denied = self._polarity == ABSENT and not self._group and not self._has_own_object(i)
        if denied and self._opener in ("determiner", "denial"):
            return  # "no film shows X"
        if self._opener == "doubt" and not self._group:
            return  # "may show X"
        self._open(UNSAID if self.unsaid else PRESENT, "shows")

    def _head(self, i: int) -> None:
        if self._joint and _OR not in self._joint and _NOR not in self._joint and self._polarity != UNSAID:
            self._open(PRESENT, "sign_of")

    def _history(self, i: int) -> None:
        if look.NAME_FAR.match(self.kinds, i + 1):
            self._open(UNSAID, "history")

    def _previous(self, i: int) -> None:
        if self._polarity == PRESENT and look.NAME_NEAR.match(self.kinds, i + 1):
            self._open(UNSAID, "previous")

    def _question(self, i: int) -> None:
        self._open(UNSAID, "asks")

    def _would(self, i: int) -> None:
        """Take back what the sentence said: "to say that there is X would be wrong"."""
        for m in self.mentions[self._sentence :]:
            m.polarity = UNSAID
        self._suppose(i)

    def _suppose(self, i: int) -> None:
        self.unsaid = True
        self._open(UNSAID, "asks")

    # Cues on either side.

    def _absent(self, i: int) -> None:
        if not self._group and self._refers_back(i + 1):
            self.mentions[-1].polarity = ABSENT
        elif not self._group or (self._joint and look.NAME.match(self.kinds, i + 1)):
            self._open(ABSENT, "determiner")
        else:
            self._close(ABSENT, i)

    def _lacking(self, i: int) -> None:
        if not self._group or look.NAME.match(self.kinds, i + 1):
            self._open(ABSENT, "determiner")
        else:
            self._close(ABSENT, i)

    def _exclude(self, i: int) -> None:
        doubt = "rule_out" in self.entries[i].roles and self._polarity == PRESENT
        self._open(DOUBTFUL if doubt else UNSAID, "doubt" if doubt else "asks")

    def _seen(self, i: int) -> None:
        if not self._group or (self.unsaid and self._polarity == UNSAID):
            return  # "if concern for X persists"
        if self._joint and look.NAME.match(self.kinds, i + 1):
            if (
                _OR not in self._joint
                and _NOR not in self._joint
                and not look.LATER_OR.match(self.kinds, i + 1)
            ):
                self._open(PRESENT, "seen")
            return
        self._close(PRESENT, i)

    def _doubt(self, i: int) -> None:
        if self.unsaid and self._polarity == UNSAID and self._opener != "previous":
            return
        ahead = look.NAME.match(self.kinds, i + 1) or look.SHOWN_NAME.match(self.kinds, i + 1)
        if self._group and not ahead:
            if not (self._joint and self._polarity == ABSENT):
                self._close(DOUBTFUL, i)
            return
        if self._polarity == ABSENT and not (self._group and self._joint and _OR not in self._joint):
            return
        if self._polarity == UNSAID and self._opener not in _OPEN_TO_DOUBT:
            return
        self._open(DOUBTFUL, "doubt")

    def _doubt_ahead(self, i: int) -> None:
        if self._group and (found := look.SEEN.match(self.kinds, i + 1)):
            self._skip = found.end()
            self._close(DOUBTFUL, i)
        elif (
            self._polarity == ABSENT and _COMMA not in self._joint and "explains" not in self.entries[i].roles
        ):
            return  # "no opacity concerning for X"
        elif self._polarity != UNSAID or self._opener in _OPEN_TO_DOUBT:
            self._open(DOUBTFUL, "doubt")

    def _not(self, i: int) -> None:
        kinds, at = self.kinds, i + 1
        if self._telegraphic and self._not_told(at):
            return
        if found := look.NOT_NO.match(kinds, at):
            self._skip = found.end()
            self._open(PRESENT, "with")
        elif found := look.NOT_ABSENT.match(kinds, at):
            self._skip = found.end()
            self._decide(PRESENT, found.end())
        elif found := look.NOT_EXCLUDED.match(kinds, at):
            self._skip = found.end()
            self._decide(DOUBTFUL, found.end())
        elif found := look.NOT_EXCLUDE.match(kinds, at):
            self._skip = found.end()
            self._open(DOUBTFUL, "doubt")
        elif (found := look.NOT_THERE.match(kinds, at)) and self._deny(found, _PLACES):
            pass
        elif kinds.startswith(_FILLER_SEEN, at) and "well" in self.entries[at].roles:
            self._skip = at + 2
        elif (found := look.ELSEWHERE.match(kinds, at)) and self._is_elsewhere(at, found.end()):
            self._skip = found.end()
        elif found := look.NOT_SEEN.match(kinds, at):
            self._skip = found.end()
            self._decide(ABSENT, found.end())
        elif found := look.NOT_SHOW.match(kinds, at):
            self._skip = found.end()
            self._open(ABSENT, "determiner")
        elif (found := look.NOT_ADJECTIVE.match(kinds, at)) and (named := self._predicate(found.end() - 1)):
            self._skip = found.end()
            for condition in named:
                self._mention(condition, found.end() - 1, ABSENT)
        elif (found := look.NOT_GRADE.match(kinds, at)) and self._deny(found, _GRADES):
            pass
        elif found := look.NOT_CHANGED.match(kinds, at):
            self._skip = found.end()
        elif found := look.NOT_DOUBT.match(kinds, at):
            self._skip = found.end()
            self._decide(ABSENT, found.end())
        elif look.NAME_FAR.match(kinds, at):
            self._open(ABSENT, "determiner")
        elif self._group and not look.OTHER_SUBJECT.search(kinds, self._group[-1].at + 1, i):
            self._close(ABSENT, i)
        else:
            self._open(ABSENT, "determiner")

    def _not_told(self, at: int) -> bool:
        """Read a "not" in a language whose small words may be missing; tell whether that was possible.

        A verb of seeing may be on either side of what is seen, and what isn't seen may be something else:
        "derrame no se aprecia", "cardiomegalia no se aprecian otros hallazgos". What isn't understood
        states nothing.
        """
        kinds = self.kinds
        if found := look.PSEUDO_BARE.match(kinds, at):
            self._skip = found.end()
            self._open(PRESENT, "change")
        elif found := look.NOT_SHOW.match(kinds, at):
            self._skip = found.end()
            if look.NAME_FAR.match(kinds, found.end()):
                self._open(ABSENT, "determiner")
            elif look.ELLIPSIS.match(kinds, found.end()):
                self._decide(ABSENT, found.end())
            else:
                self._open(UNSAID, "strange")
        elif any(p.match(kinds, at) for p in (look.NOT_KNOWN, look.NOT_ADJECTIVE, look.ELLIPSIS)):
            return False
        elif look.NAME.match(kinds, at) and not look.NOT_STRANGE.match(kinds, at):
            self._open(ABSENT, "determiner")
        else:
            self._open(UNSAID, "strange")
        return True

    def _link(self, i: int) -> None:
        if self._telegraphic and self._polarity == ABSENT and "explains" in self.entries[i].roles:
            self._open(UNSAID, "asks")  # "no se ve el hemidiafragma en relación con derrame"

    def _is_elsewhere(self, start: int, end: int) -> bool:
        """Tell whether what isn't seen isn't seen on another view or an earlier examination only."""
        return any("other_view" in e.roles for e in self.entries[start : end + 1])

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

    def _deny(self, found: re.Match[str], wanted: str) -> bool:
        """Mark places or grades that are denied of the condition just named; tell whether they are."""
        if not self.mentions or not self._last or look.NAME_NEAR.match(self.kinds, found.end()):
            return False
        self.denied.update(j for j in range(found.start(), found.end()) if self.kinds[j] in wanted)
        self._skip = found.end()
        return True

    # Names.

    def _mention(self, condition: str, i: int, polarity: Polarity, alternative: bool = False) -> None:
        self._add(condition, i, UNSAID if self.unsaid else polarity, alternative)
        if self._opener == "previous":
            self.mentions[-1].time = "earlier"
        if self._unclear:
            self.mentions[-1].unread = self._unclear
        elif self._excepted and polarity == ABSENT:
            self.mentions[-1].unread = "an exception before what it is an exception from"
        self._last = True

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
                heading.polarity = UNSAID

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
        for j in range(i - 1, max(-1, i - 14), -1):
            kind = self.kinds[j]
            if kind in _PREDICATE_STOPS or (found and kind in _PREDICATE_LINKS):
                break
            if kind in _SUBJECTS:
                text = self.entries[j].text
                verb = _AUXILIARY in self.kinds[j:i] or look.BETWEEN.issuperset(self.kinds[j + 1 : i])
                condition = self._lexicon.predicates.get(text, {}).get(adjective) if verb else None
                if condition is None and verb and kind in _PLACES:
                    condition = self._lexicon.of_places.get(adjective)
                if condition is not None and condition not in found:
                    found.insert(0, condition)
        return found

    def _one(self, i: int) -> None:
        """Name the condition before again: "a small one on the right"."""
        if not i or (self.kinds[i - 1] in _BOUNDARIES and not look.AT_PLACE.match(self.kinds, i + 1)):
            return  # "one searches in vain"
        named = self._last and bool(self.mentions)
        if named and not self._group and not look.NAME_NEAR.match(self.kinds, i + 1):
            self._mention(self.mentions[-1].condition, i, self._polarity)


_ACTIONS_BY_KIND: dict[Kind, Callable[[Scope, int], None]] = {
    Kind.FULL_STOP: Scope._end_sentence,
    Kind.SEMICOLON: Scope._end_clause,
    Kind.COLON: Scope._colon,
    Kind.CONTRAST: Scope._break,
    Kind.COMMA: Scope._comma,
    Kind.AND: Scope._join,
    Kind.OR: Scope._join,
    Kind.SLASH: Scope._join,
    Kind.NOR: Scope._nor,
    Kind.VERSUS: Scope._versus,
    Kind.EXCEPT: Scope._except,
    Kind.SPARES: Scope._spare,
    Kind.EARLIER: Scope._was_earlier,
    Kind.UNSAYS: Scope._unsay,
    Kind.NONE: Scope._none,
    Kind.AGAIN: Scope._again,
    Kind.ABSENT_NAME: Scope._absent_name,
    Kind.UNCLEAR: Scope._mark_unclear,
    Kind.UNREAD_NAME: Scope._unread_name,
    Kind.SAME: Scope._same,
    Kind.DENIAL: Scope._no,
    Kind.NOT: Scope._not,
    Kind.ABSENT: Scope._absent,
    Kind.LACKING: Scope._lacking,
    Kind.QUESTION_MARK: Scope._ask,
    Kind.ONE: Scope._one,
    Kind.EXCLUDED: Scope._absent,
    Kind.EXCLUDE: Scope._exclude,
    Kind.SEEN: Scope._seen,
    Kind.SHOWS: Scope._show,
    Kind.WITH: Scope._with,
    Kind.THERE_IS: Scope._there,
    Kind.SIGN_OF: Scope._head,
    Kind.DOMAIN: Scope._link,
    Kind.DOUBT: Scope._doubt,
    Kind.DOUBT_NEXT: Scope._doubt_ahead,
    Kind.HISTORY: Scope._history,
    Kind.PREVIOUS: Scope._previous,
    Kind.ASKS: Scope._question,
    Kind.SUPPOSES: Scope._suppose,
    Kind.WOULD: Scope._would,
    Kind.CONDITION: Scope._name,
    Kind.ALTERNATIVE: Scope._alternative,
    Kind.ADJECTIVE: Scope._adjective,
    Kind.GRADE_ADJECTIVE: Scope._adjective,
}
_ACTIONS = {SYMBOL[k]: act for k, act in _ACTIONS_BY_KIND.items()}
