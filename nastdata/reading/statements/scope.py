"""Scope: which mentioned condition is said to be there, not there, or doubtful.

One pass from left to right over the kinds of ``kinds.py``. A cue before names opens a scope that runs over
the list that follows; a cue after names closes the list before it. The pass looks ahead a bounded number
of symbols only, so that time is linear in the text.
"""

from __future__ import annotations

from collections.abc import Callable

from nastdata.reading.kinds import SYMBOL, Kind, symbols
from nastdata.reading.statements.denials import Denials
from nastdata.reading.statements.lists import PRESENT

_PASSIVE = frozenset(
    symbols(
        "auxiliary filler article of preposition place place_adverbial grade change persisting lies"
        " subject unknown"
    )
)
_AUXILIARY = SYMBOL["auxiliary"]


class Scope(Denials):
    """The pass. ``mentions`` and ``denied`` (symbol positions of denied places and grades) are the result."""

    __slots__ = ()

    def run(self) -> Scope:
        """Read all symbols."""
        for i, kind in enumerate(self.kinds):
            if kind in _PASSIVE or i < self._skip:
                continue
            _ACTIONS[kind](self, i)
        if self._group and self.kinds[-1] == _AUXILIARY:
            self._close(PRESENT, len(self.kinds) - 1)
        return self

    def _act(self, kind: str, i: int) -> None:
        _ACTIONS[kind](self, i)


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
    Kind.NOT_SO: Scope._not_so,
    Kind.INSET: Scope._begin_inset,
    Kind.ASIDE: Scope._set_aside,
    Kind.RESUME: Scope._resume,
    Kind.SAME: Scope._same,
    Kind.DENIAL: Scope._no,
    Kind.NOT: Scope._not,
    Kind.ABSENT: Scope._absent,
    Kind.LACKING: Scope._lacking,
    Kind.QUESTION_MARK: Scope._ask,
    Kind.ONE: Scope._one,
    Kind.EXCLUDED: Scope._excluded,
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
