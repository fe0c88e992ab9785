"""The fixed sentences of protocols: questions, options, short reports."""

from __future__ import annotations

from collections.abc import Sequence

from nastdata.ontology import Condition, Ontology

PRESENT_QUESTION = "Which finding is present in this image?"
ABSENT_QUESTION = "Which finding is absent from this image?"
TRUE_QUESTION = "Which statement is true of this image?"
REPORT_QUESTION = "Which report describes this image?"
YES_NO = ("Yes", "No")


def ask_presence(ontology: Ontology, condition: str) -> str:
    """Return "Does this chest radiograph show a pleural effusion?"."""
    return f"Does this {ontology.subject.text} show {_with_article(ontology.condition_by_name[condition])}?"


def ask_absence(ontology: Ontology, condition: str) -> str:
    """Return "Is this chest radiograph free of any pleural effusion?"."""
    known = ontology.condition_by_name[condition]
    return f"Is this {ontology.subject.text} free of {'any ' if known.article else ''}{known.text}?"


def name_finding(ontology: Ontology, condition: str) -> str:
    """Return "Pleural effusion"."""
    text = ontology.condition_by_name[condition].text
    return text[0].upper() + text[1:]


def deny_finding(ontology: Ontology, condition: str) -> str:
    """Return "No pleural effusion"."""
    return f"No {ontology.condition_by_name[condition].text}"


def state_finding(ontology: Ontology, condition: str, present: bool) -> str:
    """Return "There is a pleural effusion." or "There is no pleural effusion."."""
    known = ontology.condition_by_name[condition]
    verb = "are" if known.number == "plural" else "is"
    return f"There {verb} {_with_article(known) if present else 'no ' + known.text}."


def write_report(ontology: Ontology, findings: Sequence[tuple[str, bool]]) -> str:
    """Return one sentence a finding, in the given order."""
    return " ".join(state_finding(ontology, condition, present) for condition, present in findings)


def _with_article(condition: Condition) -> str:
    return f"{condition.article} {condition.text}" if condition.article else condition.text
