"""Where a statement is in a report, of what time it is, and which of several about one finding counts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from nastdata.reading.kinds import SYMBOL, symbols
from nastdata.reading.layout import Section
from nastdata.reading.lexicon import Symbols
from nastdata.reading.register import Register
from nastdata.reading.statements.lists import ABSENT, PRESENT, Mention
from nastdata.records import ParsedFact, Time

_STOP = SYMBOL["full_stop"]
_BOUNDS = frozenset(symbols("full_stop semicolon contrast but"))
_GONE = frozenset(symbols("resolved resolution absent_name"))
_NEW = frozenset(symbols("new recurred"))
_THEN = frozenset(symbols("previous then"))
TIMED = _GONE | _NEW | _THEN
"""Kinds without which every statement is of now."""
_NOT = frozenset(symbols("not denial none_of"))
_NO_LONGER = frozenset(("no longer", "no longer any", "not any longer", "not any more"))
DECISIVE = frozenset(("IMPRESSION", "IMPRESSIONS", "CONCLUSION", "CONCLUSIONS", "OPINION", "SUMMARY"))
"""Sections whose statements count more than those of the others."""
_NUMBERS = frozenset(symbols("unknown number digits"))
_LIMITS = frozenset(symbols("property new grade grade_adjective grade_adverb place persisting unknown"))
_GRADES = frozenset(symbols("grade grade_adjective grade_adverb"))
_BEFORE_NAME = frozenset(
    symbols(
        "property new definite filler grade grade_adjective grade_adverb place persisting article unknown"
        " seen resolve number sign_of of nearly change or slash just lies finding_out other some_of presence"
    )
)
"""What may stand between a denial and the name that it denies."""
_OTHER = frozenset(("other", "another", "additional", "further", "else"))


class Places:
    """Which sentence and section a symbol is in."""

    def __init__(self, read: Symbols, sections: list[Section]) -> None:
        kinds, spans = read.kinds, read.spans
        self._spans = spans
        self._sections = [s for s in sections if s.role == "findings"]
        self._ends: list[int] = []
        """For each sentence the symbol after its last."""
        self._characters: list[tuple[int, int]] = []
        start, count = 0, len(kinds)
        while start < count:
            end = kinds.find(_STOP, start)
            end = count if end < 0 else end
            if end > start and not (end == start + 1 and end < count and kinds[start] in _NUMBERS):
                self._ends.append(end)  # but "2." of a numbered list is no sentence
                self._characters.append((spans[start][0], spans[end - 1][1]))
            start = end + 1

    def find_sentence(self, at: int) -> tuple[int, tuple[int, int]]:
        """Return the number of the sentence and its characters."""
        number = bisect_right(self._ends, at)
        return number, self._characters[number]

    def find_section(self, at: int) -> str | None:
        """Return the name of the section, in capitals, or None before the first heading."""
        start = self._spans[at][0]
        return next((s.name for s in reversed(self._sections) if s.body <= start), None)


def tell_time(m: Mention, read: Symbols) -> Time:
    """Return of what time a mention is: resolved, new, only earlier, or now."""
    if m.polarity is None:
        return "earlier"
    kinds = read.kinds
    start = m.at
    while start > 0 and kinds[start - 1] not in _BOUNDS:
        start -= 1
    end = m.at
    while end + 1 < len(kinds) and kinds[end + 1] not in _BOUNDS:
        end += 1
    clause = kinds[start : end + 1]
    if m.polarity == ABSENT:
        gone = any(e.text in _NO_LONGER for e in read.entries[start : end + 1])
        return "resolved" if gone or not _GONE.isdisjoint(clause) else "now"
    if m.polarity == PRESENT:
        before = any(k in _THEN for k in clause) and any(k in _NOT for k in clause)
        return "new" if before or not _NEW.isdisjoint(clause) else "now"
    return "now"


def is_limited(m: Mention, read: Symbols) -> bool:
    """Tell whether an absence is of one sort only: "no other nodule", "no large effusion"."""
    i = m.at - 1
    while i >= 0 and m.at - i < 6 and read.kinds[i] not in _NOT:
        if read.kinds[i] in _LIMITS or read.entries[i].text in _OTHER:
            return True
        i -= 1
    return False


_KEPT = 4096
"""Names whose heads are kept."""


class Qualifiers:
    """The words of a register that restrict a denial."""

    def __init__(self, register: Register) -> None:
        self._words = frozenset(w.lower() for entry in register.qualifiers for w in entry.words)
        self._heads: dict[str, str | None] = {}

    def find(self, text: str, m: Mention, read: Symbols) -> str | None:
        """Return the words between a denial and its name, or at the head of the name, that restrict it."""
        found: list[str] = []
        i = m.at - 1
        while i >= 0 and m.at - i < 9 and read.kinds[i] in _BEFORE_NAME:
            word = _slice(text, read, i)
            if read.kinds[i] in _GRADES or word in self._words:
                found.insert(0, word)
            i -= 1
        start, end = read.spans[m.at]
        name = text[start:end]
        if name not in self._heads:
            if len(self._heads) >= _KEPT:
                self._heads.clear()
            self._heads[name] = self._find_head(_slice(text, read, m.at).split(" "))
        if head := self._heads[name]:
            found.append(head)
        return " ".join(found) if found else None

    def _find_head(self, name: list[str]) -> str | None:
        """Return the words at the head of a name that restrict it: "focal consolidation"."""
        heads = (" ".join(name[:k]) for k in range(len(name) - 1, 0, -1))
        return next((h for h in heads if h in self._words), None)


def _slice(text: str, read: Symbols, i: int) -> str:
    start, end = read.spans[i]
    return " ".join(text[start:end].lower().replace("-", " ").split())


def resolve(stated: Iterable[tuple[ParsedFact, bool]]) -> dict[str, int]:
    """Return condition -> label by the rule for reports.

    If IMPRESSION (or CONCLUSION) says something of a condition, it decides; else all sections together. Among
    these the last statement counts. The absence of one sort only ("no large effusion", "none on the right")
    never overrules another statement.

    Args:
        stated: Facts in the order of the text, and whether each is an absence of one sort only.
    """
    by_condition: dict[str, list[tuple[ParsedFact, bool]]] = {}
    for fact, limited in stated:
        if fact.time != "earlier":
            by_condition.setdefault(fact.condition, []).append((fact, limited))
    return {c: _decide(facts) for c, facts in by_condition.items()}


_VALUES = {"present": 1, "absent": 0, "uncertain": -1}


def _decide(facts: list[tuple[ParsedFact, bool]]) -> int:
    decisive = [f for f in facts if f[0].section in DECISIVE]
    label: int | None = None
    for fact, limited in decisive or facts:
        value = _VALUES[fact.existence]
        if label is None or value != ABSENT or not (limited or fact.location or fact.severity):
            label = value
    return label or 0
