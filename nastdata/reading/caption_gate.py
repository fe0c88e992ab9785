"""The round trip: does a text say just what it was written for?

``check_*`` return the reason against a text, or None. The reasons are short and alike for alike mistakes,
so that they can be counted; where a word is to blame it is named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import lru_cache, partial

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.ontology import Ontology, find_alternative
from nastdata.reading.language.spelling import WORD
from nastdata.reading.parse import Reading, get_parser
from nastdata.reading.register import load_register
from nastdata.reading.text_cleanup import find_debris
from nastdata.records import Fact, OptionWording

LARGE = 30_000
"""Distinct texts from which on one more process pays."""
_JOINTS = frozenset(
    "but with and or nor , ; : . while although whereas yet though however in addition also too plus".split()
)
"""What the grammar may exchange: an adversative "but" becomes "and", "however" becomes "in addition"."""

_AGREEING = frozenset("is are was were a an the any there has have been in evidence sign signs of by".split())
"""What may change before a replaced name since the grammar asks for it: "There is no X", "There are Y"."""


def read_texts(texts: Sequence[str], ontology: Ontology, engine: Engine = IN_PROCESS) -> list[Reading]:
    """Read texts, each distinct one once.

    Args:
        texts: Texts, repetitions allowed.
        ontology: Whose names and places to read.
        engine: Where the work runs; the result doesn't depend on it.
    """
    distinct = list(dict.fromkeys(texts))
    by_text = dict(zip(distinct, engine.map(partial(_read, ontology), distinct, LARGE), strict=True))
    return [by_text[t] for t in texts]


def judge_facts(
    stated: Sequence[tuple[str, Fact]], ontology: Ontology, engine: Engine = IN_PROCESS
) -> list[str | None]:
    """Read texts and return the reason against each as a wording of its fact, or None (``check_fact``)."""
    return engine.map(partial(_judge_facts, ontology), stated, LARGE)


def judge_options(
    wordings: Sequence[OptionWording], ontology: Ontology, engine: Engine = IN_PROCESS
) -> list[str | None]:
    """Read both texts of options and return the reason against each, or None (``check_option``)."""
    return engine.map(partial(_judge_options, ontology), wordings, LARGE // 2)


def _read(ontology: Ontology, texts: Sequence[str]) -> list[Reading]:
    parse = get_parser(ontology).parse
    return [parse(t) for t in texts]


def _judge_facts(ontology: Ontology, stated: Sequence[tuple[str, Fact]]) -> list[str | None]:
    # Only reasons go back to whoever asked: readings are many times as long.
    parse = get_parser(ontology).parse
    return [check_fact(parse(text), fact, ontology) for text, fact in stated]


def _judge_options(ontology: Ontology, wordings: Sequence[OptionWording]) -> list[str | None]:
    parse = get_parser(ontology).parse
    return [check_option(parse(w.negated), parse(w.affirmative), w, ontology) for w in wordings]


def check_option(
    negated: Reading, affirmative: Reading, wording: OptionWording, ontology: Ontology
) -> str | None:
    """Check the two texts of an option against its statement and against one another.

    The negated text states the labels and no alternative. The affirmative text states the present
    conditions and the alternatives of the absent ones, without a negation. They differ only where an
    absence is told (paper section on MedNega; ``docs/reader.md``).
    """
    statement = wording.statement
    wanted = dict(zip(statement.conditions, statement.labels, strict=True))
    for which, reading in (("negated", negated), ("affirmative", affirmative)):
        if debris := find_debris(reading.text):
            return f"{which} text: {debris}"
        if reading.unread:
            return f"{which} text: unsure: {reading.unread[0].reason}"
        if reading.unlicensed:
            return f"{which} text: unlicensed word '{reading.unlicensed[0]}'"
    if reason := _compare_labels(negated.labels, wanted):
        return f"negated text: {reason}"
    if negated.alternatives:
        return f"negated text: names the alternative of {negated.alternatives[0]}"
    if affirmative.cues:
        return f"affirmative text: negation '{affirmative.cues[0].lower()}'"
    if reason := _compare_labels(affirmative.labels, {c: 1 for c, v in wanted.items() if v == 1}):
        return f"affirmative text: {reason}"
    absent = {c for c, v in wanted.items() if v == 0}
    if missing := absent - set(affirmative.alternatives):
        return f"affirmative text: lacks the alternative of {min(missing)}"
    if extra := set(affirmative.alternatives) - absent:
        return f"affirmative text: names the alternative of {min(extra)}"
    for c, phrase in zip(statement.conditions, statement.phrases, strict=True):
        condition = ontology.condition_by_name[c]
        if c in absent and find_alternative(affirmative.text, condition) not in (phrase, None):
            return f"affirmative text: another phrase for {c} than '{condition.affirmative[phrase].text}'"
    for which, reading in (("negated", negated), ("affirmative", affirmative)):
        if any(f.fact.location or f.fact.severity for f in reading.facts):
            return f"{which} text: names a place or a grade"
    return _compare_texts(negated, affirmative, absent, ontology) or _check_spans(wording)


def _compare_labels(said: dict[str, int], wanted: dict[str, int]) -> str | None:
    for c, value in wanted.items():
        if c not in said:
            return f"does not mention {c}"
        if said[c] != value:
            return f"says that {c} is {_NAMES[said[c]]}"
    extra = next((c for c in said if c not in wanted), None)
    return f"mentions {extra}" if extra else None


_NAMES = {1: "present", 0: "absent", -1: "uncertain"}


def _compare_texts(
    negated: Reading, affirmative: Reading, absent: set[str], ontology: Ontology
) -> str | None:
    """Every differing stretch has to touch an absent condition, its cue or alternative, or be a joint."""
    phrases = [a for c in absent for a in ontology.condition_by_name[c].affirmative]
    alternative = {
        w for p in phrases for t in (p.text, *p.synonyms) for w in load_register().spelling.split(t)
    }
    kept = [(f.start, f.end) for f in negated.facts if f.fact.condition not in absent]
    names = [(f.start, f.end) for f in negated.facts if f.fact.condition in absent]
    cue_words = {w for c in negated.cues for w in c.lower().replace("-", " ").split()}
    a = [(w, m.start()) for m in WORD.finditer(negated.text) if (w := m.group().lower()) not in _JOINTS]
    b = [w for m in WORD.finditer(affirmative.text) if (w := m.group().lower()) not in _JOINTS]
    words = [w for w, _ in a]
    first = next((x for x, (v, w) in enumerate(zip(words, b, strict=False)) if v != w), min(len(a), len(b)))
    x = next((x for x in range(first, len(a)) if words[x] not in _AGREEING), None)
    y = next((y for y in range(first, len(b)) if b[y] not in _AGREEING), None)
    told = x is not None and (words[x] in cue_words or any(s <= a[x][1] < e for s, e in names))
    if words != b and not told and not (y is not None and b[y] in alternative):
        return f"texts differ beside the negations ('{' '.join(words[first : first + 2])}')"
    matcher = SequenceMatcher(None, words, b, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            continue
        if any(s <= a[x][1] < e for x in range(i, j) for s, e in kept):
            return f"texts differ in a present condition ('{' '.join(words[i:j])}')"
        around = range(max(0, i - 1), min(len(a), j + 1))
        if any(s <= a[x][1] < e for x in around for s, e in names):
            continue
        beside = b[max(0, k - 1) : m + 1]
        if not any(words[x] in cue_words for x in around) and not alternative.intersection(beside):
            return f"texts differ beside the negations ('{' '.join(words[i:j] or b[k:m])}')"
    return None


def _check_spans(wording: OptionWording) -> str | None:
    """The differing pieces that the writer names have to occur in order, and tell the whole difference."""
    rest_n, rest_a = wording.negated, wording.affirmative
    for n, a in wording.spans:
        before_n, found_n, rest_n = rest_n.partition(n) if n else ("", "", rest_n)
        before_a, found_a, rest_a = rest_a.partition(a) if a else ("", "", rest_a)
        if (n and not found_n) or (a and not found_a):
            return f"span '{n or a}' is not in the text"
        if n and a and before_n != before_a:
            return f"text before span '{n}' differs"
    return None


def check_fact(reading: Reading, fact: Fact, ontology: Ontology) -> str | None:
    """Check one sentence against its fact, by the paper's three criteria.

    (i) The condition is mentioned, (ii) every attribute is told as it is and nothing else is stated,
    (iii) no medical term stands there that the fact doesn't license (the word is named).
    """
    if debris := find_debris(reading.text):
        return debris
    if reading.unread:
        return f"unsure: {reading.unread[0].reason}"
    if fact.condition not in reading.labels:
        return "condition not mentioned"
    extra = next((c for c in reading.labels if c != fact.condition), None)
    if extra:
        return f"mentions {extra}"
    if reading.alternatives:
        return f"names the alternative of {reading.alternatives[0]}"
    said = list(dict.fromkeys(f.fact for f in reading.facts))
    if said != [replace(fact, qualifier=None)]:
        return _tell_difference(said, fact)
    if reason := _check_qualifier(reading, fact, ontology):
        return reason
    if fact.qualifier is not None:
        return _check_without(reading, fact, ontology)
    if reading.unlicensed:
        return f"unlicensed word '{reading.unlicensed[0].lower()}'"
    if fact.existence == "absent" and (name := _find_narrower(reading, fact, ontology)):
        return f"'{name}' is one kind of it only"
    says = "denied" if fact.denies else fact.existence
    return get_parser(ontology).explain_caption(reading.text, says)


def _check_qualifier(reading: Reading, fact: Fact, ontology: Ontology) -> str | None:
    """Check that what is denied is restricted as the fact says, and no more; the fact's grade is its own."""
    if fact.existence == "absent" and fact.denies is None:
        grade = set()
        if fact.severity:
            word = ontology.word_grade(fact.condition, fact.severity)
            grade = {fact.severity, f"{fact.severity}ly", *word.split()}
        for f in reading.facts:
            only = " ".join(w for w in (f.qualifier or "").split() if w not in grade) or None
            if only != fact.qualifier:
                return f"denies '{only or 'all of it'}', not '{fact.qualifier or 'all of it'}'"
        return None
    if fact.qualifier is None:
        return None
    named = any(reading.text[: f.start].lower().split()[-1:] == [fact.qualifier] for f in reading.facts)
    return None if named else f"does not say '{fact.qualifier}'"


