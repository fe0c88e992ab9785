"""The layout of a report: its sections, its lines, and where sentences end without a full stop.

A heading is known by a colon, by a line of its own, or by capitals at the beginning of a line; one wrong
letter (two in long words) doesn't matter. What a silent section says ("INDICATION: pneumothorax") is not said
about this image. Lines may be wrapped anywhere; a bullet, a blank line or a capital after a complete line
begins a new sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from nastdata.reading.kinds import symbols
from nastdata.reading.lexicon import STOP, Symbols
from nastdata.reading.register import Sections

_COLON = re.compile(
    r"(?:\A|[\n.?!;)])[ \t\r*#_>-]*"
    r"((?:[^\W\d_][^\W_]*[ /&'-]{1,2}){0,4}[^\W\d_][^\W_]*(?:\(s\))?)[ \t*]{0,4}:(?!\d)"
)
_CAPITALS = re.compile(r"(?m)^[ \t*#]*([A-Z]{2,}(?:[ /&-][A-Z]{2,}){0,3})(?=[ \t]*$|[ \t]+\S)")
_ALONE = re.compile(r"(?m)^[ \t*#]*([A-Z][a-z]+(?: [a-z]+){0,3})[ \t*]*$")
_CAPITAL_HEAD = re.compile(r"[ \t*#]*[A-Z]{4}")
_PARAGRAPH = re.compile(r"\S[^\S\n]*\n[^\S\n]*\n")
_NEW_LINE = re.compile(r"[^\s,;:][^\S\n]*\n[^\S\n]*(?=[A-Z])")
_NEW_SENTENCE = re.compile(r"[.?!]\s+(?=(?:No|There|The|This|Lungs?|Heart|Cardiac|Normal|Clear|Both)\b)")
_LINE = re.compile(r"\s*\n\s*")
_BULLET = re.compile(r"(?:[-*+>\u2022\u2023\u25cf\u25e6]|\(?\d{1,2}[.)]|[a-z]\))\s")
Role = Literal["findings", "parts", "silent"]

_GOES_ON = frozenset(
    symbols(
        "article other some_of relative all denial none_of neither not preposition of auxiliary past modal"
        " can_be and or nor comma open_bracket close_bracket shows there_is with together sign_of presence"
        " doubt_next property grade grade_adverb colon slash such_as accompanied causes number fails"
        " resolution nearly excluding previous lies asks follows"
    )
)
"""After one of these a line isn't complete."""
_COMPLETE = frozenset(symbols("condition alternative seen absent resolved one persisting change"))
_BEGINS = frozenset(
    symbols("condition subject denial there_is article grade place persisting alternative doubt neither")
)
_DASH, _ANSWERS = symbols("colon"), frozenset(symbols("none absent seen denial"))
_CLAUSE = frozenset(symbols("denial there_is neither"))


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the characters that it is for."""

    name: str
    """In capitals, spelt right."""
    role: Role
    start: int
    """Of the heading."""
    body: int
    end: int


class Layout:
    """Finds a register's sections in texts."""

    def __init__(self, sections: Sections) -> None:
        roles: tuple[tuple[Role, tuple[str, ...]], ...] = (
            ("silent", sections.silent),
            ("parts", sections.parts),
            ("findings", sections.findings),
        )
        self._roles: dict[str, Role] = {h: role for role, headings in roles for h in headings}
        self._certain = frozenset(sections.certain)
        self._find = lru_cache(maxsize=4096)(self._look_up)

    def find_sections(self, text: str) -> list[Section]:
        """Return the sections of a text in order; what is before the first heading belongs to none."""
        if ":" not in text and "\n" not in text and not _CAPITAL_HEAD.match(text):
            return []
        found: dict[int, tuple[str, Role, int]] = {}
        for m in _COLON.finditer(text):
            if hit := self._find(_normalise(m[1]), True):
                found[m.start(1)] = (*hit, m.end())
        for m in _CAPITALS.finditer(text):
            words = m[1].split(" ")
            for n in range(len(words), 0, -1):
                head = " ".join(words[:n])
                end = m.start(1) + len(head)
                rest = text[end : text.find("\n", end) if "\n" in text[end:] else len(text)]
                mixed = rest != rest.upper()
                hit = self._find(_normalise(head), mixed and len(head) > 5)
                known = hit and hit[1] != "parts" and (mixed or not rest.strip() or hit[0] in self._certain)
                if hit and known and m.start(1) not in found:
                    found[m.start(1)] = (*hit, end)
                    break
        for m in _ALONE.finditer(text):
            hit = self._find(_normalise(m[1]), False)
            if hit and hit[1] != "parts":
                found.setdefault(m.start(1), (*hit, m.end(1)))
        starts = sorted(found)
        out = []
        for i, start in enumerate(starts):
            name, role, body = found[start]
            last = i + 1 == len(starts)
            end = len(text) if last else starts[i + 1]
            if last and role == "silent":
                end = _find_end(text, body)
            out.append(Section(name.upper(), role, start, body, end))
        return out

    def _look_up(self, heading: str, lenient: bool) -> tuple[str, Role] | None:
        """Return the known heading and its role, if it is one but for a wrong letter."""
        role = self._roles.get(heading)
        if role is not None:
            return heading, role
        if lenient and len(heading) >= 6:
            for known, role in self._roles.items():
                if role != "parts" and _is_misspelt(heading, known):
                    return known, role
        return None

    def apply(self, text: str, read: Symbols) -> tuple[Symbols, list[Section]]:
        """Leave out silent sections and headings, and end sentences where the layout ends them."""
        sections = self.find_sections(text)
        if not sections and "\n" not in text:
            return read, sections
        breaks = _find_breaks(text, read) if "\n" in text else {}
        dropped = [(s.start, s.end if s.role == "silent" else s.body) for s in sections if s.role != "parts"]
        kinds: list[str] = []
        out = Symbols("", [], [], read.unknown)
        at = 0
        for i, (kind, entry, span) in enumerate(zip(read.kinds, read.entries, read.spans, strict=True)):
            while at < len(dropped) and dropped[at][1] <= span[0]:
                at += 1
            stop = breaks.get(i)
            if at < len(dropped) and dropped[at][0] <= span[0]:
                if kinds and kinds[-1] != STOP.kind:
                    stop, kind = dropped[at][0], ""
                else:
                    continue
            if stop is not None and kinds and kinds[-1] != STOP.kind:
                kinds.append(STOP.kind)
                out.entries.append(STOP)
                out.spans.append((stop, stop))
            if kind:
                kinds.append(kind)
                out.entries.append(entry)
                out.spans.append(span)
        out.kinds = "".join(kinds)
        if sections:
            out.unknown = [
                text[a:b] for e, (a, b) in zip(out.entries, out.spans, strict=True) if not e.licensed
            ]
        return out, sections


