"""The reading-back of single texts, for writers that can be told what was wrong."""

from __future__ import annotations

from nastdata.ontology import Ontology
from nastdata.realize.writer import Checks
from nastdata.records import FactWording, OptionStatement, OptionWording
from nastdata.validate.parse import get_parser
from nastdata.validate.texts import check_fact, check_negated, check_option


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
        return check_negated(parser.parse(text), statement, ontology)

    return Checks(option=option, fact=fact, negated=negated)
