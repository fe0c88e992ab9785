"""From text to facts, without knowledge of who wrote the text.

``Parser`` reads general English and radiology report language: which conditions a text names, whether it
says that they are present, absent or doubtful, where and how grave they are. ``docs/reader.md`` lists what
was decided where English leaves a choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from nastdata.ontology import Ontology, OntologyError
from nastdata.reading.accounting import account
from nastdata.reading.caption_grammar import CaptionGrammar
from nastdata.reading.constructs import Constructs
from nastdata.reading.hazards import Hazards
from nastdata.reading.kinds import symbols
from nastdata.reading.layout import Layout
from nastdata.reading.lexicon import Lexicon
from nastdata.reading.ontologies.readback import find_unreadable
from nastdata.reading.register import DEFAULT, Register, load_register
from nastdata.reading.resolution import TIMED, Places, Qualifiers, is_limited, resolve, tell_time
from nastdata.reading.statements.attributes import Attributes
from nastdata.reading.statements.lists import ABSENT, DOUBTFUL
from nastdata.reading.statements.scope import Scope
from nastdata.reading.vocabulary import build_vocabulary
from nastdata.records import Certainty, ParsedFact, Time, Unread

_NEGATIVE = frozenset(
    symbols(
        "denial none_of neither not fails absent resolved resolution lacking excluded excluding spares nor"
    )
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
    unsaid: tuple[Unread, ...] = ()
    """Names of which nothing is said of this image ("history of pneumonia"), each with the reason. Every name
    in a text is in a fact, in an unread stretch, or here."""


class Parser:
    """Reads texts with one ontology. Linear in the length of the text."""

    def __init__(self, ontology: Ontology, register: Register | None = None) -> None:
        register = register or load_register(DEFAULT)
        self._language = register.language
        vocabulary = build_vocabulary(ontology, register)
        self._lexicon = Lexicon(vocabulary, register)
        self._layout = Layout(register.sections)
        self._captions = CaptionGrammar(register.captions)
        self._hazards = Hazards(register)
        self._qualifiers = Qualifiers(register)
        self._constructs = Constructs(register.constructs)
        self._attributes = Attributes(ontology, vocabulary, register)

    def parse(self, text: str, *, report: bool = False) -> Reading:
        """Read one text: a phrase, a sentence or a whole report.

        Where a text says several things about one condition, present beats uncertain beats absent; with
        ``report``, the rule of ``resolution.resolve`` decides, and ``facts`` hold what was there earlier too.
        """
        read = self._lexicon.read(text)
        symbols, sections = self._layout.apply(text, read)
        kinds, reasons = self._constructs.apply(symbols.kinds)
        scope = Scope(kinds, symbols, self._lexicon, reasons).run()
        self._hazards.mark(text, symbols, scope)
        labels: dict[str, int] = {}
        weights: dict[str, int] = {}
        facts: list[ParsedFact] = []
        limited: list[tuple[ParsedFact, bool]] = []
        dropped: list[str] = []
        stated = self._attributes.read(kinds, symbols, scope, dropped, earlier=report)
        if stated:
            where = Places(symbols, sections)
            timed = not TIMED.isdisjoint(symbols.kinds)
            for mention, said in stated:
                polarity = mention.polarity
                time: Time = tell_time(mention, symbols) if timed or polarity is None else "now"
                if polarity is not None:
                    weight = -1 if mention.question else _WEIGHT[polarity]
                    if weight > weights.get(mention.condition, -2):
                        labels[mention.condition], weights[mention.condition] = polarity, weight
                start, end = symbols.spans[mention.at]
                sentence, span = where.find_sentence(mention.at)
                section = where.find_section(mention.at) if sections else None
                certainty: Certainty = "uncertain" if polarity == DOUBTFUL else "definite"
                only = self._qualifiers.find(text, mention, symbols) if polarity == ABSENT else None
                for fact in said:
                    parsed = ParsedFact(fact, start, end, section, sentence, span, time, certainty, only)
                    facts.append(parsed)
                    if report:
                        limited.append((parsed, polarity == ABSENT and is_limited(mention, symbols)))
        if report:
            labels = resolve(limited)
        told = {mention.at for mention, _ in stated}
        unread, unsaid = account(text, read, symbols, sections, scope, told)
        alternatives = [m.condition for m in scope.mentions if m.alternative and m.polarity == 1]
        found = (
            [text[slice(*symbols.spans[i])] for i, k in enumerate(symbols.kinds) if k in _NEGATIVE]
            if not _NEGATIVE.isdisjoint(symbols.kinds)
            else []
        )
        return Reading(
            text,
            labels,
            tuple(facts),
            tuple(dict.fromkeys(alternatives)),
            tuple(found),
            (*symbols.unknown, *dropped),
            unread,
            self._language,
            unsaid,
        )

    def explain_caption(self, text: str, says: str) -> str | None:
        """Return why a text isn't a plain statement that something is "present", "absent" or "denied"."""
        symbols, sections = self._layout.apply(text, self._lexicon.read(text))
        if sections:
            return f"a heading ({sections[0].name})"
        return self._captions.explain(text, symbols, says)


_KEPT: list[tuple[Ontology, str, Parser]] = []


def get_parser(ontology: Ontology, register: str = DEFAULT) -> Parser:
    """Return the parser of an ontology and a register (``english``), built once.

    Raises:
        UserError: if a phrase of the ontology is not read back as what it means.
    """
    for known, name, parser in _KEPT:
        if known is ontology and name == register:
            return parser
    parser = Parser(ontology, load_register(register))
    if register == DEFAULT:
        _refuse_unreadable(ontology, parser)
    _KEPT.append((ontology, register, parser))
    del _KEPT[:-8]
    return parser


def _refuse_unreadable(ontology: Ontology, parser: Parser) -> None:
    problems = find_unreadable(ontology, parser.parse)
    if problems:
        raise OntologyError(problems, f"ontology {ontology.name}")
