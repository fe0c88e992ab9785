"""How a language writes its words: accents, inflection, small words that a phrase may lack.

A register says which of these its language has. Two texts that ``split`` gives the same words are the same
to the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from types import MappingProxyType

WORD = re.compile(
    r"\([+-]\)|\(?\d{1,2}\)(?=\s)|//+|e\.g\.?|i\.e\.?|(?:w/o|w/|r/o|h/o|and/or|c/w|b/l|s/p|a/w|d/t|r/t|n/a|d/c'?e?d)(?![^\W_])"
    r"|\?(?=[^\W\d_])|\d+(?:[.,]\d+)*|[^\W_]+(?:'[^\W_]+)?|(?<=\s)-+(?=[\s,;.])|[^\w\s'\"-]"
)
"""Words, numbers with their decimal point, and single marks; hyphens inside words are blanks."""
UNUSUAL = re.compile(r"[()/?]|\be\.g|\bi\.e")
PLAIN_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:'[^\W_]+)?|(?<=\s)-+(?=[\s,;.])|[^\w\s'\"-]")
"""The same for texts without unusual marks, faster."""
PLAINLY = str.maketrans(
    {
        **dict.fromkeys("\u2019\u2018", "'"),
        **dict.fromkeys("\u2010\u2011", "-"),
        **dict.fromkeys("\u00a0_*`#", " "),
    }
)
_ACCENTS = dict(zip("áàâäãåçéèêëíìîïñóòôöõúùûüý", "aaaaaaceeeeiiiinooooouuuuy", strict=True))
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SHORT = 4
_LONGEST = 60
"""Letters of a word; what is longer is none, and would take the stemmer long."""
_MOST = 50_000
"""Words whose stems are kept."""


class Spelling:
    """What makes two spellings of a word the same in a language.

    Args:
        fold_accents: whether accents don't matter.
        stem: Snowball's name of the language, where words are compared by their stems.
        unstemmed: words that keep their ending, since another word's stem would hide them.
        skip: small words that phrases may hold or lack.
        abbreviations: word -> what it is short for.
        plurals: (pattern, replacement) of the plural of a phrase; the first that is found counts.
        respell: (pattern, replacement) from other spellings to the common one, all applied in turn.
    """

    def __init__(
        self,
        fold_accents: bool = False,
        stem: str | None = None,
        unstemmed: Sequence[str] = (),
        skip: Sequence[str] = (),
        abbreviations: Mapping[str, str] = MappingProxyType({}),
        plurals: Sequence[tuple[str, str]] = (),
        respell: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._plurals = [(re.compile(old), new) for old, new in plurals]
        self._respell = [(re.compile(old), new) for old, new in respell]
        self._table = PLAINLY | (str.maketrans(_ACCENTS) if fold_accents else {})
        long = {a.translate(self._table): w.translate(self._table) for a, w in abbreviations.items()}
        self.reduces = bool(stem or skip or abbreviations)
        """Whether words are anything else than themselves in lower case."""
        kept = {w.translate(self._table) for w in unstemmed}
        small = {w.translate(self._table) for w in skip}
        reduce = _make_stemmer(stem) if stem else str

        @lru_cache(maxsize=_MOST)
        def key(word: str) -> str:
            word = long.get(word, word)
            return "" if word in small else word if word in kept else reduce(word)

        self.key: Callable[[str], str] = key
        """Return what a plain word is compared by; nothing for a small word."""

    def flatten(self, text: str) -> str:
        """Return a text in lower case, with plain marks and maybe without accents, and of the same length."""
        plain = text.lower()
        if len(plain) != len(text):
            plain = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        return plain.translate(self._table)

    def split(self, phrase: str) -> list[str]:
        """Return the words of a phrase as the reader compares them."""
        words = WORD.findall(self.flatten(phrase))
        return [k for w in words if (k := self.key(w))] if self.reduces else words

    def join(self, phrase: str) -> str:
        """Return a phrase's words with blanks between."""
        return " ".join(self.split(phrase))

    def list_forms(self, phrase: str) -> tuple[str, ...]:
        """Return a phrase's words, joined, and their regular plural."""
        said = self.join(phrase)
        for pattern, new in self._plurals:
            if pattern.search(said):
                return said, pattern.sub(new, said)
        return (said,)

    def respell(self, word: str) -> str:
        """Return a word's common spelling; short words are left alone."""
        if len(word) > _SHORT:
            for pattern, new in self._respell:
                word = pattern.sub(new, word)
        return word


def _make_stemmer(language: str) -> Callable[[str], str]:
    """Return a stemmer that is applied until nothing changes, so that a stem has itself as its stem."""
    import snowballstemmer

    once = snowballstemmer.stemmer(language).stemWord

    def stem(word: str) -> str:
        if len(word) > _LONGEST:
            return word
        while (shorter := once(word)) != word:
            word = shorter
        return word

    return stem


def expand(phrases: Sequence[str]) -> tuple[str, ...]:
    """Write out the alternatives of phrases: "right (lung|) base" is "right lung base" and "right base"."""
    out: list[str] = []
    for phrase in phrases:
        parts = _CHOICE.split(phrase)
        options = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
        out += dict.fromkeys(" ".join("".join(choice).split()) for choice in product(*options))
    return tuple(out)
