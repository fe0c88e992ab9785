"""In which language a text is written, by its small words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from nastdata.reading.register import DEFAULT, LOADER, list_registers, load_register

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ENOUGH = 0.9
"""Least score of another language: a word that no other language has, or a few that some share."""
_BEGINNING = 4000
"""Characters that are looked at."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language and the register that reads it."""

    name: str
    register: str | None
    """None if there is no register for it."""


@lru_cache(maxsize=1)
def _load() -> tuple[dict[str, tuple[tuple[Language, float], ...]], Language]:
    """Return word -> the languages that have it with its weight in each, and the default language."""
    path = Path(__file__).resolve().parent / "other_languages.yaml"
    others: dict[str, list[str]] = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506
    words: dict[Language, set[str]] = {}
    default = Language("", None)
    for name in list_registers():
        register = load_register(name)
        language = Language(register.name, name)
        if name == DEFAULT:
            default = language
        words[language] = {w.lower() for w in register.detect}
        others.pop(register.name, None)
    for name, small in others.items():
        words[Language(name, None)] = {w.lower() for w in small}
    by_word: dict[str, list[Language]] = {}
    for language, small_words in words.items():
        for w in sorted(small_words):
            by_word.setdefault(w, []).append(language)
    return {w: tuple((x, 1 / len(ls)) for x in ls) for w, ls in by_word.items()}, default


def find_language(text: str) -> Language:
    """Return the language that most of a text's small words belong to; English if there are none.

    A word that several languages have counts for each of them in part.
    """
    by_word, default = _load()
    score: dict[Language, float] = {default: 0.01}
    for m in _WORD.findall(text[:_BEGINNING].lower()):
        for language, weight in by_word.get(m, ()):
            score[language] = score.get(language, 0.0) + weight
    best = max(score, key=lambda x: score[x])
    return best if score[best] >= _ENOUGH and score[best] > 1.5 * score[default] else default
