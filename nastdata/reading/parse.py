"""From text to facts, without knowledge of who wrote the text.

``Parser`` reads general English and radiology report language: which conditions a text names, whether it
says that they are present, absent or doubtful, where and how grave they are. ``docs/parser.md`` lists what
was decided where English leaves a choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from nastdata.ontology import Ontology
from nastdata.reading.attributes import Attributes
from nastdata.reading.cues import NEGATIVE_KINDS
from nastdata.reading.lexicon import Lexicon
from nastdata.reading.scope import Scope
from nastdata.records import ParsedFact, Unread

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
    """Words that a statement of the ontology's facts doesn't need, as they stand in the text."""
    unread: tuple[Unread, ...] = ()
    language: str | None = None


class Parser:
    """Reads texts with one ontology. Linear in the length of the text."""

    def __init__(self, ontology: Ontology) -> None:
        self._lexicon = Lexicon(ontology)
        self._attributes = Attributes(ontology)

    def parse(self, text: str) -> Reading:
        """Read one text: a phrase, a sentence or a whole report.

        Where a text says several things about one condition, present beats uncertain beats absent.
        """
        symbols = self._lexicon.read(text)
        scope = Scope(symbols, self._lexicon).run()
        labels: dict[str, int] = {}
        facts: dict[ParsedFact, None] = {}
        for mention, stated in self._attributes.read(symbols, scope):
            polarity = mention.polarity
            if polarity is None:
                continue
            known = labels.get(mention.condition)
            if known is None or _WEIGHT[polarity] > _WEIGHT[known]:
                labels[mention.condition] = polarity
            start, end = symbols.spans[mention.at]
            for fact in stated:
                facts[ParsedFact(fact, start, end)] = None
        alternatives = [m.condition for m in scope.mentions if m.alternative and m.polarity == 1]
        negative = NEGATIVE_KINDS.intersection(symbols.kinds)
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
        )


_KEPT: list[tuple[Ontology, Parser]] = []


def get_parser(ontology: Ontology) -> Parser:
    """Return the parser of an ontology, built once."""
    for known, parser in _KEPT:
        if known is ontology:
            return parser
    parser = Parser(ontology)
    _KEPT.append((ontology, parser))
    del _KEPT[:-8]
    return parser
