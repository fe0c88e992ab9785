"""The strict mode of the gate: is a caption a plain statement of one finding, and nothing else?

A register lists what captions may look like (``register.Captions``). Every word has to be known and licensed,
the whole caption has to be one of the listed statements, and number and article have to agree.
"""

from __future__ import annotations

import re
from functools import lru_cache

from nastdata.reading.kinds import SYMBOL, compile_pattern, symbols
from nastdata.reading.lexicon import Symbols
from nastdata.reading.register import Captions

_STOP = SYMBOL["full_stop"]
_CONDITION, _ARTICLE, _THERE_IS = SYMBOL["condition"], SYMBOL["article"], SYMBOL["there_is"]
_SIGN_OF, _SHOWS, _DENIAL = symbols("sign_of presence"), SYMBOL["shows"], SYMBOL["denial"]
_SUBJECTS_OF = frozenset(symbols("domain image shows with of"))
_SUBJECTS = symbols("domain image place subject")
_PREDICATED = symbols("subject place")
_IRREGULAR = frozenset(("bases", "apices", "hila", "vertebrae", "costae", "pleurae"))
_SINGULAR = frozenset(("is", "was", "has", "does", "there is", "there was", "there's", "has been"))
_PLURAL = frozenset(("are", "were", "have", "do", "there are", "there were", "have been"))
_NO_PLURAL = ("ss", "is", "us")


class CaptionGrammar:
    """A register's captions, compiled."""

    def __init__(self, captions: Captions) -> None:
        self._phrases = [(compile_pattern(p.pattern), SYMBOL[p.becomes]) for p in captions.phrases]
        self._statements = [
            (s.says, compile_pattern(f"{captions.lead} ({s.pattern}) end")) for s in captions.statements
        ]
        self._judge = lru_cache(maxsize=65_536)(self._match)

    def explain(self, text: str, read: Symbols, says: str) -> str | None:
        """Return why a caption isn't a plain statement of this sort, or None.

        Args:
            text: The caption.
            read: Its symbols, with their finer kinds.
            says: "present", "absent" or "denied".
        """
        kinds = read.kinds.strip(_STOP)
        if _STOP in kinds:
            return "more than one sentence"
        if says not in self._judge(kinds):
            return (
                f"not a plain statement that it is {says}" if says != "denied" else "not a plain denial of it"
            )
        return _check_agreement(text, read)

    def _match(self, kinds: str) -> frozenset[str]:
        """Return what a caption of these kinds may say."""
        for pattern, symbol in self._phrases:
            kinds = pattern.sub(symbol, kinds)
        return frozenset(says for says, pattern in self._statements if pattern.match(kinds))


def _check_agreement(text: str, read: Symbols) -> str | None:
    """Return what doesn't agree in number, or an article that doesn't fit, or None."""
    spans = read.spans
    names = [i for i, k in enumerate(read.kinds) if k == _CONDITION]
    words = [text[a:b].lower() for a, b in spans]
    for i, (kind, word) in enumerate(zip(read.kinds, words, strict=True)):
        if kind == _ARTICLE and word in ("a", "an"):
            after = text[spans[i][1] :].lstrip()
            if reason := _check_article(word, after):
                return reason
            name = next((n for n in names if n > i and not _SUBJECTS_OF.intersection(read.kinds[i:n])), None)
            if name is not None and _is_plural(words[name]):
                return f"'{word} ... {words[name]}' doesn't agree"
        if kind == _SHOWS and i and (reason := _check_verb(read.kinds[:i], words[:i], word)):
            return reason
    if not names:
        return _check_subject(read.kinds, words)
    many = len(names) > 1
    head = next((w for k, w in zip(read.kinds[: names[0]], words, strict=False) if _is_head(k, w)), None)
    plural = any(_is_plural(words[n]) for n in names) if head is None else _is_plural(head.split(" of")[0])
    for i, word in enumerate(words):
        if word not in _SINGULAR and word not in _PLURAL:
            continue
        subject = i > names[-1] or read.kinds[i] == _THERE_IS
        if subject and ((word in _SINGULAR and plural) or (word in _PLURAL and not plural and not many)):
            return f"'{words[names[-1]]}' and '{word}' don't agree"
    return None


def _is_head(kind: str, word: str) -> bool:
    """Tell whether the verb agrees with this word and not with the finding: "signs of", "an absence of"."""
    return kind in _SIGN_OF or (kind == _DENIAL and word.endswith((" absence of", " lack of", " trace of")))


def _check_subject(kinds: str, words: list[str]) -> str | None:
    """Return why a predicate's verb doesn't agree with its subject, or None: "the heart are enlarged"."""
    at = next((i for i, k in enumerate(kinds) if k in _PREDICATED), None)
    verb = (
        next((w for w in words[at + 1 :] if w in _SINGULAR or w in _PLURAL), None) if at is not None else None
    )
    if at is None or verb is None:
        return None
    subject = words[at].split()[-1]
    many = _is_plural(subject) or words[at].startswith("both ") or subject in _IRREGULAR
    return f"'{words[at]}' and '{verb}' don't agree" if many == (verb in _SINGULAR) else None


def _check_verb(kinds: str, before: list[str], verb: str) -> str | None:
    """Return why the verb of what shows something doesn't agree with it, or None: "the image show"."""
    if kinds[-1] not in _SUBJECTS or verb.endswith(("ing", "ed")):
        return None
    word = verb.split()[0]
    third = word.endswith("s") or word == "has"
    subject = before[-1].split()[-1]
    plural = (_is_plural(subject) or before[-1].startswith("both ")) and "one of" not in " ".join(before)
    return f"'{before[-1]}' and '{word}' don't agree" if third == plural else None


def _check_article(article: str, after: str) -> str | None:
    m = re.match(r"[A-Za-z]+", after)
    if not m or m.group().isupper() or m.group()[0].isupper():
        return None
    vowel = m.group()[0] in "aeio"
    if (article == "an") != vowel and m.group()[0] != "u" and not m.group().startswith(("hour", "one", "eu")):
        return f"'{article} {m.group()}'"
    return None


def _is_plural(name: str) -> bool:
    return name.endswith("s") and not name.endswith(_NO_PLURAL)
