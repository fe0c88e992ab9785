"""Lists of names: which names hang together, and how far a cue after them reaches back."""

from __future__ import annotations

from nastdata.reading.kinds import compile_pattern, symbols
from nastdata.reading.statements import lookahead as look
from nastdata.records import Time

PRESENT, ABSENT, DOUBTFUL, UNSAID = 1, 0, -1, None
_COMMA, _AND, _OR, _NOR, _SLASH, _COLON = list(symbols("comma and or nor slash colon"))
_UNKNOWN, _DENIALS = symbols("unknown"), symbols("denial not absent lacking")
_FINITE = compile_pattern("[auxiliary shows] [^ comma and or nor]")
"""A verb that isn't the last word before a joint."""
_ADJECTIVES = symbols("adjective grade_adjective")
_PREMODIFIERS = symbols("filler article place grade grade_adjective persisting unknown")
_MARKED = symbols("grade grade_adjective persisting")
_GOING_ON = frozenset(("asks", "history"))
Polarity = int | None


class Mention:
    """A condition, or its affirmative alternative, at a place in the symbols."""

    __slots__ = (
        "alternative",
        "at",
        "condition",
        "joint",
        "polarity",
        "question",
        "reason",
        "time",
        "turn",
        "unread",
    )

    def __init__(
        self, condition: str, at: int, polarity: Polarity, joint: str, turn: int, alternative: bool
    ) -> None:
        self.condition, self.at, self.polarity = condition, at, polarity
        self.joint = joint
        """How it hangs on the mention before it in its list: kinds of joints, or nothing."""
        self.turn = turn
        """Number of the list that it stands in."""
        self.alternative = alternative
        self.unread: str | None = None
        """Why it is left unread, if it is."""
        self.reason: str | None = None
        """Why nothing is said of it, where its polarity is None."""
        self.question = False
        """Whether it is doubtful only because it is asked for, so that another statement decides."""
        self.time: Time = "now"


