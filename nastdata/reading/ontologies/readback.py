"""Whether the reader reads back what an ontology will have written: names, alternatives, places, grades.

What a writer writes is kept only if it is read back as its fact. A phrase that the reader takes for something
else would lose every text that holds it, so that such an ontology is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from nastdata.ontology import Condition, Ontology, Phrase
from nastdata.records import ParsedFact


class Reading(Protocol):
    """What is looked at of a reading."""

    @property
    def labels(self) -> Mapping[str, int]:
        """Condition -> 1, 0, -1."""

    @property
    def facts(self) -> Sequence[ParsedFact]:
        """In the order of the text."""

    @property
    def alternatives(self) -> Sequence[str]:
        """Conditions whose affirmative alternative is named."""

    @property
    def cues(self) -> Sequence[str]:
        """Negation cues."""


Read = Callable[[str], Reading]


def find_unreadable(ontology: Ontology, read: Read) -> list[str]:
    """Return one sentence for each phrase that is not read back: key, what is read, what to do.

    Args:
        ontology: To check.
        read: Of a parser of this ontology, in English.
    """
    problems: list[str] = []
    for c in ontology.conditions:
        problems += _check_name(ontology, c, read)
        for alternative in c.affirmative:
            problems += _check_affirmative(c, alternative, read)
        if not problems:
            problems += _check_attributes(ontology, c, read)
    return problems


def _check_name(ontology: Ontology, c: Condition, read: Read) -> list[str]:
    out = []
    allowed = {c.name} | ontology.ancestors[c.name]
    for text, wanted, meaning in (
        (f"There {_be(c)} {_name(c)}.", 1, "present"),
        (f"There {_be(c)} no {c.text}.", 0, "absent"),
    ):
        reading = read(text)
        if reading.labels.get(c.name) != wanted or not set(reading.labels) <= allowed:
            out.append(
                f"conditions.{c.name}.text: '{text}' is read as {_tell(reading)}, not as {c.name} {meaning}; "
                "use another name, or another word of it"
            )
    return out


def _check_affirmative(c: Condition, a: Phrase, read: Read) -> list[str]:
    text = f"{_name(a)} {_be(a)} seen."
    text = text[0].upper() + text[1:]
    reading = read(text)
    if c.name in reading.alternatives and not reading.cues and 1 not in reading.labels.values():
        return []
    return [
        f"conditions.{c.name}.affirmative: '{text}' is read as {_tell(reading)}, not as a way of saying that "
        f"there is no {c.text}; use other words, without a denial and without the name of a finding"
    ]


def _check_attributes(ontology: Ontology, c: Condition, read: Read) -> list[str]:
    out = []
    for name in c.places:
        place = ontology.place_by_name[name]
        text = f"There {_be(c)} {_name(c)} {place.phrase}."
        reading = read(text)
        found = [f.fact.location for f in reading.facts if f.fact.condition == c.name]
        if not set(reading.labels) <= {c.name} | ontology.ancestors[c.name]:
            out.append(
                f"places.{name}.phrase: '{text}' is read as {_tell(reading)}; use a phrase without "
                "the name of a finding"
            )
        elif name not in found:
            out.append(
                f"places.{name}.phrase: '{text}' is read at {_quote(found)}, not at '{name}'; use another "
                "phrase"
            )
    for grade in ontology.grades(c.name):
        word = ontology.word_grade(c.name, grade)
        text = f"{word[0].upper()}{word[1:]} {c.text} {_be(c)} seen."
        facts = [f.fact for f in read(text).facts if f.fact.condition == c.name]
        if not any(f.severity == grade and f.existence == "present" for f in facts):
            out.append(
                f"scales.{c.scale}.grades: '{text}' is read with the grade "
                f"{_quote([f.severity for f in facts])}, not '{grade}'; use another word"
            )
    return out


def _name(phrase: Phrase) -> str:
    return f"{phrase.article} {phrase.text}" if phrase.article else phrase.text


def _be(phrase: Phrase) -> str:
    return "are" if phrase.number == "plural" else "is"


def _quote(values: list[str | None]) -> str:
    named = [f"'{v}'" for v in dict.fromkeys(values) if v]
    return " and ".join(named) or "none"


def _tell(reading: Reading) -> str:
    words = {1: "present", 0: "absent", -1: "uncertain"}
    said = [f"{c} {words[v]}" for c, v in reading.labels.items()]
    said += [f"the alternative of {c}" for c in reading.alternatives]
    if reading.cues and not said:
        said.append(f"a denial ('{reading.cues[0]}')")
    return " and ".join(said) or "nothing"
