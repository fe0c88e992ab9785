"""From text to symbols: the longest known phrases, each with its kind, found in one pass over the words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from nastdata.reading.kinds import SYMBOL, Kind, symbols
from nastdata.reading.language.spelling import PLAIN_WORD, UNUSUAL, WORD, Spelling
from nastdata.reading.register import Register
from nastdata.reading.vocabulary import Vocabulary

_MARK_KINDS: dict[str, Kind] = {
    **dict.fromkeys((".", "!", "\u2026", "\u2022"), Kind.FULL_STOP),
    ",": Kind.COMMA,
    **dict.fromkeys(("(", "["), Kind.OPEN_BRACKET),
    **dict.fromkeys((")", "]"), Kind.CLOSE_BRACKET),
    **dict.fromkeys((":", "=", "-", "--", "\u2013", "\u2014"), Kind.COLON),
    "?": Kind.QUESTION_MARK,
    ";": Kind.SEMICOLON,
    "/": Kind.SLASH,
    "&": Kind.AND,
    "//": Kind.FULL_STOP,
    "///": Kind.FULL_STOP,
    "(+)": Kind.SEEN,
    "(-)": Kind.ABSENT,
}
MARKS = {mark: SYMBOL[kind] for mark, kind in _MARK_KINDS.items()}
Payload = Any
"""Of a symbol: condition name (C, A), tuple of place names (L), the grade's phrase (G), None otherwise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a phrase means."""

    kind: str
    """Its kind's character."""
    value: Payload
    text: str
    licensed: bool = True
    """Whether a caption may hold it without stating more than a fact."""
    roles: frozenset[str] = frozenset()


@dataclass(slots=True)
class Symbols:
    """A text as a string of kinds with what they stand for, aligned by position."""

    kinds: str
    entries: list[Entry]
    spans: list[tuple[int, int]]
    unknown: list[str]


Node = dict[str, Any]
_END = ""
NEEDS_PLACE = frozenset(("needs_place",))
"""Role of a name that counts only where one of its places is said too."""
STOP = Entry(SYMBOL[Kind.FULL_STOP], None, "")
"""The end of a sentence."""
_MARK = Entry("", None, "")
_UNKNOWN = Entry(SYMBOL[Kind.UNKNOWN], None, "", False)
_PARTICIPLE = Entry(SYMBOL[Kind.UNKNOWN], None, "", False, frozenset(("participle",)))
"""A word that isn't known and may say, of what is before it, that it is there: "pinpointed", "traceable"."""
_DIGITS = Entry(SYMBOL[Kind.DIGITS], None, "", False)
_ADVERB = Entry(SYMBOL[Kind.FILLER], None, "", False)
"""An adverb ("-ly") that isn't known: it changes nothing."""
_FREE = Entry(SYMBOL[Kind.ABSENT], None, "free")
_STOP, _NAME = SYMBOL[Kind.FULL_STOP], SYMBOL[Kind.CONDITION]
_BEFORE_QUESTION = symbols("full_stop comma open_bracket close_bracket colon semicolon slash")
_QUESTION_MARK, _DOUBT = SYMBOL[Kind.QUESTION_MARK], SYMBOL[Kind.DOUBT]


