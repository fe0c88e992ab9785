"""What denies: "no" before names, "not" on either side, and what a "not" is really of."""

from __future__ import annotations

from nastdata.reading.kinds import symbols
from nastdata.reading.statements import lookahead as look
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL, PRESENT, UNSAID
from nastdata.reading.statements.names import Names

_LEADING = symbols("there_is article asks doubt_next exclude")
_AUXILIARY_SEEN = symbols("auxiliary seen")
_PAUSES = symbols("full_stop semicolon comma colon")
_PLACES = symbols("place place_adverbial")
_GRADES = symbols("grade grade_adjective")
_FILLER_SEEN = symbols("filler seen")
_ASSERTING = frozenset(("with", "shows", "seen"))
_NOT_KNOWN = "what is denied isn't known"
_AUXILIARY = symbols("auxiliary")
_ARTICLE = symbols("article")
_IDLE = symbols("now auxiliary")


class Denials(Names):
    """What denies: "no" before names, "not" on either side, and what a "not" is really of."""

    __slots__ = ()

    def _no(self, i: int) -> None:
        kinds = self.kinds
        if not self._group and not self._joint and i and kinds[i - 1] in _LEADING:
            if self._polarity is UNSAID and self._opener == "asks":
                return  # "to make sure that there is no X"
            if self._opener == "doubt" and not look.PSEUDO.match(kinds, i + 1):
                return  # "it cannot be said that there is no X"
        if (found := look.OF_IT.match(kinds, i + 1)) and self._deny_again():
            self._skip = found.end()
            return
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
        roles = self.entries[i].roles
        self._open(
            ABSENT, "determiner" if "determiner" in roles else "clause" if "clause" in roles else "denial"
        )

    def _deny_again(self) -> bool:
        """Deny what was named before, where a pronoun stands for it: "was suspected, but no sign of it"."""
        named = self.mentions[self._sentence :] or self.mentions[self._sentence_before :]
        for m in named:
            if m.turn == named[-1].turn:
                m.polarity = ABSENT
        return bool(named)

    def _not(self, i: int) -> None:
        kinds, at = self.kinds, i + 1
        if self._telegraphic and self._not_told(at):
            return
        if kinds[i - 1 : i] == _AUXILIARY and look.SAID_NO_MORE.match(kinds, self._pass_idle(at)):
            if len(self.mentions) > self._sentence and self._deny_adjective(i - 2):
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
            at = found.end()
            if at < len(self.entries) and "pronoun" in self.entries[at].roles and self.mentions:
                for m in self._find_last_list():
                    m.polarity = DOUBTFUL  # "does not exclude it"
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
            twice = self._opener == "clause" and not self._group
            for condition in named:
                self._mention(condition, found.end() - 1, PRESENT if twice else ABSENT)
        elif (found := look.NOT_GRADE.match(kinds, at)) and self._deny(found, _GRADES):
            pass
        elif found := look.NOT_CHANGED.match(kinds, at):
            self._skip = found.end()
        elif found := look.NOT_DOUBT.match(kinds, at):
            self._skip = found.end()
            sure = "sure_if_denied" in self.entries[found.end() - 1].roles
            self._decide(PRESENT if sure else ABSENT, found.end())
        elif look.NAME_FAR.match(kinds, at):
            self._open(ABSENT, "determiner")
        elif self._group and not self._is_of_other_subject(i):
            end = self._pass_idle(at)
            if look.SAID_NO_MORE.match(kinds, end):
                self._close(PRESENT if self._is_property_again(at, end) else ABSENT, i)
            else:
                self._not_so(at)  # "the tube is not too low"
        elif not self._group and self._goes_on_about_last(at):
            self._not_after_all(at)
        else:
            self._open(ABSENT, "determiner")

    def _not_so(self, i: int) -> None:
        """What is denied is how the finding is, or isn't known: is the finding there all the same?

        It is if it was said to be there, or by its article: "the mass is not round". A participle
        ("is not pinpointed") may mean that it isn't seen.
        """
        if self._group and self._group[-1].polarity == DOUBTFUL:
            return  # "whether this is X cannot be determined"
        known = i >= len(self.entries) or "participle" not in self.entries[i].roles
        if known and self._group and self._group[-1].polarity == PRESENT:
            if self._opener in _ASSERTING or self._is_definite(self._group[-1].at):
                self._closed = PRESENT
                return
        self._set_unclear(_NOT_KNOWN)

    def _not_after_all(self, at: int) -> None:
        """Deny the finding before, unless a property is denied: "was feared, but did not appear"."""
        if look.SAID_NO_MORE.match(self.kinds, self._pass_idle(at)):
            for m in self._find_last_list():
                m.polarity = ABSENT
        elif self.mentions[-1].polarity != PRESENT:
            self._set_unclear(_NOT_KNOWN)  # but "is present and has not moved"

    def _is_property_again(self, at: int, end: int) -> bool:
        """Tell whether "is not either" denies a property again: "is not large, and Y is not either"."""
        either = any(self.kinds[j] == _ARTICLE for j in range(at, end))
        before = self.mentions[self._sentence : -len(self._group)]
        return either and bool(before) and before[-1].polarity == PRESENT and self._closed == PRESENT

    def _pass_idle(self, at: int) -> int:
        """Return where words end that add nothing at the end of a clause: "is not there"."""
        while at < len(self.entries) and ("idle" in self.entries[at].roles or self._original[at] in _IDLE):
            at += 1
        return at

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

    def _is_elsewhere(self, start: int, end: int) -> bool:
        """Tell whether what isn't seen isn't seen on another view or an earlier examination only."""
        return any("other_view" in e.roles for e in self.entries[start : end + 1])
