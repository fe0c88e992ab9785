"""The account of names: every name of a finding ends in a fact, in an unread stretch, or among the unsaid.

A name that no cue decided, or that a rule passed over, would otherwise vanish, as if the text didn't mention
the finding, which is another thing.
"""

from __future__ import annotations

from nastdata.reading.kinds import symbols
from nastdata.reading.layout import Section
from nastdata.reading.lexicon import NEEDS_PLACE, Symbols
from nastdata.reading.statements.lists import Mention
from nastdata.reading.statements.scope import Scope
from nastdata.records import Unread

_NAMES = symbols("condition absent_name")
_STOP = symbols("full_stop")
LEFT_OUT = "its construct isn't understood"


def account(
    text: str, read: Symbols, laid_out: Symbols, sections: list[Section], scope: Scope, told: set[int]
) -> tuple[tuple[Unread, ...], tuple[Unread, ...]]:
    """Return what is unread, and the names of which nothing is said of this image.

    Args:
        text: The text.
        read: All its symbols.
        laid_out: Those that are left when silent sections and headings are out.
        sections: Its sections.
        scope: Its mentions.
        told: Positions (in ``laid_out``) of the mentions that made facts.
    """
    kinds = laid_out.kinds
    dropped = len(kinds) != len(read.kinds)
    if not dropped and not scope.has_unread:
        if sum(map(kinds.count, _NAMES)) == sum(kinds[i] in _NAMES for i in told):
            return (), ()
    names = [i for i, kind in enumerate(kinds) if kind in _NAMES and _counts(laid_out, i)]
    by_position = {m.at: m for m in scope.mentions}
    unread = {m.at: m.unread for m in scope.mentions if m.unread is not None}
    unsaid: list[Unread] = []
    for i in names:
        if i in told or i in unread:
            continue
        mention = by_position.get(i)
        if mention is None or mention.polarity is not None:
            unread[i] = LEFT_OUT
        else:
            unsaid.append(_note(text, laid_out.spans[i], mention))
    if dropped:
        kept = set(laid_out.spans)
        for kind, span in zip(read.kinds, read.spans, strict=True):
            if kind in _NAMES and span not in kept:
                unsaid.append(Unread(*span, text[span[0] : span[1]], _find_heading(span[0], sections)))
        unsaid.sort(key=lambda u: u.start)
    return _collect(text, laid_out, unread), tuple(unsaid)


def _counts(read: Symbols, i: int) -> bool:
    """A name that needs a place is no name without one ("lesion")."""
    return read.entries[i].roles is not NEEDS_PLACE


def _note(text: str, span: tuple[int, int], mention: Mention) -> Unread:
    return Unread(*span, text[span[0] : span[1]], mention.reason or "not said of this image")


def _find_heading(start: int, sections: list[Section]) -> str:
    return next((f"under {s.name}" for s in reversed(sections) if s.start <= start), "a heading")


def _collect(text: str, read: Symbols, unread: dict[int, str]) -> tuple[Unread, ...]:
    """Return the sentences that hold unread names, each once, with the first reason."""
    out: dict[tuple[int, int], Unread] = {}
    for at in sorted(unread):
        first = read.kinds.rfind(_STOP, 0, at) + 1
        last = read.kinds.find(_STOP, at)
        start = read.spans[first][0]
        end = read.spans[last - 1 if last > 0 else -1][1]
        out.setdefault((start, end), Unread(start, end, text[start:end], unread[at]))
    return tuple(out.values())
