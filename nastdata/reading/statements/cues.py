"""What says that a finding is there, doubtful, asked for, or was there once."""

from __future__ import annotations

from nastdata.reading.kinds import SYMBOL, symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.exceptions import Exceptions
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL, PRESENT, UNSAID

_OPEN_TO_DOUBT = frozenset({"previous", "strange"})
"""What opens a scope that states nothing and that a word of doubt may end."""
_COMMA = SYMBOL["comma"]
_OR = SYMBOL["or"]
_NOR = SYMBOL["nor"]
_EITHER = symbols("or versus")
_RESOLVED = symbols("resolved")
_RESOLUTION = SYMBOL["resolution"]
_BESIDE_SUBJECT = frozenset(symbols("preposition article place place_adverbial filler"))
_STOP = SYMBOL["full_stop"]
_PROPERTY = SYMBOL["property"]
_RECURRED = symbols("recurred")
_FINITE = frozenset(symbols("auxiliary"))
_GONE = frozenset(symbols("resolved absent"))


class Cues(Exceptions):
    """What says that a finding is there, doubtful, asked for, or was there once."""

    __slots__ = ()

    def _mark_unclear(self, i: int) -> None:
        self._set_unclear(self._reasons.get(i, "something else that looks like it"))

    def _unread_name(self, i: int) -> None:
        self._mention(self.entries[i].value, i, PRESENT)
        self.mentions[-1].unread = self._reasons.get(i, "")

    def _was_earlier(self, i: int) -> None:
        """What was so earlier isn't said of now; a cue after it may say what became of it."""
        if not self._group and len(self.mentions) > self._clause:
            self._group = [m for m in self.mentions[self._clause :] if m.turn == self.mentions[-1].turn]
            self._joint = ""
        self._take_back(self._group, "of an earlier image")
        for m in self._group:
            m.time = "earlier"
        self._polarity, self._opener = PRESENT, "previous"

    def _unsay(self, i: int) -> None:
        self._take_back(self._group or self.mentions[self._clause :], "may be missed, or can't be judged")
        self._open(PRESENT, "")

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
        if denied and self._opener in ("determiner", "denial", "clause"):
            return  # "no film shows X"
        if self._opener in ("doubt", "question") and not self._group:
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
        if not self._aside:
            self._take_back(self.mentions[self._clause :], "supposed")
        self._suppose(i)

    def _suppose(self, i: int) -> None:
        if self._aside:
            return
        if "finite" in self.entries[i].roles and self._group and self._is_subject(i):
            needs = self._original[i + 1 : i + 2] == _PROPERTY  # "a nodule would benefit from a CT"
            if not needs and not self._is_definite(self._group[-1].at):
                self._take_back(self._group, "supposed")  # "an effusion would blunt the angles"
        self.unsaid = True
        self._open(UNSAID, "asks")

    def _absent(self, i: int) -> None:
        if not self._group and self._refers_back(i):
            self.mentions[-1].polarity = ABSENT
        elif not self._group or (self._joint and look.NAME.match(self.kinds, i + 1)):
            self._open(ABSENT, "determiner")
        elif self._original[i] in _RESOLVED and self._has_resolved():
            pass  # "resolution of X, which has cleared"
        elif not (self._joint and self._is_of_other_subject(i)):
            self._close(ABSENT, i)  # but not in "tube in place, and the lung has re-expanded"

    def _is_subject(self, i: int) -> bool:
        """Tell whether the open list is the subject of the verb at ``i``."""
        return _BESIDE_SUBJECT.issuperset(self.kinds[self._group[-1].at + 1 : i]) and not self._joint

    def _has_resolved(self) -> bool:
        """Tell whether it has been said of the open list already that it has resolved: "resolution of X"."""
        first = self._group[0].at
        return self._polarity == ABSENT and _RESOLUTION in self._original[max(0, first - 8) : first]

    def _excluded(self, i: int) -> None:
        """Absence; doubt in a denial: "the image does not allow X to be excluded"."""
        if self._group and self._polarity == ABSENT and not self._joint and self._opener == "determiner":
            for m in self._group:
                m.polarity = DOUBTFUL
            self._open(PRESENT, "")
        else:
            self._absent(i)

    def _lacking(self, i: int) -> None:
        if not self._group or look.NAME.match(self.kinds, i + 1):
            self._open(ABSENT, "determiner")
        else:
            self._close(ABSENT, i)

    def _exclude(self, i: int) -> None:
        doubt = "rule_out" in self.entries[i].roles and self._polarity == PRESENT
        self._open(DOUBTFUL if doubt else UNSAID, "question" if doubt else "asks")

    def _seen(self, i: int) -> None:
        if not self._group and self._polarity == PRESENT and self._goes_on_about_last(i + 1):
            self._come_back(i)
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

    def _come_back(self, i: int) -> None:
        """Of two turns the last counts: "had resolved but is back"."""
        last = self.mentions[-1].at
        if _STOP in self.kinds[last:i]:  # "was seen last year. It is still visible"
            for m in self._find_last_list():
                if m.polarity is UNSAID and m.time == "earlier":
                    m.polarity = PRESENT
        if self._original[i] in _RECURRED or not _FINITE.isdisjoint(self.kinds[last + 2 : i]):
            for m in self._find_last_list():
                if m.polarity == ABSENT and not _GONE.isdisjoint(self._original[last:i]):
                    m.polarity = PRESENT

    def _doubt(self, i: int) -> None:
        if self.unsaid and self._polarity == UNSAID and self._opener != "previous":
            return
        ahead = look.NAME.match(self.kinds, i + 1) or look.SHOWN_NAME.match(self.kinds, i + 1)
        if not self._group and not ahead and self._goes_on_about_last(i + 1):
            for m in self._find_last_list():
                m.polarity = DOUBTFUL  # "was considered, but is unlikely"
            return
        if self._group and not ahead:
            if not (self._joint and self._polarity == ABSENT):
                self._close(DOUBTFUL, i)
            return
        if self._polarity == ABSENT and not (self._group and self._joint and _OR not in self._joint):
            return
        if self._polarity == UNSAID and self._opener not in _OPEN_TO_DOUBT:
            return
        self._open(DOUBTFUL, self._name_doubt(i))

    def _doubt_ahead(self, i: int) -> None:
        if self._polarity == ABSENT and self._original[i] in _EITHER:
            self._joint += _OR  # "no congestion or edema"
            return
        if "cause" in self.entries[i].roles and look.KNOWN.match(self.kinds, i + 1):
            self._open(UNSAID if self.unsaid else PRESENT, "with")
            return
        finite = "finite" in self.entries[i].roles and self._opener == "denial" and self._group
        if finite:
            self._open(DOUBTFUL, "doubt")  # "the absence of X suggests Y"
        elif self._group and (found := look.SEEN.match(self.kinds, i + 1)):
            self._skip = found.end()
            self._close(DOUBTFUL, i)
        elif (
            self._polarity == ABSENT and _COMMA not in self._joint and "explains" not in self.entries[i].roles
        ):
            return  # "no opacity concerning for X"
        elif self._polarity != UNSAID or self._opener in _OPEN_TO_DOUBT:
            self._open(DOUBTFUL, self._name_doubt(i))

    def _name_doubt(self, i: int) -> str:
        """Tell a question ("?fracture") from another doubt."""
        entry = self.entries[i]
        return "question" if "question" in entry.roles or not entry.text else "doubt"

    def _link(self, i: int) -> None:
        if self._telegraphic and self._polarity == ABSENT and "explains" in self.entries[i].roles:
            self._open(UNSAID, "asks")  # "no se ve el hemidiafragma en relación con derrame"
