"""In which language a text is written.

A report's language shows in its small words ("kein", "pas", "sin"), in letters that only one language uses,
and in the words that a register knows. Short texts decide on little: "Kein Pneumothorax." is German by one
word, and "derram pleural" is Spanish since the Spanish register knows both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from nastdata.ontology import Ontology
from nastdata.reading.language.spelling import WORD
from nastdata.reading.register import DEFAULT, LOADER, Register, list_registers, load_register
from nastdata.reading.vocabulary import build_vocabulary

_WORD = re.compile(r"[^\W\d_]{2,}(?:'[^\W\d_]+)?|[^\W\d_](?=')|(?<!/)\b[yoeéèàø]\b(?!/)")
_BEGINNING = 4000
"""Characters that are looked at."""
_KNOWN = 0.4
"""Weight of a word that a register knows, beside 1 of a small word."""
_LEAN = 0.01
"""Of the default language, where nothing else decides."""
_MOST = 50_000
"""Words whose weights are kept."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language and the register that reads it."""

    name: str
    register: str | None
    """None if there is no register for it."""


class LanguageFinder:
    """Finds out languages, among those of the registers and ``others.yaml``.

    Args:
        ontology: Its names, too, show a language.
    """

    def __init__(self, ontology: Ontology) -> None:
        self._default = Language("", None)
        small: dict[Language, frozenset[str]] = {}
        self._letters: dict[str, list[Language]] = {}
        self._registers: dict[Language, tuple[Register, frozenset[str]]] = {}
        for name in list_registers():
            register = load_register(name)
            language = Language(register.name, name)
            if name == DEFAULT:
                self._default = language
            small[language] = frozenset(map(str.lower, register.detect))
            self._registers[language] = register, frozenset(_list_words(register, ontology))
        for name, marks in _load_others().items():
            if any(language.name == name for language in small):
                continue
            language = Language(name, None)
            small[language] = frozenset(marks["words"])
            for letter in "".join(marks.get("letters", ())):
                self._letters.setdefault(letter, []).append(language)
        self._small = small
        self._languages = sorted(small, key=lambda language: language != self._default)
        """The default language first: of equal scores the first counts."""
        self._known: dict[str, tuple[tuple[int, float], ...]] = {}
        """Word -> its weights, of the words met so far."""

    def find(self, text: str) -> Language:
        """Return the language that most of a text's words belong to; English if nothing shows."""
        beginning = text[:_BEGINNING].lower()
        if not beginning.isascii() and (script := _find_script(beginning)):
            return Language(f"{script} script", None)
        score = [0.0] * len(self._languages)
        score[0] = _LEAN
        known = self._known
        for word in _WORD.findall(beginning):
            weights = known.get(word)
            if weights is None:
                weights = self._weigh(word)
            for language, weight in weights:
                score[language] += weight
        return self._languages[score.index(max(score))]

    def _weigh(self, word: str) -> tuple[tuple[int, float], ...]:
        if len(self._known) >= _MOST:
            self._known.clear()
        weights = self._known[word] = self._weigh_word(word)
        return weights

    def _weigh_word(self, word: str) -> tuple[tuple[int, float], ...]:
        """Return the numbers of the languages that a word belongs to, with its weights.

        The registers that have it share it, and all languages without a register count as one: alike as
        they are, it doesn't matter which of them it is.
        """
        small = [language for language, words in self._small.items() if word in words]
        known = [
            language
            for language, (register, words) in self._registers.items()
            if language not in small and register.spelling.join(word) in words
        ]
        others = any(language.register is None for language in small)
        read = sum(language.register is not None for language in small) + len(known)
        share = 1 / max(1, read + others)
        out = dict.fromkeys(small, share) | dict.fromkeys(known, share * _KNOWN)
        for letter in set(word) & set(self._letters):
            for language in self._letters[letter]:
                out[language] = out.get(language, 0.0) + 1 / len(self._letters[letter])
        return tuple((self._languages.index(language), weight) for language, weight in out.items())


def _list_words(register: Register, ontology: Ontology) -> Iterator[str]:
    """Return the words that a register knows, as it compares them."""
    vocabulary = build_vocabulary(ontology, register)
    groups = [*vocabulary.conditions.values(), *vocabulary.alternatives.values(), *vocabulary.places.values()]
    groups += [p.subjects + p.adjectives for p in vocabulary.predicates]
    groups += [tuple(words) for words in vocabulary.grades.values()]
    groups += [vocabulary.others, vocabulary.own, register.detect, *(cue.words for cue in register.cues)]
    text = register.spelling.flatten("\n".join(phrase for phrases in groups for phrase in phrases))
    yield from filter(None, map(register.spelling.key, set(WORD.findall(text))))


def _load_others() -> dict[str, dict[str, list[str]]]:
    path = Path(__file__).resolve().parent / "others.yaml"
    others: dict[str, dict[str, list[str]]] = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506
    return others


def _find_script(text: str) -> str | None:
    """Return the script of most letters of a text if it isn't Latin: "Cyrillic", "CJK"."""
    count: dict[str, int] = {}
    for c in text:
        if c.isalpha():
            script = "Latin" if c < "\u0250" else unicodedata.name(c, "unknown").split()[0].capitalize()
            count[script] = count.get(script, 0) + 1
    most = max(count, key=lambda x: count[x], default="Latin")
    return None if most == "Latin" else "CJK" if most == "Cjk" else most


_FINDERS: list[tuple[Ontology, LanguageFinder]] = []


def find_language(text: str, ontology: Ontology) -> Language:
    """Return a text's language; its ``register`` is None if no register reads it."""
    for known, finder in _FINDERS:
        if known is ontology:
            return finder.find(text)
    finder = LanguageFinder(ontology)
    _FINDERS.append((ontology, finder))
    del _FINDERS[:-8]
    return finder.find(text)
