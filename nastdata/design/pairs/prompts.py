"""The retrieval prompts of CON (arXiv 2512.17121): 99 ways to say that one finding is there, or is not.

Structured prompts are the key-value and telegraphic forms of templates and headings; natural ones are
sentences. ``{t}`` is the finding, ``{a}`` and ``{A}`` the finding with its article, ``{is}`` its
verb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nastdata.ontology import Ontology

Style = Literal["structured", "natural"]
Polarity = Literal["positive", "negative"]

PATTERNS: dict[tuple[Style, Polarity], tuple[str, ...]] = {
    ("structured", "positive"): (
        *("{t}", "{t}: present", "{t}: yes", "{t}: positive", "{t}: seen", "{t}: noted"),
        *("{t} present", "{t} seen", "{t} noted", "{t} (present)", "{t}: identified", "{t} - present"),
        *("positive for {t}", "evidence of {t}", "signs of {t}", "with {t}"),
        *(
            "Findings: {t}",
            "Findings: {t} present",
            "Findings: positive for {t}",
            "Findings: evidence of {t}",
        ),
        *("Impression: {t}", "Impression: {t} present", "Impression: positive for {t}"),
        "Impression: signs of {t}",
    ),
    ("structured", "negative"): (
        *(
            "no {t}",
            "{t}: absent",
            "{t}: no",
            "{t}: negative",
            "{t}: none",
            "{t}: not seen",
            "{t}: not present",
        ),
        *(
            "{t} absent",
            "{t} not seen",
            "{t} (absent)",
            "{t}: not identified",
            "{t} - absent",
            "negative for {t}",
        ),
        *("no evidence of {t}", "no signs of {t}", "without {t}", "absence of {t}", "free of {t}"),
        *("Findings: no {t}", "Findings: {t} absent", "Findings: negative for {t}"),
        *("Impression: no {t}", "Impression: {t} absent", "Impression: no evidence of {t}"),
        "Impression: negative for {t}",
    ),
    ("natural", "positive"): (
        *("There {is} {a}.", "There {is} evidence of {a}.", "{A} {is} identified.", "{A} {is} present."),
        *("{A} {is} seen.", "{A} {is} noted.", "{A} {is} evident.", "{A} {is} visible."),
        *("The {s} shows {a}.", "The {s} demonstrates {a}.", "The {s} reveals {a}.", "This {s} shows {a}."),
        *("This {s} is positive for {t}.", "The {s} shows evidence of {a}.", "The {s} shows signs of {a}."),
        *("The patient has {a}.", "The image shows {a}.", "The image shows evidence of {a}."),
        *("Evidence of {a} is seen.", "Signs of {a} are seen.", "Evidence of {a} is present."),
        *("The {s} is positive for {t}.", "There {is} {a} on this {s}.", "Findings show {a}."),
        "We see {a}.",
    ),
    ("natural", "negative"): (
        *(
            "There {is} no {t}.",
            "There is no evidence of {a}.",
            "No {t} {is} identified.",
            "No {t} {is} present.",
        ),
        *("No {t} {is} seen.", "No {t} {is} noted.", "No {t} {is} evident.", "{A} {is} not seen."),
        *("The {s} shows no {t}.", "The {s} demonstrates no {t}.", "The {s} reveals no {t}."),
        *("This {s} shows no {t}.", "This {s} is negative for {t}.", "The {s} shows no evidence of {a}."),
        *("The {s} shows no signs of {a}.", "The patient has no {t}.", "The image shows no {t}."),
        *("The image shows no evidence of {a}.", "No evidence of {a} is seen.", "No signs of {a} are seen."),
        *("{A} {is} absent.", "The {s} is negative for {t}.", "There {is} no {t} on this {s}."),
        *("The {s} is free of {t}.", "We see no {t}."),
    ),
}
"""24 + 25 + 25 + 25 patterns."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt about one condition."""

    condition: str
    text: str
    style: Style
    polarity: Polarity


def retrieval_prompts(ontology: Ontology, condition: str) -> list[Prompt]:
    """Return the 99 prompts of a condition, structured before natural, positive before negative.

    Raises:
        KeyError: if the ontology has no such condition.
    """
    c = ontology.condition_by_name[condition]
    plural = c.number == "plural"
    named = f"{c.article} {c.text}" if c.article else c.text
    words = {
        "t": c.text,
        "a": named,
        "A": named[0].upper() + named[1:],
        "s": ontology.subject.text,
        "is": "are" if plural else "is",
    }
    return [
        Prompt(condition, pattern.format_map(words), style, polarity)
        for (style, polarity), patterns in PATTERNS.items()
        for pattern in patterns
    ]
