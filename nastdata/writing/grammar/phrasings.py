"""Cues of presence and absence, by the kind of sentence that they stand in.

Slots: ``{x}`` the condition, ``{X}`` with its article, ``{be}`` its verb; ``{a}`` its affirmative
alternative (with article), ``{abe}`` that one's verb. Brackets as in ``pieces``.

A cue with a verb takes the noun's article ("an effusion is seen"); one without, in the style of headings,
none ("effusion seen"). Where conditions are joined by commas, only cues that follow the condition are used
("edema absent"): after "no cardiomegaly, ..." a reader would carry the "no" on to the next item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "after", "fragment", "clause", "existential", "sentence", "with", "phrase", "predicate", "group"
]

SEEN = ("noted", "seen", "evident", "visible", "identified", "present")
"""How a finding is said to be there; also what an absent one is not."""


@dataclass(frozen=True, slots=True)
class Cues:
    """The ways in which one kind of segment says that a condition is there, or isn't."""

    present: tuple[str, ...]
    absent: tuple[str, ...]


_AFTER = Cues(
    present=tuple(f"{{x}} {v}" for v in (*SEEN, "demonstrated", "in evidence")),
    absent=(
        "[{x} absent|{a} seen]",
        "[{x} absent|{a} present]",
        "[{x} not seen|{a} seen]",
        "[{x} not identified|{a} identified]",
        "[{x} not present|{a} present]",
        "[{x} not evident|{a} evident]",
        "[{x} not visible|{a} visible]",
        "[{x} not demonstrated|{a} demonstrated]",
        "[{x} not noted|{a} noted]",
    ),
)

_FRAGMENT = Cues(
    present=(*_AFTER.present, "evidence of {x}", "presence of {x}", "positive for {x}"),
    absent=(
        *_AFTER.absent,
        "[no {x}|{a}]",
        "[no sign of {x}|{a}]",
        "[no evidence of {x}|{a}]",
        "[no {x} seen|{a} seen]",
        "[no {x} identified|{a} identified]",
        "[absence of {x}|presence of {a}]",
    ),
)

_CLAUSE = Cues(
    present=tuple(f"{{X}} {{be}} {v}" for v in (*SEEN, "demonstrated", "observed", "detected")),
    absent=(
        "[{X} {be} absent|{a} {abe} seen]",
        "[{X} {be} absent|{a} {abe} present]",
        "[{X} {be} not seen|{a} {abe} seen]",
        "[{X} {be} not present|{a} {abe} present]",
        "[{X} {be} not identified|{a} {abe} identified]",
        "[{X} {be} not evident|{a} {abe} evident]",
        "[{X} {be} not visible|{a} {abe} visible]",
        "[{X} {be} not demonstrated|{a} {abe} demonstrated]",
        "[{X} {be} not noted|{a} {abe} noted]",
        "[{X} {be} not detected|{a} {abe} noted]",
    ),
)

_EXISTENTIAL = Cues(
    present=("there {be} {X}", "there is evidence of {X}"),
    absent=(
        "there [{be} no {x}|{abe} {a}]",
        "there [is no evidence of {X}|{abe} {a}]",
        "there [is no sign of {X}|{abe} {a}]",
    ),
)

_SENTENCE = Cues(
    present=(*_CLAUSE.present, *_EXISTENTIAL.present, "evidence of {X} is seen", "evidence of {X} is noted"),
    absent=(
        *_CLAUSE.absent,
        *_EXISTENTIAL.absent,
        "[no {x} {be} seen|{a} {abe} seen]",
        "[no {x} {be} identified|{a} {abe} identified]",
        "[no {x} {be} present|{a} {abe} present]",
        "[no evidence of {X} is seen|{a} {abe} seen]",
    ),
)

_WITH = Cues(
    present=("with {x}", "with evidence of {x}"),
    absent=(
        "[without {x}|with {a}]",
        "[without evidence of {x}|with {a}]",
        "[with no {x}|with {a}]",
        "[with no sign of {x}|with {a}]",
        "[with no evidence of {x}|with {a}]",
    ),
)

_PHRASE = Cues(
    present=("with {x}", "showing {x}", "demonstrating {x}", "with evidence of {x}", "positive for {x}"),
    absent=(
        "[without {x}|with {a}]",
        "[without evidence of {x}|with {a}]",
        "[with no {x}|with {a}]",
        "[with no sign of {x}|with {a}]",
        "[with no evidence of {x}|with {a}]",
        "[free of {x}|showing {a}]",
        "[lacking {x}|showing {a}]",
        "[devoid of {x}|demonstrating {a}]",
        "[negative for {x}|showing {a}]",
        "[clear of {x}|demonstrating {a}]",
        "[showing no {x}|showing {a}]",
    ),
)

_PREDICATE = Cues(
    present=(
        "shows {X}",
        "demonstrates {X}",
        "reveals {X}",
        "is positive for {x}",
        "shows evidence of {X}",
        "displays {X}",
    ),
    absent=(
        "[shows no {x}|shows {a}]",
        "[demonstrates no {x}|demonstrates {a}]",
        "[reveals no {x}|reveals {a}]",
        "[is free of {x}|shows {a}]",
        "[is negative for {x}|demonstrates {a}]",
        "[lacks any {x}|shows {a}]",
        "[is devoid of {x}|reveals {a}]",
        "[shows no evidence of {X}|shows {a}]",
        "[shows no sign of {X}|shows {a}]",
        "[displays no {x}|displays {a}]",
    ),
)

CUES: dict[Kind, Cues] = {
    "after": _AFTER,
    "fragment": _FRAGMENT,
    "clause": _CLAUSE,
    "existential": _EXISTENTIAL,
    "sentence": _SENTENCE,
    "with": _WITH,
    "phrase": _PHRASE,
    "predicate": _PREDICATE,
    "group": Cues(present=SEEN, absent=SEEN),
}
