"""Faults of form in captions of others. None of them says anything about what is true."""

from __future__ import annotations

import re

from nastdata.ontology import Ontology

STYLE = {
    "blank": "there is no text",
    "no full stop": "the text does not end with a full stop",
    "doubled space": "two spaces in a row inside a line",
    "stray punctuation": "a space before, or two in a row: ' .', ',,', '..'",
    "repeated word": "the same word twice in a row",
    "lower-case start": "the first letter is lower case",
    "agreement": "verb or article do not agree with the noun: 'There is effusions', 'a opacities'",
    "chatter": "words to the reader around the text: 'Sure, here is the report:'",
    "markup": "Markdown, HTML or special tokens: '**', '<unk>', '</s>'",
    "placeholder": "a redaction or a slot that was left: '___', 'XXXX', '[side]'",
    "odd character": "control characters, or characters that no report uses",
    "repeated sentence": "the same sentence twice",
}
"""Fault -> what it means, in the order in which they are reported."""

_CHATTER = re.compile(
    r"^\W*(sure|certainly|of course|okay|here(?:'s| is| are)\b[^.]{0,60}:|as an ai\b|i'm sorry|sorry\b"
    r"|i (?:cannot|can't|am unable)\b)|\b(language model|hope this helps|let me know if|please consult)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"\*\*|^#+ |```|</?[a-z_|]{1,12}/?>|<\|[^>]*\|>|\[(?:PAD|CLS|SEP|UNK|MASK)\]", re.I | re.M
)
_PLACEHOLDER = re.compile(r"_{2,}|\bX{3,}\b|\[[A-Za-z _]{2,30}\]|\{[A-Za-z _]{2,30}\}")
_REPEATED = re.compile(r"\b(?!X+\b)([A-Za-z]{2,})\s+\1\b", re.IGNORECASE)
_STRAY = re.compile(r"[^\S\n][,.;:!?](?!\d)|[,;:][,.;:]|(?<!\.)\.\.(?!\.)|,\s*$")
_ODD = re.compile("[^\t\n\r -~\u00a0-\u024f\u2010-\u2026\u00b0\u00b1\u2032\u2033]")
_ANY = re.compile(r"[.!?][\"')\]]*\s*$")


def find_faults(text: str, ontology: Ontology) -> tuple[str, ...]:
    """Return the faults of form of a text, each once, in the order of ``STYLE``."""
    bare = text.strip()
    if not bare:
        return ("blank",)
    first = next((c for c in bare if c.isalpha()), "")
    sentences = [s.strip().lower() for s in re.split(r"(?<=[.!?])\s+", bare) if len(s.split()) > 2]
    held = {
        "no full stop": not _ANY.search(bare),
        "doubled space": re.search(r"\S[^\S\n]{2,}\S", bare) is not None,
        "stray punctuation": _STRAY.search(bare) is not None,
        "repeated word": _REPEATED.search(bare) is not None,
        "lower-case start": first.islower(),
        "agreement": disagrees(bare, ontology),
        "chatter": _CHATTER.search(bare) is not None,
        "markup": _MARKUP.search(bare) is not None,
        "placeholder": _PLACEHOLDER.search(bare) is not None,
        "odd character": _ODD.search(bare) is not None,
        "repeated sentence": len(set(sentences)) < len(sentences),
    }
    return tuple(fault for fault, is_so in held.items() if is_so)


def disagrees(text: str, ontology: Ontology) -> bool:
    """Whether a verb or an article beside a finding has the wrong number."""
    kept = _KEPT.get(ontology.fingerprint)
    if kept is None:
        kept = _KEPT[ontology.fingerprint] = _make_pattern(_list_nouns(ontology))
    return kept.search(text) is not None


_KEPT: dict[str, re.Pattern[str]] = {}


def _list_nouns(ontology: Ontology) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the singular and the plural names of findings, those whose number is certain."""
    plural, singular = set[str](), set[str]()
    for c in ontology.conditions:
        for name in (c.text, *c.synonyms):
            word = name.lower()
            last = word.split()[-1]
            if c.text == name and c.number == "plural":
                plural.add(word)
            elif re.search(r"(?:[^siu]s|ies|asses|sses)$", last) and last.removesuffix("s") + "s" == last:
                plural.add(word)
            elif not last.endswith("s") or last.endswith(("ss", "sis", "is", "us")):
                singular.add(word)
    return tuple(sorted(singular)), tuple(sorted(plural))


def _make_pattern(nouns: tuple[tuple[str, ...], tuple[str, ...]]) -> re.Pattern[str]:
    singular, plural = ("|".join(map(re.escape, sorted(n, key=len, reverse=True))) for n in nouns)
    words = "no|left|right|bilateral|small|moderate|large|mild|severe|new|acute|focal|lower|upper|lobe"
    adjective = rf"(?:(?:{words})\s+)*"
    end = r"(?![\w-])(?!\s+(?:or|and|of)\b)(?!,)"
    parts = [
        rf"\bthere\s+(?:is|was)\s+{adjective}(?:{plural}){end}",
        rf"\bthere\s+(?:are|were)\s+{adjective}(?:{singular}){end}",
        rf"(?:^|[.\n]\s*)(?:no\s+)?(?:{plural})\s+(?:is|was|has)\b",
        rf"\b(?:a|an)\s+(?:(?:left|right|small|large|mild|new)\s+)*(?:{plural}){end}",
    ]
    return re.compile("|".join(p for p in parts if "(?:)" not in p), re.IGNORECASE)
