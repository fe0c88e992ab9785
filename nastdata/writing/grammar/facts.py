"""Sentences for single facts: the finding, its place and its grade, said, denied, or denied in part.

Frames come in pairs, one that says and one that denies the same in the same words, so that little but the
polarity tells the sentences of a fact and of its negation apart. A plain negation denies all that is said
("There is no large pleural effusion."); a denied attribute leaves the finding standing ("The pleural
effusion is not large.").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nastdata.ontology import Condition, Ontology, Place
from nastdata.records import Fact
from nastdata.writing.grammar.morphology import add_article, agree, capitalize, choose_article, find_plural

_SEEN = ("seen", "noted", "present", "evident", "visible", "identified", "demonstrated")
_SHOWS = ("shows", "demonstrates", "reveals")
_BARE = ("subject-is", "presence", "positive")
"""Frames that leave the article out where nothing stands before the noun: "free of effusion"."""
_LED = ("there", "is-seen", "is-noted", "is-present", "post-present", "post-seen")
"""Frames that may also begin with "On this chest radiograph,"."""

# Slots: {np} the noun phrase, {NP} with its article, {be} its verb, {at} place after the verb or nothing.
# (name, present, absent); the place stands in {np} as an adjective, or in {at}.
_SAID: tuple[tuple[str, str, str], ...] = (
    ("there", "there {be} {NP}{at}", "there {be} no {np}{at}"),
    ("there-evidence", "there is evidence of {NP}{at}", "there is no evidence of {NP}{at}"),
    ("with", "{subject} with {NP}{at}", "{subject} without {np}{at}"),
    ("showing", "{subject} showing {NP}{at}", "{subject} showing no {np}{at}"),
    *((f"is-{v}", f"{{NP}} {{be}} {v}{{at}}", f"no {{np}} {{be}} {v}{{at}}") for v in _SEEN),
    *((f"bare-{v}", f"{{np}} {v}{{at}}", f"no {{np}} {v}{{at}}") for v in ("seen", "noted", "evident")),
    *((s, f"the {{subject}} {s} {{NP}}{{at}}", f"the {{subject}} {s} no {{np}}{{at}}") for s in _SHOWS),
    ("evidence", "evidence of {NP}{at}", "no evidence of {np}{at}"),
    ("subject-is", "the {subject} is positive for {np}{at}", "the {subject} is free of {np}{at}"),
    ("presence", "presence of {NP}{at}", "absence of {np}{at}"),
    ("positive", "positive for {np}{at}", "negative for {np}{at}"),
)
# Without a place after it, an absent finding can be denied behind its name as well. With one, "not seen in
# the right lower lobe" and "not in the right lower lobe" would be too near to one another.
_SAID_AFTER: tuple[tuple[str, str, str], ...] = (
    ("post-present", "{NP} {be} present", "{NP} {be} absent"),
    ("post-seen", "{NP} {be} seen", "{NP} {be} not seen"),
    ("post-identified", "{NP} {be} identified", "{NP} {be} not identified"),
    ("post-evident", "{NP} {be} evident", "{NP} {be} not evident"),
    ("post-bare", "{np} present", "{np} absent"),
)
_FRONTED: tuple[tuple[str, str, str], ...] = (
    ("front-there", "{front}, there {be} {NP}", "{front}, there {be} no {np}"),
    ("front-is", "{front}, {NP} {be} seen", "{front}, no {np} {be} seen"),
)
# A located finding, and the denial of its place. {the} is the noun phrase with "the".
_PLACED: tuple[tuple[str, str, str], ...] = (
    ("np-is", "{NP} {be} {place}", "{NP} {be} not {place}"),
    ("the-is", "the {np} {be} {place}", "the {np} {be} not {place}"),
    ("located", "the {np} {be} located {place}", "the {np} {be} not located {place}"),
    ("np-located", "{NP} {be} located {place}", "{NP} {be} not located {place}"),
    ("situated", "the {np} {be} situated {place}", "the {np} {be} not situated {place}"),
    ("lies", "the {np} {lie} {place}", "the {np} {do} not lie {place}"),
    ("there", "there {be} {NP}, and {it_is} {place}", "there {be} {NP}, but not {place}"),
    ("present", "{NP} {be} present {place}", "{NP} {be} present, but not {place}"),
    ("seen", "{NP} {be} seen {place}", "{NP} {be} seen, but not {place}"),
    ("noted", "{NP} {be} noted {place}", "{NP} {be} noted, although not {place}"),
    ("shows", "the {subject} shows {NP} {place}", "the {subject} shows {NP}, but not {place}"),
    ("bare", "{np} {place}", "{np}, but not {place}"),
    ("here", "on this {subject}, the {np} {be} {place}", "on this {subject}, the {np} {be} not {place}"),
    ("seen-here", "the {np} seen here {be} {place}", "the {np} seen here {be} not {place}"),
)
# A graded finding, and the denial of its grade.
_GRADED: tuple[tuple[str, str, str], ...] = (
    ("the-is", "the {np} {be} {grade}", "the {np} {be} not {grade}"),
    ("np-is", "{NP} {be} {grade}", "{NP} {be} not {grade}"),
    ("degree", "the {np} {be} {grade} in {measure}", "the {np} {be} not {grade} in {measure}"),
    ("present", "{NP} {be} present and {grade}", "{NP} {be} present but not {grade}"),
    ("seen", "{NP} {be} seen and {be} {grade}", "{NP} {be} seen but {be} not {grade}"),
    ("noted", "{NP} {be} noted and {be} {grade}", "{NP} {be} noted but {be} not {grade}"),
    ("evident", "{NP} {be} evident and {grade}", "{NP} {be} evident, although not {grade}"),
    ("there", "there {be} {NP}, and {it_is} {grade}", "there {be} {NP}, but {it_is} not {grade}"),
    ("there-not", "there {be} {NP} that {be} {grade}", "there {be} {NP} that {be} not {grade}"),
    ("shows", "the {subject} shows {NP} that {be} {grade}", "the {subject} shows {NP} that {be} not {grade}"),
    ("bare", "{np}, {grade}", "{np}, not {grade}"),
    ("here", "on this {subject}, the {np} {be} {grade}", "on this {subject}, the {np} {be} not {grade}"),
    ("seen-here", "the {np} seen here {be} {grade}", "the {np} seen here {be} not {grade}"),
)


# The same of a noun that begins with a participle, whose grade is an adverb: "mildly enlarged ...".
_GRADED_ADVERB: tuple[tuple[str, str, str], ...] = (
    ("head-is", "the {head} {be} {adverb} {verb}", "the {head} {be} {verb}, but not {adverb}"),
    (
        "head-here",
        "on this {subject}, the {head} {be} {adverb} {verb}",
        "on this {subject}, the {head} {be} {verb}, but not {adverb}",
    ),
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A way of saying a fact."""

    plan_id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Noun:
    """A noun phrase: with and without article, its verb, and the place that is still to be said."""

    style: str
    bare: str
    articled: str
    plural: bool
    at: str