class Lexicon:
    """All phrases of a register's cues and of one vocabulary, in a trie of words."""

    def __init__(self, vocabulary: Vocabulary, register: Register) -> None:
        self.root: Node = {}
        self.spelling: dict[str, list[str]] = {}
        """Common form (American) -> the forms in the trie."""
        self.words: set[str] = set()
        self.register = register
        self._words = register.spelling
        self.sides = vocabulary.sides
        self.of_places = {
            self._words.join(a): p.condition
            for p in vocabulary.predicates
            if not p.subjects
            for a in p.adjectives
        }
        """Adjective -> condition that it states of a place."""
        self.predicates = _collect_predicates(vocabulary, register.spelling)
        self._joined = frozenset(register.abbreviations.joining)
        self._abbreviated = frozenset(register.abbreviations.inside)
        own: set[str] = set()
        for phrase, entry, general in _list_entries(vocabulary, register):
            spelt = " ".join(map(self._words.respell, self._words.split(phrase)))
            if not general:
                own.add(spelt)
            elif spelt in own:
                continue
            self._add(phrase, entry)
        for w in sorted(self.words):
            self.spelling.setdefault(self._words.respell(w), []).append(w)
        self._one_spelling = frozenset(w for ws in self.spelling.values() if len(ws) == 1 for w in ws)

    def _add(self, phrase: str, entry: Entry) -> None:
        node = self.root
        for word in self._words.split(phrase):
            self.words.add(word)
            node = node.setdefault(word, {})
        node.setdefault(_END, entry)

    def find(self, phrase: str) -> Entry | None:
        """Return the entry of exactly this phrase."""
        node = self.root
        for word in self._words.split(phrase):
            if word not in node:
                return None
            node = node[word]
        found: Entry | None = node.get(_END)
        return found

    def read(self, text: str) -> Symbols:
        """Return the symbols of a text: at each word the longest phrase that starts there."""
        plain = self._words.flatten(text)
        words = WORD if UNUSUAL.search(plain) else PLAIN_WORD
        found = [(m[0], m.start(), m.end()) for m in words.finditer(plain)]
        if self._words.reduces:
            found = [(k, i, j) for w, i, j in found if (k := self._words.key(w))]
        root, count, one_spelling = self.root, len(found), self._one_spelling
        kinds: list[str] = []
        entries: list[Entry] = []
        spans: list[tuple[int, int]] = []
        unknown: list[str] = []
        i = 0
        while i < count:
            word, start, end = found[i]
            node = root.get(word)
            if node is None:
                mark = MARKS.get(word)
                if mark is None and word[-1] == ")" and len(word) > 1:
                    mark = _STOP
                if mark is not None:
                    if mark == _STOP and word == "." and i and self._is_inside(found, i, text):
                        i += 1
                        continue
                    if mark == _QUESTION_MARK and self._asks_ahead(plain, start, end, kinds):
                        mark = _DOUBT
                    kinds.append(mark)
                    entries.append(_MARK)
                    spans.append((start, end))
                    i += 1
                    continue
                node = None if word in one_spelling or word.isdigit() else self._respell(root, word)
            best: Entry | None = None
            if node is not None:
                best = node.get(_END)
                last = i
                j = i + 1
                while j < count:
                    nxt = found[j][0]
                    after = node.get(nxt)
                    if after is None and nxt not in one_spelling:
                        after = self._respell(node, nxt)
                    node = after
                    if node is None:
                        break
                    if _END in node:
                        best, last = node[_END], j
                    j += 1
                if best is not None:
                    end = found[last][2]
                    i = last
            if (
                best is not None
                and "free" in best.roles
                and plain[start - 1] == "-"
                and kinds[-1:] == [_NAME]
            ):
                best = _FREE  # "fracture-free", but not "gas-free effusion"
            if best is None:
                best = self._guess(word)
                unknown.append(text[start:end])
            elif not best.licensed:
                unknown.append(text[start:end])
            kinds.append(best.kind)
            entries.append(best)
            spans.append((start, end))
            i += 1
        return Symbols("".join(kinds), entries, spans, unknown)

    def _guess(self, word: str) -> Entry:
        """Return what a word that isn't known may be, by its ending."""
        if self.register.is_adverb(word):
            return _ADVERB
        if word.isdigit():
            return _DIGITS
        return _PARTICIPLE if word.endswith(self.register.participle_endings) else _UNKNOWN

    def _asks_ahead(self, plain: str, start: int, end: int, kinds: list[str]) -> bool:
        """Tell whether a question mark is before what it asks: "?pneumonia", "opacity, ? pneumonia"."""
        if plain[start - 1 : start].strip():
            return False
        return plain[end : end + 1].isalpha() or not kinds or kinds[-1] in _BEFORE_QUESTION

    def _is_inside(self, found: list[tuple[str, int, int]], i: int, text: str) -> bool:
        """Tell whether a full stop belongs to the abbreviation before it: "vs.", "approx.", "neg. for"."""
        word, _, end = found[i - 1]
        if end != found[i][1]:
            return False
        if word in self._joined:
            return True
        return word in self._abbreviated and i + 1 < len(found) and text[found[i + 1][1]].islower()

    def _respell(self, node: Node, word: str) -> Node | None:
        """Return what follows in the trie on a word that is spelled otherwise, or None."""
        for spelt in self.spelling.get(self._words.respell(word), ()):
            if found := node.get(spelt):
                return cast(Node, found)
        return None


def _collect_predicates(v: Vocabulary, words: Spelling) -> dict[str, dict[str, str]]:
    out: dict[str, dict[str, str]] = {}
    for p in v.predicates:
        for s in p.subjects:
            out.setdefault(words.join(s), {}).update({words.join(a): p.condition for a in p.adjectives})
    return out


def _list_entries(v: Vocabulary, register: Register) -> Iterator[tuple[str, Entry, bool]]:
    """All phrases with their entries, the ontology's first, and whether they are general."""
    for text, entry in _list_own(v, register):
        yield text, entry, False
    for cue in register.cues:
        roles = frozenset(cue.roles)
        for text in cue.words:
            yield text, Entry(SYMBOL[cue.kind], None, text, cue.licensed, roles), True


