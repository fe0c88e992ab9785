"""What language models leave around an answer, and what doesn't belong into a plain sentence."""

from __future__ import annotations

import re
import unicodedata

_ODD = re.compile(r"[^\w -~]")
"""Neither plain ASCII nor a letter of any script; letters that belong to no word are refused as words."""
_CHATTER = re.compile(
    r"^\W*(sure|certainly|of course|okay|ok|absolutely|great|here(?:'s| is| are)\b.*:|here you go|as an ai\b"
    r"|i'm sorry|sorry|i (?:can|cannot|can't|am|apologi[sz]e|hope|will|have)\b|let me\b|please\b|thank"
    r"|the (?:following|rewritten|revised|corrected)\b"
    r"|(?:note|answer|output|response|result|caption|sentence|statement|option|negated|affirmative|rewritten"
    r"|corrected|explanation|claim)\s*(?:[a-d\d])?\s*:)",
    re.IGNORECASE,
)
_CHATTER_INSIDE = re.compile(
    r"\b(as an ai|language model|let me know|hope this helps|note that|please note|rewritten|the user"
    r"|this sentence|the prompt|in other words|the statement (?:is|says|means|above|below)|caption)\b"
    r"|\(note\b|<[^>]{0,40}>|\bhttps?:",
    re.IGNORECASE,
)
_NUMBERING = re.compile(r"^\s*(?:\(?\d{1,3}[.):]\s|\(?[A-Da-d][.):]\s|[-*\u2022+>]\s)")
_MARKDOWN = re.compile(r"[*`#|~^\\{}\[\]]|__|\$")
_QUOTES = re.compile("[\"\u201c\u201d\u00ab\u00bb]|^'|'$|'\\.$")
_STAMMER = re.compile(r"\b([^\W\d_]+)\s+\1\b", re.IGNORECASE)
_PUNCTUATION = re.compile(r"\s[,.;:]|[,;:][,.;:]|\.\.|,$")


def find_debris(text: str, *, end: str = ".") -> str | None:
    """Return what is wrong with the form of a sentence, or None.

    Args:
        text: One sentence.
        end: The mark that it has to end with.
    """
    odd = next((m for m in _ODD.finditer(text) if unicodedata.category(m.group()[0])[0] != "M"), None)
    if not text.strip():
        return "empty text"
    if odd:
        return (
            "line break"
            if odd.group() in "\n\r"
            else f"character {odd.group()!r} is neither plain ASCII nor a letter"
        )
    if found := _CHATTER.search(text) or _CHATTER_INSIDE.search(text):
        return f"debris '{found.group().strip()}'"
    if found := _NUMBERING.search(text):
        return f"leading '{found.group().strip()}'"
    if found := _MARKDOWN.search(text):
        return f"markup '{found.group()}'"
    if _QUOTES.search(text):
        return "quotation marks"
    if found := _STAMMER.search(text):
        return f"repeated word '{found.group(1)}'"
    if text != text.strip() or "  " in text or _PUNCTUATION.search(text):
        return "stray blanks or punctuation"
    if not text.endswith(end):
        return f"does not end with '{end}'"
    return None
