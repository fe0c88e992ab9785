"""The reader's public face: ``nastdata.parse`` and ``nastdata.check_caption``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, get_args

from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.caption_gate import check_fact
from nastdata.reading.language.detect import find_language
from nastdata.reading.parse import Reading, get_parser
from nastdata.reading.register import list_registers, load_register
from nastdata.records import Denial, Existence, Fact, Unread

LANGUAGE, NO_REGISTER = "language: ", ", which has no register"
"""Around a language's name in the reason why a text is unread as a whole."""


LONGEST, LONGEST_SENTENCE = 200_000, 5_000
"""Characters; real reports have some thousand, real sentences some hundred."""
_ENDS = re.compile(r"[.\n?!;]")
_DEFAULT = "chest_xray"
_load_default = cache(partial(load_ontology, _DEFAULT))


def parse(
    text: str, report: bool = False, *, ontology: str | Ontology = _DEFAULT, language: str | None = None
) -> Reading:
    """Read a sentence or a report into facts.

    Args:
        text: A phrase, a sentence or a whole report; line breaks are kept.
        report: Resolve contradictions as a report's reader does: a later statement counts more than an
            earlier one, and IMPRESSION more than all. Without it, present beats uncertain beats absent.
        ontology: Whose findings, places and grades to read: a built-in name, a YAML file, or an ontology.
        language: Register to read with ("english" or its code "en"); None finds the language out.

    Returns:
        The reading. Its ``labels`` are condition -> 1 present, 0 absent, -1 uncertain. What isn't understood
        is in ``unread`` and nowhere else. A text in a language without a register is unread as a whole.

    Raises:
        UserError: if there is no such ontology or register.
    """
    known = _load(ontology)
    if (reason := find_excess(text)) is not None:
        return Reading(text, {}, (), (), (), (), (Unread(0, len(text), text, reason),), None)
    if language is None:
        found = find_language(text, known)
        if found.register is None:
            whole = Unread(0, len(text), text, f"{LANGUAGE}{found.name}{NO_REGISTER}")
            return Reading(text, {}, (), (), (), (), (whole,), None)
        name = found.register
    else:
        name = _find_register(language)
    return get_parser(known, name).parse(text, report=report)


def _load(ontology: str | Ontology) -> Ontology:
    if isinstance(ontology, Ontology):
        return ontology
    return _load_default() if ontology == _DEFAULT else load_ontology(ontology)


def find_excess(text: str) -> str | None:
    """Return why a text is no report or sentence by its length, or None: reading would take for ever."""
    if len(text) > LONGEST:
        return f"longer than {LONGEST:,} characters, which no report is"
    if len(text) > LONGEST_SENTENCE and max(map(len, _ENDS.split(text))) > LONGEST_SENTENCE:
        return f"a sentence of more than {LONGEST_SENTENCE:,} characters"
    return None


def is_other_language(reading: Reading) -> bool:
    """Whether a text is unread as a whole since no register reads its language.

    The language of what a model has read isn't known; it is read all the same.
    """
    return any(u.reason.startswith(LANGUAGE) and u.reason.endswith(NO_REGISTER) for u in reading.unread)


def name_language(reading: Reading) -> str | None:
    """Return the name of the language that a text is unread for; None if it was read."""
    reasons = (u.reason for u in reading.unread)
    found = [r for r in reasons if r.startswith(LANGUAGE) and r.endswith(NO_REGISTER)]
    return (found[0].removeprefix(LANGUAGE).removesuffix(NO_REGISTER) or None) if found else None


def check_caption(
    text: str,
    fact: Fact | Mapping[str, str | None],
    *,
    ontology: str | Ontology = _DEFAULT,
) -> str | None:
    """Return None if a sentence says exactly one fact, else the reason why it doesn't.

    Args:
        text: One sentence.
        fact: ``condition``, ``existence`` ("present", "absent"), ``location``, ``severity``, and optionally
            ``denies`` ("location", "severity"): the finding is present and that attribute is denied.
        ontology: As for ``parse``.

    Raises:
        UserError: if the fact names a condition, a place or a value that there is not.
    """
    known = _load(ontology)
    wanted = fact if isinstance(fact, Fact) else _build_fact(fact, known)
    return check_fact(get_parser(known).parse(text), wanted, known)


def _build_fact(fact: Mapping[str, str | None], ontology: Ontology) -> Fact:
    condition: Any = fact.get("condition")
    existence: Any = fact.get("existence")
    denies: Any = fact.get("denies")
    if condition not in ontology.condition_by_name:
        raise UserError(f"no condition '{condition}'", where="fact", how="use a name of the ontology")
    if existence not in get_args(Existence):
        raise UserError(f"existence is '{existence}'", where="fact", how="use present or absent")
    if denies is not None and denies not in get_args(Denial):
        raise UserError(f"denies is '{denies}'", where="fact", how="use location or severity")
    location = fact.get("location")
    if location is not None and location not in ontology.place_by_name:
        raise UserError(f"no place '{location}'", where="fact", how="use a name of the ontology")
    return Fact(condition, existence, location, fact.get("severity"), denies)


def _find_register(language: str) -> str:
    names = list_registers()
    if language in names:
        return language
    for name in names:
        if load_register(name).language == language:
            return name
    raise UserError("no register for this language", where=language, how=f"known: {', '.join(names)}")


__all__ = ["Reading", "check_caption", "parse"]
