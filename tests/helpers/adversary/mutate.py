"""One word too many or too few: an honest sentence that no longer says its fact."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from adversary.clauses import Sentence

DANGEROUS = (
    *("not", "no", "never", "hardly", "scarcely", "barely", "without", "except", "nor", "neither", "unless"),
    *("previously", "formerly", "possibly", "perhaps", "probably", "allegedly", "almost", "nearly"),
    *("unlikely", "resolved", "former", "denied", "excluded", "false", "rather than", "instead of"),
    *("history of", "no longer", "other than", "new", "old", "bilateral", "and", "or", "if", "apart from"),
    *("pneumomediastinum", "zorbic"),
)
"""Words that, put anywhere into a sentence, make it say another thing, or nothing."""
DENIALS = {
    "no",
    "not",
    "without",
    "neither",
    "absent",
    "isn't",
    "aren't",
    "doesn't",
    "cannot",
    "nowhere",
    "nor",
}


def insert_word(rng: random.Random, sentence: Sentence) -> tuple[str, str]:
    """The sentence with a dangerous word put in somewhere, and that word."""
    words = sentence.text.split(" ")
    text = sentence.text.lower()
    skipped = {"bilateral"} if re.search("both |bilateral|bibasilar|biapical", text) else set()
    word = rng.choice([w for w in DANGEROUS if w not in skipped and w not in text.split()])
    at = rng.randrange(len(words) + 1)
    if at == 0 and words[0] != "I":
        words[0] = words[0][0].lower() + words[0][1:]
    text = " ".join([*words[:at], word, *words[at:]])
    if at == len(words):
        text = f"{sentence.text.rstrip('.')} {word}."
    return text[0].upper() + text[1:], word


def drop_denials(sentence: Sentence) -> Iterator[str]:
    """The sentence without one of its words of denial; nothing for a sentence that has none."""
    words = sentence.text.split(" ")
    for at, word in enumerate(words):
        if word.lower().strip(".,") in DENIALS:
            left = " ".join([*words[:at], *words[at + 1 :]])
            yield left[0].upper() + left[1:]