def _check_without(reading: Reading, fact: Fact, ontology: Ontology) -> str | None:
    """Check a sentence as if its qualifier were not there: "there is no (focal) consolidation"."""
    word = str(fact.qualifier)
    found = list(re.finditer(rf"\b(?:(an?) )?{re.escape(word)} (?=(\w))", reading.text, re.IGNORECASE))
    if len(found) != 1:
        return f"does not say '{word}' once"
    (m,) = found
    article = "" if m[1] is None else "an " if m[2].lower() in "aeiou" else "a "
    rest = reading.text[: m.start()] + article + reading.text[m.end() :]
    plain = get_parser(ontology).parse(rest[:1].upper() + rest[1:])
    return check_fact(plain, replace(fact, qualifier=None), ontology)


def _find_narrower(reading: Reading, fact: Fact, ontology: Ontology) -> str | None:
    """Return the name if it is of one kind of the finding only: its absence isn't absence of the finding."""
    narrower = _list_narrower(ontology, fact.condition)
    names = {reading.text[f.start : f.end].lower() for f in reading.facts}
    return min(names) if narrower and names and names <= narrower else None


@lru_cache(maxsize=512)
def _list_narrower_by_print(fingerprint: str, narrower: tuple[str, ...]) -> frozenset[str]:
    return frozenset(n.lower() for n in narrower)


def _list_narrower(ontology: Ontology, condition: str) -> frozenset[str]:
    return _list_narrower_by_print(ontology.name, ontology.condition_by_name[condition].narrower)


def _tell_difference(said: list[Fact], fact: Fact) -> str:
    if len(said) > 1:
        return "states more than one fact"
    (only,) = said
    if only.existence != fact.existence:
        return f"existence read as {only.existence}"
    if only.denies != fact.denies:
        return f"denial read as of {only.denies or 'nothing'}"
    if only.location != fact.location:
        return f"location read as {only.location or 'none'}"
    return f"severity read as {only.severity or 'none'}"


def check_question(text: str, ontology: Ontology) -> str | None:
    """Check a question stem: it names no condition, place or alternative, and holds no negation."""
    reading = get_parser(ontology).parse(text.replace("?", "."))
    if debris := find_debris(text, end="?" if text.endswith("?") else "."):
        return debris
    if reading.unread:
        return f"names a finding ('{reading.unread[0].text}')"
    if reading.labels or reading.facts:
        return f"mentions {next(iter(reading.labels))}"
    if reading.alternatives:
        return f"names the alternative of {reading.alternatives[0]}"
    return f"negation '{reading.cues[0].lower()}'" if reading.cues else None