class FactGrammar:
    """Lists the sentences of facts, for one ontology."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._subject = ontology.subject.text
        self._measures = {scale.name: scale.measure for scale in ontology.scales}
        self._adverbs = {
            (scale.name, grade): f"{grade}ly"
            for scale in ontology.scales
            for grade in scale.grades
            if f"{grade}ly" in scale.synonyms.get(grade, ())
        }

    def list_sentences(self, fact: Fact) -> tuple[Sentence, ...]:
        """Return every sentence that the grammar has for a definite fact, without repeats.

        Raises:
            KeyError: if the fact names a condition or place that the ontology doesn't have.
        """
        found: dict[str, str] = {}
        for plan_id, text in self._generate(fact):
            if fact.qualifier and text.split().count(fact.qualifier) > 1:  # "a visible effusion is visible"
                continue
            found.setdefault(f"{capitalize(text)}.", plan_id)
        return tuple(Sentence(plan_id, text) for text, plan_id in found.items())

    def _generate(self, fact: Fact) -> Iterator[tuple[str, str]]:
        """Yield (plan id, text without capital and full stop)."""
        condition = self._ontology.condition_by_name[fact.condition]
        place = self._ontology.place_by_name[fact.location] if fact.location is not None else None
        column = 2 if fact.existence == "absent" or fact.denies else 1
        if fact.denies is None:
            for noun in self._make_nouns(condition, fact.severity, place, fact.qualifier):
                graded = (fact.severity or fact.qualifier) is not None and condition.article is not None
                yield from self._say(noun, column, bare=not graded)
            if place is not None:
                noun = self._make_noun(condition, fact.severity, many=place.side == "both")
                yield from self._front(noun, place, column)
        if fact.denies == "location" or (place is not None and column == 1):
            yield from self._tell_place(condition, fact.severity, _require(place), column)
        if fact.denies == "severity" or (fact.severity is not None and column == 1):
            if adverb := self._find_adverb(condition, str(fact.severity)):
                yield from self._tell_adverb(condition, adverb, column)
                return
            noun = next(self._make_nouns(condition, None, place))
            yield from self._tell_grade(condition, noun, str(fact.severity), column)

    def _say(self, noun: _Noun, column: int, *, bare: bool) -> Iterator[tuple[str, str]]:
        """Yield the frames of a finding; ``bare`` if it can stand without an article after a preposition."""
        frames = _SAID if noun.at else (*_SAID, *_SAID_AFTER)
        if not bare:  # "free of small effusion"
            frames = tuple(f for f in frames if f[0] not in _BARE)
        slots = {**self._slots(noun), "at": noun.at}
        for frame in frames:
            text = frame[column].format_map(slots)
            yield f"{frame[0]}.{noun.style}", text
            if frame[0] in _LED:
                yield f"{frame[0]}-led.{noun.style}", f"on this {self._subject}, {text}"

    def _front(self, noun: _Noun, place: Place, column: int) -> Iterator[tuple[str, str]]:
        slots = {**self._slots(noun), "front": place.phrase}
        for frame in _FRONTED:
            yield frame[0], frame[column].format_map(slots)

    def _tell_place(
        self, condition: Condition, grade: str | None, place: Place, column: int
    ) -> Iterator[tuple[str, str]]:
        bare_both = place.side == "both" and place.region is None
        if bare_both and column == 1:
            return
        noun = self._make_noun(condition, grade, many=place.side == "both" and column == 1)
        said = place.adjective if bare_both and place.adjective else place.phrase
        slots = {**self._slots(noun), "place": said}
        for frame in _PLACED:
            if not (bare_both and any(word in frame[column] for word in ("located", "situated", "lie"))):
                yield f"place-{frame[0]}", frame[column].format_map(slots)

    def _tell_grade(
        self, condition: Condition, noun: _Noun, grade: str, column: int
    ) -> Iterator[tuple[str, str]]:
        measure = self._measures.get(str(condition.scale))
        word = self._ontology.word_grade(condition.name, grade)
        slots = {**self._slots(noun), "grade": word, "measure": measure or ""}
        slots["np"] += noun.at
        slots["NP"] += noun.at
        for frame in _GRADED:
            if measure is None and "{measure}" in frame[column]:
                continue
            yield f"grade-{frame[0]}.{noun.style}", frame[column].format_map(slots)

    def _tell_adverb(self, condition: Condition, adverb: str, column: int) -> Iterator[tuple[str, str]]:
        verb, _, head = condition.text.partition(" ")
        slots = {
            **self._slots(self._make_noun(condition, None)),
            "head": head,
            "verb": verb,
            "adverb": adverb,
        }
        for frame in _GRADED_ADVERB:
            yield f"grade-{frame[0]}.plain", frame[column].format_map(slots)

    def _find_adverb(self, condition: Condition, grade: str) -> str | None:
        """Return the grade as an adverb if the name begins with a participle ("enlarged ...")."""
        verb, _, head = condition.text.partition(" ")
        return self._adverbs.get((str(condition.scale), grade)) if head and verb.endswith("ed") else None

    def _slots(self, noun: _Noun) -> dict[str, str]:
        many = noun.plural
        return {
            "subject": self._subject,
            "np": noun.bare,
            "NP": noun.articled,
            "be": "are" if many else "is",
            "it_is": "they are" if many else "it is",
            "lie": "lie" if many else "lies",
            "do": "do" if many else "does",
        }

    def _make_nouns(
        self, condition: Condition, grade: str | None, place: Place | None, qualifier: str | None = None
    ) -> Iterator[_Noun]:
        """Yield the noun phrases of a finding: its place before the noun, or still to come."""
        if place is None:
            yield self._make_noun(condition, grade, qualifier=qualifier)
            return
        both = place.side == "both"
        if place.adjective is not None and not self._misleads(place, condition):
            noun = self._make_noun(condition, grade, place.adjective, many=both)
            yield noun
        noun = self._make_noun(condition, grade, many=both)
        yield _Noun("after", noun.bare, noun.articled, noun.plural, f" {place.phrase}")

    def _misleads(self, place: Place, condition: Condition) -> bool:
        """Whether the adjective can't stand before the name.

        It can't if the ontology says so ("a right fracture"), if it and the name's first words name another
        place ("right" + "lung lesion"), or if a word would come twice ("right upper lung zone" + "lung
        lesion").
        """
        words = condition.text.split(" ")
        if place.name in condition.after_noun:
            return True
        if set(str(place.adjective).split(" ")) & set(words):
            return True
        starts = {f"{place.adjective} {' '.join(words[:n])}" for n in range(1, len(words))}
        others = (p for p in self._ontology.places if p.name != place.name)
        return any(starts & {p.name, p.adjective, *p.synonyms} for p in others)

    def _make_noun(
        self,
        condition: Condition,
        grade: str | None,
        adjective: str | None = None,
        *,
        many: bool = False,
        qualifier: str | None = None,
    ) -> _Noun:
        """Build a noun phrase.

        Args:
            condition: names it.
            grade: before everything else; as an adverb before a participle ("mildly enlarged ...").
            adjective: of place.
            many: whether the finding is on both sides, which takes a plural or no article.
            qualifier: before everything else, in place of a grade ("focal consolidation").
        """
        plural = find_plural(condition) if many else None
        name = plural or condition.text
        if adverb := self._find_adverb(condition, str(grade)):
            words = [adjective, adverb, name]
        else:
            words = [qualifier, grade and self._ontology.word_grade(condition.name, grade), adjective, name]
        bare = " ".join(w for w in words if w)
        counted = condition.article is not None and not many
        articled = f"{choose_article(bare)} {bare}" if counted else bare
        if bare == condition.text:
            articled = add_article(condition) if not many else bare
        is_plural = plural is not None or agree(condition.number) == "are"
        return _Noun("before" if adjective else "plain", bare, articled, is_plural, "")


def _require(place: Place | None) -> Place:
    if place is None:
        raise ValueError("a fact that denies its location must name one")
    return place
