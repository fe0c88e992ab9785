"""Constructs: sequences of kinds that together say something else than one by one.

"Not calcified" doesn't deny the mass, "nearly resolved" says that a rest is left. A register lists them
(``register.Construct``); here they rewrite the kinds of a text, symbol by symbol, before scope is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nastdata.reading.kinds import SYMBOL, coarsen, compile_pattern
from nastdata.reading.register import KEEP, Construct

_FILLER = SYMBOL["filler"]
_UNREAD = frozenset((SYMBOL["unclear"], SYMBOL["unread_name"]))
_NAMES = re.compile(r"(?<![\w(?])[a-z_]+")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    needs: tuple[frozenset[str], ...]
    """Sets of kinds of each of which the text must hold one."""
    becomes: tuple[str, ...]
    """Character for each piece; "" keeps it."""
    reason: str


class Constructs:
    """All constructs of a register, compiled."""

    def __init__(self, constructs: tuple[Construct, ...]) -> None:
        self._rules = tuple(_compile(c) for c in constructs)
        common: dict[str, list[int]] = {}
        for i, rule in enumerate(self._rules):
            for symbol in min(rule.needs, key=_rank):
                common.setdefault(symbol, []).append(i)
        self._by_symbol = common
        self._triggers = frozenset(common)

    def apply(self, kinds: str) -> tuple[str, dict[int, str]]:
        """Return the kinds as scope reads them, and position -> reason of what is to be left unread."""
        reasons: dict[int, str] = {}
        here = self._triggers.intersection(kinds)
        if here:
            by_symbol, rules = self._by_symbol, self._rules
            if len(here) == 1:
                (only,) = here
                order = by_symbol[only]
            else:
                order = sorted({i for s in here for i in by_symbol[s]})
            for i in order:
                rule = rules[i]
                if all(need.intersection(kinds) for need in rule.needs) and rule.pattern.search(kinds):
                    kinds = _rewrite(rule, kinds, reasons)
        return coarsen(kinds), reasons


def _rewrite(rule: _Rule, kinds: str, reasons: dict[int, str]) -> str:
    out = list(kinds)
    for m in rule.pattern.finditer(kinds):
        for g, symbol in enumerate(rule.becomes, 1):
            start, end = m.span(g)
            if symbol and start >= 0 and end > start:
                out[start:end] = symbol + _FILLER * (end - start - 1)
                if symbol in _UNREAD:
                    reasons[start] = rule.reason
    return "".join(out)


def _compile(c: Construct) -> _Rule:
    pieces = [compile_pattern(p).pattern for p in c.pattern]
    pattern = re.compile("".join(f"({p})" for p in pieces), re.DOTALL)
    needs = tuple(need for p in c.pattern if (need := _need(p)))
    becomes = tuple("" if b == KEEP else SYMBOL[b] for b in c.becomes)
    return _Rule(pattern, needs, becomes, c.reason or c.name)


def _need(piece: str) -> frozenset[str]:
    """Return the kinds of a piece that can't be empty; nothing if it may be, or is a lookahead."""
    if "start" in piece or piece.startswith(("(?", "[^")) or re.search(r"\{0,\d+\}|\?$", piece):
        return frozenset()
    head = piece.split("(?")[0]
    return frozenset(compile_pattern(f"[{' '.join(_NAMES.findall(head))}]").pattern[1:-1])


_COMMON = frozenset(
    SYMBOL[n] for n in ("condition", "article", "filler", "auxiliary", "place", "of", "comma")
)


def _rank(need: frozenset[str]) -> int:
    return len(need) + 50 * len(need & _COMMON)