def _normalise(heading: str) -> str:
    return " ".join(heading.lower().replace("(s)", "s").split())


def _find_end(text: str, body: int) -> int:
    """Return where a silent section ends that no heading follows."""
    if m := _PARAGRAPH.search(text, body):
        return m.end()
    line = text.find("\n", body)
    if line >= 0 and text[body:line].strip():
        m = _NEW_LINE.search(text, body)
        return m.end() if m else len(text)
    if line < 0:
        m = _NEW_SENTENCE.search(text, body)
        return m.start() + 1 if m else len(text)
    return len(text)


def _find_breaks(text: str, read: Symbols) -> dict[int, int]:
    """Return number of the symbol before which a sentence ends at a line's end -> character of that end."""
    starts = [s for s, _ in read.spans]
    plain = text == text.lower()
    out: dict[int, int] = {}
    for m in _LINE.finditer(text):
        i = bisect_right(starts, m.end() - 1)
        if i == 0 or i >= len(starts) or read.spans[i - 1][1] > m.start():
            continue
        before, after = read.kinds[i - 1], read.kinds[i]
        rest = text[m.end() : m.end() + 3]
        if after == _DASH and before in _COMPLETE and read.kinds[i + 1 : i + 2] in _ANSWERS:
            ends = False  # "Effusion\n- none"
        elif m.group().count("\n") > 1 or _BULLET.match(text, m.end()):
            ends = True
        elif rest[:1].isupper() and rest[1:2].islower():
            ends = before not in _GOES_ON
        elif rest[:1].isupper() or plain:
            ends = (before in _COMPLETE and after in _BEGINS) or (after in _CLAUSE and before not in _GOES_ON)
        else:
            ends = False
        if ends:
            out[i] = m.start()
    return out


def _is_misspelt(said: str, known: str) -> bool:
    """Tell whether a word is a known one but for a letter lost, added, changed or swapped with the next."""
    budget = 2 if len(known) >= 10 else 1
    if abs(len(said) - len(known)) > budget or len(known) < 6:
        return False
    return _distance(said, known, budget) <= budget


def _distance(a: str, b: str, budget: int) -> int:
    """Return the optimal string alignment distance, or anything above the budget."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > budget:
            return budget + 1
        before, last = last, row
    return last[-1]
