"""PadChest's report column: Spanish, lower case, stemmed; each distinct sentence is read once."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from nastdata.ontology import Ontology
from nastdata.reading.parse import get_parser
from nastdata.records import Fact
from nastdata.sources.denials import find_narrower
from nastdata.sources.normal_findings import find_normal
from nastdata.sources.places import is_partial, read_map

REGISTER, LANGUAGE = "spanish", "es"
STOP = " . "
GONE = frozenset({"resolved", "earlier"})
_CHANGE = re.compile(r"\b(desapar|resol|resuel|retir|mejor)")
"""Words by which what was there before is gone, or less: another of its kind may be there."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one sentence of a report says."""

    facts: tuple[Fact, ...] = ()
    """Present, absent (with qualifiers) and uncertain ones."""
    gone: frozenset[str] = frozenset()
    """Conditions that it says are no longer there, or were there before."""
    partial: bool = False
    """Whether its places are where most of a finding is only."""


class ReportSentences:
    """Reads the sentences of PadChest's reports."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology, self._parser = ontology, get_parser(ontology, REGISTER)
        self._whole = {p.name for p in ontology.places if p.side == "both" and p.region is None}
        self._known: dict[str, Sentence] = {}

    def read(self, report: str) -> tuple[Sentence, ...]:
        """Return what each sentence of a report says, in order."""
        return tuple(self._read(s) for s in split_report(report))

    def _read(self, sentence: str) -> Sentence:
        said = self._known.get(sentence)
        if said is None:
            said = self._known[sentence] = self._read_new(sentence)
        return said

    def _read_new(self, sentence: str) -> Sentence:
        text = f"{sentence} ."
        reading = self._parser.parse(text, report=True)
        normal = [] if _CHANGE.search(sentence) else find_normal([sentence], LANGUAGE, self._ontology)
        if not reading.facts:
            return Sentence(tuple(normal)) if normal else _NOTHING
        partial = is_partial(sentence, LANGUAGE)
        facts, gone = normal, set()
        for parsed in reading.facts:
            fact = parsed.fact
            if parsed.time in GONE or (fact.existence == "absent" and _CHANGE.search(sentence)):
                gone.add(fact.condition)
                continue
            if fact.denies:
                place = None if fact.denies == "location" else fact.location
                fact = replace(fact, denies=None, location=place)
            if parsed.certainty != "definite":
                fact = replace(fact, existence="uncertain")
            if fact.existence == "absent":
                if parsed.time == "new":
                    continue
                qualifier = find_qualifier(sentence) or find_narrower(
                    fact.condition, text[parsed.start : parsed.end].lower()
                )
                fact = replace(fact, qualifier=qualifier, severity=None)
            elif partial and fact.location and fact.location not in self._whole:
                fact = replace(fact, location=None)
            facts.append(fact)
        return Sentence(tuple(dict.fromkeys(facts)), frozenset(gone), partial)


_NOTHING = Sentence()


def split_report(report: str) -> list[str]:
    """Return a report's sentences; PadChest sets a stop between blanks after each."""
    return [s for part in f" {report.strip()} ".split(STOP) if (s := part.strip(" ."))]


def find_qualifier(sentence: str) -> str | None:
    """Return what a denial of a sentence is restricted to, by any of its words that may restrict it."""
    stems = _qualifiers()
    return next((stems[w] for w in _WORD.findall(sentence) if w in stems), None)


@lru_cache(maxsize=1)
def _qualifiers() -> dict[str, str]:
    return {r["stem"]: r["meaning"] for r in read_map("spanish_qualifiers")}
