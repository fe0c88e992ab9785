"""A reader of English for tests: what is ill-formed in a sentence, told from regular expressions alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nastdata.ontology import Ontology, Phrase

NEGATIONS = re.compile(
    r"\b(no|not|nor|none|neither|never|without|absent|absence|free of|lack\w*|devoid|negative|clear of|"
    r"n't|cannot|except|denies|minus|ruled out|excluded)\b",
    re.IGNORECASE,
)


FORM = {
    "double blank": r"  ",
    "blank before a mark": r" [,;.:]",
    "doubled mark": r"[,;.:]\s*[,;.:]",
    "no capital at the start": r"^[^A-Z]",
    "no capital after a full stop": r"\. [^A-Z]",
    "no full stop at the end": r"[^.]$",
    "open slot or bracket": r"[{}\[\]|]",
    "a word twice": r"\b(\w+) \1\b",
    "'a' before a vowel": r"\b[Aa] [aeio]",
    "'an' before a consonant": r"\b[Aa]n [^aeiou]",
    "two articles": r"\b(a|an|the|no) (a|an|the)\b",
    "article after a bare cue": r"\b(without|absence of|free of|lacking|lacks) (a|an)\b",
}


def find_faults(text: str, ontology: Ontology) -> list[str]:
    """Return what is wrong with the sentence's form."""
    return [name for name, pattern in _patterns(ontology.fingerprint, ontology) if pattern.search(text)]


_KEPT: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


def _patterns(key: str, ontology: Ontology) -> list[tuple[str, re.Pattern[str]]]:
    if key not in _KEPT:
        phrases: list[Phrase] = [p for c in ontology.conditions for p in (c, *c.affirmative)]
        many = _any(p for p in phrases if p.number == "plural")
        one = _any(p for p in phrases if p.number == "singular")
        mass = _any(p for p in phrases if p.number == "singular" and p.article is None)
        count = _any(p for p in phrases if p.article)
        agreement = {
            "plural with 'is'": rf"(?<!of )\b{many} is\b",
            "'there is' with a plural": rf"\bthere is (no )?{many}\b",
            "article before a plural": rf"\b(a|an) {many}\b",
            # in a list ("A and B are") the verb is the list's
            "singular with 'are'": rf"(?<!\band )(?<!\band a )(?<!\band an )\b{one} are\b",
            "'there are' with a singular": rf"\bthere are (no |a |an )?{one}\b",
            "article before a mass noun": rf"\b(a|an) {mass}\b",
            "no article after 'there is'": rf"\bthere is {count}\b",
            "no article before a verb": (
                rf"(?:^|[.;,] |\b(?:and|while|whereas|although|but|yet|however,|nor|neither) ){count}"
                rf"(?: (?:and|nor) [a-z -]+)? (?:is|are)\b(?! of)"
            ),
            "a place after a comma": r"\b(?:is|are) [a-z]+, (?:in|at|on) ",
        }
        _KEPT[key] = [(name, re.compile(p)) for name, p in FORM.items()]
        _KEPT[key] += [(name, re.compile(p, re.IGNORECASE)) for name, p in agreement.items()]
    return _KEPT[key]


def _any(phrases: Iterable[Phrase]) -> str:
    return f"({'|'.join(sorted({re.escape(p.text) for p in phrases}, key=len, reverse=True))})"
