"""The reading-back of single texts, for writers that can be told what was wrong."""

from __future__ import annotations

from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import check_fact, check_option
from nastdata.reading.parse import get_parser
from nastdata.reading.text_cleanup import find_debris
from nastdata.records import FactWording, OptionStatement, OptionWording
from nastdata.writing.base import Checks

SAYS = {1: "present", 0: "absent", -1: "uncertain", None: "not mentioned"}


def make_checks(ontology: Ontology) -> Checks:
    """Return the checks that the build itself applies, one text at a time."""
    parser = get_parser(ontology)

    def option(wording: OptionWording) -> str | None:
        return check_option(
            parser.parse(wording.negated), parser.parse(wording.affirmative), wording, ontology
        )

    def fact(wording: FactWording) -> str | None:
        return check_fact(parser.parse(wording.text), wording.fact, ontology)

    def negated(statement: OptionStatement, text: str) -> str | None:
        said = parser.parse(text)
        if debris := find_debris(text):
            return debris
        if any(f.fact.location or f.fact.severity for f in said.facts):
            return "names a place or a grade"
        if said.unlicensed:
            return f"unlicensed word '{said.unlicensed[0]}'"
        if said.alternatives:
            return f"states {said.alternatives[0]} by its affirmative alternative"
        wanted = dict(zip(statement.conditions, statement.labels, strict=True))
        for condition in {**wanted, **said.labels}:
            if said.labels.get(condition) != wanted.get(condition):
                return (
                    f"{condition}: {SAYS[said.labels.get(condition)]}, wanted {SAYS[wanted.get(condition)]}"
                )
        return None

    return Checks(option=option, fact=fact, negated=negated)
