"""From text to facts, without knowledge of who wrote the text.

``Parser`` reads general English and radiology report language: which conditions a text names, whether it
says that they are present, absent or doubtful, where and how grave they are. ``docs/parser.md`` lists what
was decided where English leaves a choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from nastdata.ontology import Ontology
from nastdata.reading.attributes import Attributes
from nastdata.reading.constructs import Constructs
from nastdata.reading.kinds import symbols
from nastdata.reading.layout import Layout
from nastdata.reading.lexicon import Lexicon, Symbols
from nastdata.reading.register import DEFAULT, Register, load_register
from nastdata.reading.scope import Scope
from nastdata.reading.vocabulary import build_vocabulary
from nastdata.records import ParsedFact, Unread

_NEGATIVE = frozenset(
    symbols("denial neither not fails absent resolved resolution lacking excluded excluding spares nor")
)
"""Negation cues, wherever they are."""
_WEIGHT = {1: 2, -1: 1, 0: 0}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says."""

    text: str
    labels: dict[str, int]
    """Condition -> 1 present, 0 absent, -1 uncertain; a condition that nothing is said about isn't there."""
    facts: tuple[ParsedFact, ...]
    """In the order of the text."""
    alternatives: tuple[str, ...]
    """Conditions whose affirmative alternative the text names without negating it."""
    cues: tuple[str, ...]
    """Negation cues, whatever they negate."""
    unlicensed: tuple[str, ...]
    """Words that a statement of the ontology's facts doesn't need, as written in the text."""
    unread: tuple[Unread, ...] = ()
    """Stretches that name a finding in a way that isn't understood; they give no label and no fact."""
    language: str | None = None
    """Code of the language that the text was read in ("en"); None if its language isn't read."""


class Parser:
    """Reads texts with one ontology. Linear in the length of the text."""

    def __init__(self, ontology: Ontology, register: Register | None = None) -> None:
        register = register or load_register(DEFAULT)
        self._language = register.language
        vocabulary = build_vocabulary(ontology, register)
        self._lexicon = Lexicon(vocabulary, register)
        self._layout = Layout(register.sections)
        self._constructs = Constructs(register.constructs)
        self._attributes = Attributes(ontology, vocabulary)

    def parse(self, text: str, *, report: bool = False) -> Reading:
        """Read one text: a phrase, a sentence or a whole report.

        Where a text says several things about one condition, present beats uncertain beats absent.
        """
        symbols = self._lexicon.read(text)
        symbols, sections = self._layout.apply(text, symbols)
        kinds, reasons = self._constructs.apply(symbols.kinds)
        scope = Scope(kinds, symbols, self._lexicon, reasons).run()
        labels: dict[str, int] = {}
        facts: dict[ParsedFact, None] = {}
        for mention, stated in self._attributes.read(kinds, symbols, scope):
            polarity = mention.polarity
            if polarity is None:
                continue
            known = labels.get(mention.condition)
            if known is None or _WEIGHT[polarity] > _WEIGHT[known]:
                labels[mention.condition] = polarity
            start, end = symbols.spans[mention.at]
            for fact in stated:
                facts[ParsedFact(fact, start, end)] = None
        unread = _collect_unread(text, symbols, scope) if scope.has_unread else ()
        alternatives = [m.condition for m in scope.mentions if m.alternative and m.polarity == 1]
        negative = _NEGATIVE.intersection(symbols.kinds)
        found = (
            [text[a:b] for (a, b), k in zip(symbols.spans, symbols.kinds, strict=True) if k in negative]
            if negative
            else []
        )
        return Reading(
            text,
            labels,
            tuple(facts),
            tuple(dict.fromkeys(alternatives)),
            tuple(found),
            tuple(symbols.unknown),
            unread,
            self._language,
        )


_STOP = symbols("full_stop")


def _collect_unread(text: str, symbols: Symbols, scope: Scope) -> tuple[Unread, ...]:
    """Return the sentences that hold unread names, each once, with the first reason."""
    out: dict[tuple[int, int], Unread] = {}
    for m in scope.mentions:
        if m.unread is None:
            continue
        first = scope.kinds.rfind(_STOP, 0, m.at) + 1
        last = scope.kinds.find(_STOP, m.at)
        start = symbols.spans[first][0]
        end = symbols.spans[last - 1 if last > 0 else -1][1]
        out.setdefault((start, end), Unread(start, end, text[start:end], m.unread))
    return tuple(out.values())


_KEPT: list[tuple[Ontology, str, Parser]] = []


def get_parser(ontology: Ontology, register: str = DEFAULT) -> Parser:
    """Return the parser of an ontology and a register (``english``), built once."""
    for known, name, parser in _KEPT:
        if known is ontology and name == register:
            return parser
    parser = Parser(ontology, load_register(register))
    _KEPT.append((ontology, register, parser))
    del _KEPT[:-8]
    return parser