def _list_own(v: Vocabulary, register: Register) -> Iterator[tuple[str, Entry]]:
    """The ontology's phrases with their entries; of equal phrases the first counts."""
    words = register.spelling
    for text in v.others:
        for form in words.list_forms(text):
            yield form, Entry(SYMBOL[Kind.UNKNOWN], None, text, False)
    places: dict[str, tuple[str, ...]] = {}
    for text, names in _list_places(v, register):
        places.setdefault(text, names)
    for condition in v.conditions:
        yield from _list_names(condition, v, places, register)
    for condition, phrases in v.with_place.items():
        for text in phrases:
            yield text, Entry(SYMBOL[Kind.CONDITION], condition, condition, True, NEEDS_PLACE)
    for condition, phrases in v.alternatives.items():
        for text in phrases:
            yield text, Entry(SYMBOL[Kind.ALTERNATIVE], condition, text)
    for condition, phrases in v.gone.items():
        for text in phrases:
            yield text, Entry(SYMBOL[Kind.ABSENT_NAME], condition, condition, False)
    predicates = _collect_predicates(v, words)
    adjectives = {a for by in predicates.values() for a in by}
    adjectives |= {words.join(a) for p in v.predicates if not p.subjects for a in p.adjectives}
    for g in dict.fromkeys(w for by_phrase in v.grades.values() for w in by_phrase):
        key = words.join(g)
        kind = Kind.GRADE_ADVERB if register.is_adverb(key) else Kind.GRADE
        yield g, Entry(SYMBOL[Kind.GRADE_ADJECTIVE if key in adjectives else kind], key, key)
    prepositions = {w for c in register.cues if c.kind == Kind.PREPOSITION for w in c.words}
    for text, names in places.items():
        first, _, rest = text.partition(" ")
        adverbial = (bool(rest) and first in prepositions) or register.is_adverb(text)
        yield text, Entry(SYMBOL[Kind.PLACE_ADVERBIAL if adverbial else Kind.PLACE], names, text)
    general = {words.join(w) for c in register.cues if c.kind == Kind.DOMAIN for w in c.words}
    for text in predicates:
        if text not in general:
            yield text, Entry(SYMBOL[Kind.SUBJECT], None, text)
    for text in sorted(adjectives):
        yield text, Entry(SYMBOL[Kind.ADJECTIVE], None, text)
    images = {words.join(w) for c in register.cues if c.kind == Kind.IMAGE for w in c.words}
    for text in v.own:
        for form in words.list_forms(text):
            if form not in images:
                yield form, Entry(SYMBOL[Kind.DOMAIN], None, text)


def _list_names(
    condition: str, v: Vocabulary, places: dict[str, tuple[str, ...]], register: Register
) -> Iterator[tuple[str, Entry]]:
    """A condition's names, their plurals, and adjective + subject of its predicates.

    A name that is a place followed by another of its names ("rib fracture") is left out, so that the place
    is read too.
    """
    words = register.spelling
    entry = Entry(SYMBOL[Kind.CONDITION], condition, condition)
    the_entry = Entry(SYMBOL[Kind.CONDITION], condition, condition, True, frozenset(("definite",)))
    the = {w for cue in register.cues if "definite" in cue.roles for w in cue.words}
    forms = [form for name in v.conditions[condition] for form in words.list_forms(name)]
    keys = set(forms)
    for text in forms:
        parts = text.split()
        heads = (" ".join(parts[:i]) for i in range(1, len(parts)))
        if not any(h in places and text[len(h) + 1 :] in keys for h in heads):
            yield text, the_entry if parts[0] in the else entry
    for p in v.predicates:
        if p.condition == condition:
            for a in p.adjectives:
                for s in p.subjects:
                    yield f"{a} {s}", entry
                    if not a.endswith("ed"):
                        yield f"{a} of {s}", entry
                        yield f"{a} of the {s}", entry


def _list_places(v: Vocabulary, register: Register) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every phrase of every place, and the coordinations of two ("right upper and lower lobes").

    Where one phrase belongs to several places the first counts.
    """
    words = register.spelling
    said: list[tuple[tuple[str, ...], str]] = []
    for place, phrases in v.places.items():
        for text in phrases:
            forms = words.list_forms(text) if place in v.sideless else (words.join(text),)
            said += [(tuple(form.split()), place) for form in forms]
    for phrase, name in said:
        yield " ".join(phrase), (name,)
    alike: dict[tuple[int, tuple[str, ...]], dict[tuple[tuple[str, ...], str], None]] = {}
    for phrase, name in said:
        # Where modifiers follow, the shared noun is first: "campo medio e inferior derecho".
        for k in range(1, len(phrase)) if register.modifiers_follow else range(len(phrase) - 1):
            alike.setdefault((k, phrase[:k] + phrase[k + 1 :]), {})[phrase, name] = None
    for (k, _), group in alike.items():
        for a, first in group:
            for b, second in group:
                if first != second and (first in v.sideless) == (second in v.sideless):
                    for text in _coordinate(a, b, k, register):
                        yield text, (first, second)


def _coordinate(a: tuple[str, ...], b: tuple[str, ...], k: int, register: Register) -> Iterator[str]:
    """Join two phrases that differ in word ``k`` only: "right and left base", "right base and left base"."""
    head, tail = " ".join(a[:k]), " ".join(a[k + 1 :])
    for joint in register.coordination:
        for end in register.spelling.list_forms(tail):
            yield f"{head} {a[k]} {joint} {b[k]} {end}".strip()
            if head and " " not in joint:
                yield f"{head} {a[k]} {joint} {head} {b[k]} {end}".strip()
