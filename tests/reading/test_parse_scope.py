"""Every cue with every condition in every shape of list, by a little generator of its own."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.parse import get_parser

ONTOLOGY: Ontology = load_ontology("chest_xray")
PARSE = get_parser(ONTOLOGY).parse
NAMES = [c.name for c in ONTOLOGY.conditions]
WORDS = {c.name: (c.text, *(s for s in c.synonyms if s[0].islower())) for c in ONTOLOGY.conditions}

BEFORE_ABSENT = [
    *("no", "without", "without any", "free of", "free from", "devoid of", "lacking", "clear of"),
    *("absence of", "no sign of", "no evidence of", "no radiographic evidence of", "negative for"),
    *("there is no", "there are no", "the film shows no", "no definite", "no obvious", "minus"),
    *(
        "absent",
        "not showing",
        "does not show",
        "fails to demonstrate",
        "without evidence of",
        "nothing to suggest",
    ),
    *("lack of", "in the absence of", "no suggestion of", "resolution of", "lungs are free of", "denies"),
]
AFTER_ABSENT = [
    *("absent", "not seen", "not identified", "not evident", "not present", "not noted", "not visible"),
    *("is absent", "are absent", "is not seen", "are not identified", "is not visualised", "has resolved"),
    *(
        "is not evident",
        "are not demonstrated",
        "have been ruled out",
        "is excluded",
        "ruled out",
        "is lacking",
    ),
    *(
        "cannot be seen",
        "could not be identified",
        "is no longer present",
        "isn't seen",
        "is missing",
        "is gone",
    ),
    *(
        "was not detected",
        "is not clearly visible",
        "were never seen",
        "has disappeared",
        "is not appreciated",
    ),
]
BEFORE_PRESENT = [
    *("", "with", "showing", "there is", "there are", "evidence of", "presence of", "positive for"),
    *("the film shows", "demonstrating", "there is evidence of", "not without", "no change in", "stable"),
    *("unchanged", "no increase in", "persistent", "the study reveals"),
]
AFTER_PRESENT = [
    *(
        "present",
        "noted",
        "evident",
        "seen",
        "is present",
        "are seen",
        "is noted",
        "are identified",
        "in place",
    ),
    *(
        "is again seen",
        "remains",
        "are visible",
        "is demonstrated",
        "persists",
        "is unchanged",
        "has not changed",
    ),
    *("is not absent", "has not resolved"),
]
BEFORE_DOUBT = [
    *("possible", "probable", "cannot exclude", "may represent", "suspected", "questionable", "likely"),
    *("concerning for", "suspicious for", "could reflect", "question of", "cannot rule out", "concern for"),
]
AFTER_DOUBT = [
    *("is possible", "cannot be excluded", "is suspected", "is not excluded", "is unlikely", "is likely"),
    *("cannot be ruled out", "is questionable", "are probable", "has not been excluded", "is doubtful"),
]
LISTS = {1: ["{0}"], 2: ["{0} or {1}"], 3: ["{0}, {1} or {2}", "{0}, {1}, or {2}"]}
AND_LISTS = {1: ["{0}"], 2: ["{0} and {1}"], 3: ["{0}, {1} and {2}", "{0}, {1}, and {2}"]}
JOINTS = ["; ", ". ", ", but ", ", while ", ", whereas ", ", although ", ", yet ", "; however, ", ", though "]


@dataclass(frozen=True)
class Clause:
    """A cue before or after a list, and the label that it gives."""

    cue: str
    before: bool
    label: int
    lists: tuple[tuple[int, tuple[str, ...]], ...]

    def word(self, names: list[str], shape: int) -> str:
        shapes = dict(self.lists)[len(names)]
        said = shapes[shape % len(shapes)].format(*names)
        return f"{self.cue} {said}".strip() if self.before else f"{said} {self.cue}"


def _freeze(lists: dict[int, list[str]]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return tuple((k, tuple(v)) for k, v in lists.items())


CLAUSES = [
    *(Clause(c, True, 0, _freeze(LISTS)) for c in BEFORE_ABSENT),
    *(Clause(c, True, 1, _freeze(AND_LISTS)) for c in BEFORE_PRESENT),
    *(Clause(c, True, -1, _freeze(LISTS)) for c in BEFORE_DOUBT),
    *(Clause(c, False, 0, _freeze(AND_LISTS)) for c in AFTER_ABSENT),
    *(Clause(c, False, 1, _freeze(AND_LISTS)) for c in AFTER_PRESENT),
    *(Clause(c, False, -1, _freeze(AND_LISTS)) for c in AFTER_DOUBT),
]


def test_every_cue_with_every_condition() -> None:
    wrong = []
    for clause, name in itertools.product(CLAUSES, NAMES):
        for word in WORDS[name]:
            text = clause.word([word], 0) + "."
            if PARSE(text).labels != {name: clause.label}:
                wrong.append((text, PARSE(text).labels))
    assert not wrong


def test_every_cue_with_every_list() -> None:
    wrong = []
    for clause in CLAUSES:
        for count, shape in ((2, 0), (3, 0), (3, 1)):
            for start in range(len(NAMES)):
                names = [NAMES[(start + 4 * k) % len(NAMES)] for k in range(count)]
                text = clause.word([WORDS[n][0] for n in names], shape) + "."
                if PARSE(text).labels != dict.fromkeys(names, clause.label):
                    wrong.append((text, PARSE(text).labels))
    assert not wrong


@st.composite
def sentences(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """Two or three clauses of different conditions, and what they say."""
    names = draw(st.permutations(NAMES))
    parts, labels = [], {}
    used = 0
    for _ in range(draw(st.integers(2, 3))):
        clause = draw(st.sampled_from(CLAUSES))
        mine = names[used : used + draw(st.integers(1, 3))]
        used += len(mine)
        said = [draw(st.sampled_from(WORDS[n])) for n in mine]
        parts.append(clause.word(said, draw(st.integers(0, 1))))
        labels.update(dict.fromkeys(mine, clause.label))
    text = parts[0]
    for part in parts[1:]:
        text += draw(st.sampled_from(JOINTS)) + part
    return text[0].upper() + text[1:] + ".", labels


@settings(max_examples=1500, deadline=None)
@given(sentences())
def test_clauses_do_not_leak(case: tuple[str, dict[str, int]]) -> None:
    text, labels = case
    assert PARSE(text).labels == labels


@settings(max_examples=300, deadline=None)
@given(sentences())
def test_case_and_spelling_do_not_matter(case: tuple[str, dict[str, int]]) -> None:
    text, _ = case
    plain = PARSE(text).labels
    assert PARSE(text.upper()).labels == plain
    assert PARSE(re.sub(r"\bedema", "oedema", text).replace("-", "\u2011")).labels == plain
    assert PARSE(text.removesuffix(".")).labels == plain


@pytest.mark.parametrize("joint", [", with ", " with ", ", showing ", " and there is ", ", demonstrating "])
def test_presence_after_absence(joint: str) -> None:
    for a, b in itertools.permutations(NAMES, 2):
        for cue in ("no", "without", "free of", "lacking"):
            text = f"{cue} {WORDS[a][0]}{joint}{WORDS[b][0]}."
            assert PARSE(text).labels == {a: 0, b: 1}, text


@pytest.mark.parametrize("joint", [", no ", ", without ", " without ", " but no ", ", free of ", " with no "])
def test_absence_after_presence(joint: str) -> None:
    for a, b in itertools.permutations(NAMES, 2):
        for cue in ("", "there is ", "showing "):
            text = f"{cue}{WORDS[a][0]}{joint}{WORDS[b][0]}."
            assert PARSE(text).labels == {a: 1, b: 0}, text


@settings(max_examples=500, deadline=None)
@given(st.permutations(NAMES), st.sampled_from(CLAUSES), st.integers(0, 1))
def test_flipping_the_cue_flips_the_labels(names: list[str], clause: Clause, shape: int) -> None:
    other = next(c for c in CLAUSES if c.before == clause.before and c.label == 1 - max(clause.label, 0))
    mine = names[:2]
    said = [WORDS[n][0] for n in mine]
    first, second = PARSE(clause.word(said, shape)).labels, PARSE(other.word(said, shape)).labels
    assert set(first.values()) == {clause.label}
    assert set(second.values()) == {other.label}