class Lists:
    """The list that is open, and what has been mentioned so far."""

    __slots__ = (
        "_aside",
        "_closed",
        "_group",
        "_joint",
        "_opener",
        "_polarity",
        "_turn",
        "kinds",
        "mentions",
        "unsaid",
    )

    def __init__(self, kinds: str) -> None:
        self.kinds = kinds
        self.mentions: list[Mention] = []
        self._group: list[Mention] = []
        """The names of the open list."""
        self._joint = ""
        """Joints since the last name."""
        self._polarity: Polarity = PRESENT
        """What the open scope gives to a name."""
        self._opener = ""
        """What opened the scope, by the cue's kind; of negations, a "determiner" or another "denial"."""
        self._closed: Polarity = PRESENT
        """Polarity of the list that was closed last."""
        self._turn = 0
        self._aside = False
        """Whether what is read is said of no image."""
        self.unsaid = False
        """Whether the sentence asks or supposes, and states nothing."""

    def _open(self, polarity: Polarity, opener: str) -> None:
        self._polarity, self._opener, self._group, self._joint = polarity, opener, [], ""
        self._turn += 1

    def _add(self, condition: str, i: int, polarity: Polarity, alternative: bool = False) -> None:
        mention = Mention(condition, i, polarity, self._joint, self._turn, alternative)
        self.mentions.append(mention)
        self._group.append(mention)
        self._joint = ""

    def _list_polarity(self, i: int, *, alternative: bool) -> Polarity:
        """Return the polarity of the name at ``i``, given the list that it may continue."""
        joint, polarity = self._joint, self._polarity
        either = _OR in joint or _NOR in joint
        if joint and not either and polarity != UNSAID and self._begins_clause(i):
            self._open(PRESENT, "")
            return PRESENT
        if not self._group:
            if either and self._closed == ABSENT and polarity == PRESENT and self._opener == "":
                self._open(ABSENT, "determiner")
            return self._polarity
        if polarity == PRESENT:
            if (
                either
                and _AND not in joint
                and self._opener != "change"
                and not alternative
                and not self._group[-1].alternative
            ):
                self._group[-1].polarity = DOUBTFUL
                return DOUBTFUL
            return PRESENT
        if not joint or either or joint == _SLASH:
            return polarity
        if polarity is UNSAID and self._opener in _GOING_ON and not self._premodified(i):
            if not look.OWN_VERB.match(self.kinds, i + 1):
                return polarity  # "history of X and Y"
        joints = "".join(m.joint for m in self._group[1:])
        over = (_OR in joints or _NOR in joints or _AND in joints) and (_COMMA in joint or _OR in joints)
        fresh = alternative or self._premodified(i) or polarity == UNSAID
        doubt = polarity == DOUBTFUL and _AND not in joint
        if (over or fresh or doubt) and not look.LATER_OR.match(self.kinds, i + 1):
            if not (doubt and look.LATER_AND.match(self.kinds, i + 1)):
                self._open(PRESENT, "")
        return self._polarity

    def _begins_clause(self, i: int) -> bool:
        """Tell whether the name at ``i``, after a joint, is the subject of a clause of its own.

        It is if what is before the joint has a verb already ("X is new, and Y ..."), or if under a denial
        ", and" is before it and a verb after it ("no X, and Y is ...").
        """
        if self._group and _FINITE.search(self.kinds, self._group[-1].at + 1, i):
            return True
        if not self._group and self._joint == _COMMA and self._has_own_object(i):
            return look.OWN_VERB.match(self.kinds, i + 1) is not None  # "the absence of Z, an X is"
        if self._group and self._polarity == PRESENT and self.kinds[self._group[-1].at] in _ADJECTIVES:
            return True  # "the heart is enlarged, and Y was ..."
        few = len(self._group) <= 1 and self._polarity in (ABSENT, DOUBTFUL)
        if not few or self._joint != _COMMA + _AND:
            return False
        return look.OWN_VERB.match(self.kinds, i + 1) is not None or (
            not self._group and self._has_own_object(i)
        )

    def _has_own_object(self, i: int) -> bool:
        """Tell whether the denial before symbol ``i`` has its object already: "absence of fever, the"."""
        start = max(self.kinds.rfind(k, 0, i) for k in _DENIALS)
        comma = self.kinds.find(_COMMA, start, i)
        return comma >= 0 and _UNKNOWN in self.kinds[start:comma]

    def _premodified(self, i: int) -> bool:
        """Tell whether a grade or a word like "stable" stands before the name at ``i``, after its joint."""
        j = i - 1
        while j >= 0 and i - j < 8 and self.kinds[j] in _PREMODIFIERS:
            if self.kinds[j] in _MARKED:
                return True
            j -= 1
        return False

    def _close(self, polarity: Polarity, i: int, *, whole: bool = False) -> None:
        """Apply a cue that stands after the names it is for."""
        if self.unsaid or self._aside:
            return
        group = self._group
        reach = group if whole or (i and self.kinds[i - 1] == _COLON) else self._reach(i)
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
            either = any(_OR in m.joint or _NOR in m.joint or _SLASH in m.joint for m in group[1:])
            either = either or _OR in self._joint
            if either or not joint:
                return
            if len(group) == 2:
                group[-1].polarity = PRESENT
            elif self._opener == "denial":
                start = next((k for k, m in enumerate(group) if k and _COMMA in m.joint), len(group))
                for m in group[start:]:
                    m.polarity = PRESENT
        elif polarity == ABSENT:
            if len(group) == 1 and not self._joint:
                group[0].polarity = PRESENT
        else:
            for m in reach:
                m.polarity = ABSENT if len(group) == len(reach) else polarity

    def _ends_in_other_item(self) -> bool:
        """Tell whether the last item of the list is no finding: "consolidation, effusion and haze have"."""
        return look.OTHER_ITEM.match(self.kinds, self._group[-1].at + 1) is not None

    def _are_side_by_side(self, at: int) -> bool:
        """Tell whether the comma and the "and" before the name at ``at`` have nothing between them."""
        joint = self.kinds.rfind(_AND, 0, at)
        return joint > 0 and self.kinds[joint - 1] == _COMMA

    def _reach(self, i: int) -> list[Mention]:
        """Return the tail of the list that a cue after it is for: "A, B and C absent": all three."""
        group = self._group
        k = len(group) - 1
        joined = (_AND in self._joint or _OR in self._joint) and self._ends_in_other_item()
        while k > 0:
            joint = group[k].joint
            if joint == _COMMA + _AND and k == 1 and not self._joint and self._are_side_by_side(group[k].at):
                break  # "Unchanged A, and B is absent", but not "A, another thing and B are absent"
            if _AND in joint or _OR in joint or _NOR in joint or _SLASH in joint:
                joined = True
            elif joint == _COMMA and joined and self._opener not in ("shows", "there_is", "seen"):
                pass
            else:
                break
            k -= 1
        return group[k:]
