"""Constructs: sequences of kinds that together say something else than one by one.

"Not calcified" doesn't deny the mass, "nearly resolved" says that a rest is left. A register lists them
(``register.Construct``); here they rewrite the kinds of a text, symbol by symbol, before scope is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nastdata.reading.kinds import SYMBOL, coarsen, compile_pattern, symbols
from nastdata.reading.register import KEEP, Construct

_FILLER = SYMBOL["filler"]
_UNREAD = frozenset((SYMBOL["unclear"], SYMBOL["unread_name"]))
_KEPT, _LONG = 65_536, 64
"""Results that are kept, and the longest sequence that one is kept of."""
_BIT = {symbol: 2 << i for i, symbol in enumerate(SYMBOL.values())}
_COMMON = sum(
    _BIT[symbol]
    for symbol in symbols(
        "condition article filler place auxiliary comma full_stop preposition unknown of seen and or"
        " denial grade grade_adjective property shows there_is sign_of anatomy domain place_adverbial"
        " persisting with"
    )
)
"""Kinds that most texts hold."""
_NAMES = re.compile(r"(?<![\w(?])[a-z_]+")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    needs: tuple[int, ...]
    """Sets of kinds, a bit each, of each of which the text must hold one; the rarest first."""
    makes: int
    """The kinds that it puts in."""
    becomes: tuple[str, ...]
    """Character for each piece; "" keeps it."""
    reason: str


class Constructs:
    """All constructs of a register, compiled."""

    def __init__(self, constructs: tuple[Construct, ...]) -> None:
        self._rules = tuple(_compile(c) for c in constructs)
        self._by_key = _index(self._rules)
        self._by_kinds: dict[int, tuple[_Rule, ...]] = {}
        self._done: dict[str, tuple[str, dict[int, str]]] = {}

    def apply(self, kinds: str) -> tuple[str, dict[int, str]]:
        """Return the kinds as scope reads them, and position -> reason of what is to be left unread.

        Sequences of kinds come again and again in different words; what was found for the last ones is kept.
        """
        done = self._done.get(kinds)
        if done is None:
            if len(self._done) >= _KEPT:
                self._done.clear()
            done = self._apply(kinds)
            if len(kinds) <= _LONG:
                self._done[kinds] = done
        return done

    def _apply(self, kinds: str) -> tuple[str, dict[int, str]]:
        reasons: dict[int, str] = {}
        out = kinds
        for rule in self._find_rules(_as_bits(kinds)):
            if rule.pattern.search(out):
                out = _rewrite(rule, out, reasons)
        return coarsen(out), reasons

    def _find_rules(self, here: int) -> tuple[_Rule, ...]:
        """Return the rules whose kinds the text holds, in order."""
        found = self._by_kinds.get(here)
        if found is None:
            if len(self._by_kinds) >= _KEPT:
                self._by_kinds.clear()
            made = here
            rules = []
            wanted = here | 1
            candidates = 0
            for bit, numbers in self._by_key:
                if bit & wanted:
                    candidates |= numbers
            while candidates:
                last = candidates & -candidates
                candidates ^= last
                rule = self._rules[last.bit_length() - 1]
                for need in rule.needs:
                    if not need & made:
                        break
                else:
                    rules.append(rule)
                    made |= rule.makes
            found = self._by_kinds[here] = tuple(rules)
        return found


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
    needs = sorted({_as_bits(need) for p in c.pattern if (need := _need(p))}, key=_count)
    becomes = tuple("" if b == KEEP else SYMBOL[b] for b in c.becomes)
    return _Rule(pattern, tuple(needs), _as_bits("".join(becomes)), becomes, c.reason or c.name)


def _index(rules: tuple[_Rule, ...]) -> list[tuple[int, int]]:
    """Return sets of kinds, and the rules that one of them calls for, a bit each.

    Rules go by their rarest need that no rule makes; those that have none are looked at always (bit 1).
    """
    made = 0
    for rule in rules:
        made |= rule.makes
    by_key: dict[int, int] = {}
    for i, rule in enumerate(rules):
        key = next((need for need in rule.needs if not need & made), 1)
        by_key[key] = by_key.get(key, 0) | 1 << i
    return list(by_key.items())


def _count(kinds: int) -> int:
    """Return about how often a text holds one of these kinds."""
    return kinds.bit_count() + 50 * (kinds & _COMMON).bit_count()


def _as_bits(kinds: Iterable[str]) -> int:
    bits = 0
    for kind in set(kinds):
        bits |= _BIT[kind]
    return bits


def _need(piece: str) -> frozenset[str]:
    """Return the kinds of a piece that can't be empty; nothing if it may be, or is a lookahead."""
    if "start" in piece or piece.startswith(("(?", "[^")) or re.search(r"\{0,\d+\}|\?$", piece):
        return frozenset()
    head = piece.split("(?")[0]
    return frozenset(compile_pattern(f"[{' '.join(_NAMES.findall(head))}]").pattern[1:-1])
