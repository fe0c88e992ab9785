"""The parts of an ontology and the whole, typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from nastdata.ontology.rules import find_mistakes

Number = Literal["singular", "plural"]
Name = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Phrase(_Part):
    """A noun phrase and the grammar it needs."""

    text: Name
    """As in running text, lower case unless a proper name."""
    number: Number = "singular"
    """Of the verb: "normal heart size is seen", "sharp costophrenic angles are seen"."""
    article: Literal["a", "an"] | None = None
    """Indefinite article where the noun takes one; none for mass nouns and plurals."""
    synonyms: tuple[Name, ...] = ()
    """Other ways of saying it that the parser reads; writers use ``text`` only."""
    also_read: tuple[Name, ...] = ()
    """More names that the reader knows and that nothing is ever written with: shorthand, plurals."""


class Alternative(Phrase):
    """An affirmative phrase that says that a finding is absent, and all that it denies by saying so."""

    excludes: tuple[Name, ...] = ()
    """Findings that can't be there if the phrase is true, beside the one that it is for.

    What is below one of them in the label hierarchy is excluded too and need not be listed.
    """
    source: Name | None = None
    """Where the phrase comes from: a publication, a textbook."""
    reviewer: Name | None = None
    """Who read it and agreed with ``excludes``."""


class Scale(_Part):
    """An ordered scale of grades, lightest first."""

    name: Name
    grades: tuple[Name, ...] = Field(min_length=2)
    measure: Name | None = None
    """What is graded, as in "severe in degree"; None if that isn't said of it."""
    synonyms: dict[Name, tuple[Name, ...]] = {}
    """Grade -> other words that mean it."""
    also_read: dict[Name, tuple[Name, ...]] = {}
    """Grade -> words that only the reader takes for it."""


class Region(_Part):
    """A kind of place, without a side."""

    name: Name
    within: tuple[Name, ...] = ()
    """Regions that contain it wholly: what is in it is in them too."""
    overlaps: tuple[Name, ...] = ()
    """Regions that it shares some of, neither holding the other: one can't make the other false."""
    superimposed: tuple[Name, ...] = ()
    """Regions of the same side that lie in front of or behind it on a frontal image, so that one view can
    hardly tell the two apart: lobes of one lung."""


class Place(_Part):
    """A place that a fact can name: a region with a side, or a side alone."""

    name: Name
    side: Literal["left", "right", "both"] | None = None
    region: Name | None = None
    """None for a bare side ("left", "right", "bilateral")."""
    phrase: Name
    """After a noun or verb: "in the right lower lobe", "on the left", "bilaterally"."""
    adjective: Name | None = None
    """Before a noun, where natural: "right lower lobe", "left", "bilateral"."""
    mirror: Name | None = None
    """The same region on the other side."""
    neighbours: tuple[Name, ...] = ()
    """Near places on the same side that it is mistaken for."""
    synonyms: tuple[Name, ...] = ()
    also_read: tuple[Name, ...] = ()
    """More names that only the reader knows."""


class Predicate(_Part):
    """Subjects and adjectives that state a condition together: "the heart is enlarged", "enlarged heart".

    Without subjects, any place may be the subject: "the left lower lobe is collapsed".
    """

    subjects: tuple[Name, ...]
    adjectives: tuple[Name, ...]


class Condition(Phrase):
    """A finding: its label, its names, its affirmative alternative, its places and grades."""

    name: Name
    """Label of the corpus, e.g. "Pleural Effusion"; ``text`` is the name in running text."""
    affirmative: tuple[Alternative, ...] = Field(min_length=1)
    """Ways to say, without a negation, that it is absent. A file may give one alone, without a list."""
    excludes: tuple[Name, ...] = ()
    """What "no (text)" denies beside this finding: "no pleural abnormality" leaves room for no effusion."""
    parents: tuple[Name, ...] = ()
    """Findings that are present whenever this one is (label hierarchy)."""
    scale: Name | None = None
    """Which grades it takes; none if it has none."""
    grade_words: dict[Name, Name] = {}
    """Grade -> the word for it beside this finding, where the grade's own doesn't go with it."""
    places: tuple[Name, ...] = ()
    """Where it can be."""
    extends: bool = False
    """Whether it may reach from a place on record to another one: a line enters on the left, and its tip lies
    on the right. Then a place on record never makes another one free of it."""
    unsaid_places: tuple[Name, ...] = ()
    """Of these, the places that are read of it and never written: no report says "lingular edema"."""
    after_noun: tuple[Name, ...] = ()
    """Places that are said after its name only: "a fracture on the right", not "a right fracture"."""
    gone: tuple[Name, ...] = ()
    """Words that say that it is gone without naming it: "extubated"."""
    narrower: tuple[Name, ...] = ()
    """Names of one kind of it only: without a "tension pneumothorax" there may still be a pneumothorax."""
    only_with_place: tuple[Name, ...] = ()
    """Names that the reader takes for this finding only where one of its places is said too: "lesion"."""
    qualifiers: tuple[Name, ...] = ()
    """Words by which it is denied in part, and which are written where a source does so: "focal"."""
    predicates: tuple[Predicate, ...] = ()
    """Sentences that state it without its name; read by the parser, never written."""

    @field_validator("affirmative", mode="before")
    @classmethod
    def _list_one(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]


class Clash(_Part):
    """Every affirmative phrase of ``absent`` excludes ``present`` too: an older way to say ``excludes``."""

    absent: Name
    present: Name
    why: Name


class SignOff(_Part):
    """One person's signature under a review of this file (`nastdata review --ontology`)."""

    name: Name
    role: Name
    date: Name
    """YYYY-MM-DD."""
    scope: Name
    items: int = Field(ge=0)
    """Statements that were drawn; what came of them follows."""
    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    unsure: int = Field(ge=0)
    open: int = Field(ge=0)
    """Readers disagree, and nobody has decided."""
    unread: int = Field(ge=0)
    krippendorff: float | None = None
    """Krippendorff's alpha of the readers; null with one reader, or if all said the same."""
    content: Name
    """sha256 of the file's content without its review, when it was signed."""
    records: Name
    """sha256 of the records of the review."""
    digest: Name
    """Ties all of this together."""


class Review(_Part):
    """Who looked at this file, and at what."""

    status: Name
    reviewed_by: tuple[Name, ...] = ()
    notes: tuple[Name, ...] = ()
    sign_offs: tuple[SignOff, ...] = ()

    @model_serializer(mode="wrap")
    def _leave_out_nobody(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files that nobody signed are written as they were before there were sign-offs."""
        out: dict[str, Any] = handler(self)
        if not self.sign_offs:
            out.pop("sign_offs", None)
        return out


class Ontology(_Part):
    """A whole ontology file. Conditions keep the file's order, which is the canonical order."""

    name: Name
    version: int
    subject: Phrase
    """What is looked at: "chest radiograph"."""
    subject_synonyms: tuple[Name, ...] = ()
    review: Review
    scales: tuple[Scale, ...] = ()
    regions: tuple[Region, ...] = ()
    places: tuple[Place, ...] = ()
    conditions: tuple[Condition, ...] = Field(min_length=3)
    clashes: tuple[Clash, ...] = ()
    others: tuple[Name, ...] = ()
    """Phrases that hold a condition's name and mean something else ("pericardial effusion")."""
    qualifiers: tuple[Name, ...] = ()
    """Words by which any finding is denied in part: "significant"."""
    evident: tuple[Name, ...] = ()
    """The same, of words that are true of every finding that is surely there: "definite", "visible"."""
    vocabulary: tuple[Name, ...] = ()
    """Domain words that a text may hold beside names, places and grades without stating a fact."""

    @model_validator(mode="after")
    def _check_references(self) -> Ontology:
        problems = find_mistakes(self)
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @cached_property
    def condition_by_name(self) -> dict[str, Condition]:
        """Condition name -> condition."""
        return {c.name: c for c in self.conditions}

    @cached_property
    def place_by_name(self) -> dict[str, Place]:
        """Place name -> place."""
        return {p.name: p for p in self.places}

    @cached_property
    def region_by_name(self) -> dict[str, Region]:
        """Region name -> region."""
        return {r.name: r for r in self.regions}

    def list_qualifiers(self, condition: str) -> tuple[str, ...]:
        """Return the words by which a condition may be denied in part in a text."""
        own = self.condition_by_name[condition].qualifiers
        return tuple(dict.fromkeys((*self.evident, *self.qualifiers, *own)))

    @cached_property
    def order(self) -> dict[str, int]:
        """Condition name -> position in the canonical order."""
        return {c.name: i for i, c in enumerate(self.conditions)}

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Condition name -> every finding that is present whenever it is."""
        out: dict[str, frozenset[str]] = {}

        def climb(name: str) -> frozenset[str]:
            if name not in out:
                above = self.condition_by_name[name].parents
                out[name] = frozenset(above).union(*(climb(p) for p in above))
            return out[name]

        for c in self.conditions:
            climb(c.name)
        return out

    @cached_property
    def descendants(self) -> dict[str, frozenset[str]]:
        """Condition name -> every finding that it is present with."""
        return {
            c.name: frozenset(d for d, above in self.ancestors.items() if c.name in above)
            for c in self.conditions
        }

    @cached_property
    def denied_by_name(self) -> dict[str, frozenset[str]]:
        """Condition name -> all that "no (text)" denies: itself, what it excludes, what is below these."""
        return {c.name: self._close((c.name, *c.excludes)) for c in self.conditions}

    def narrowest_phrase(self, condition: str) -> Alternative:
        """Return the affirmative phrase of a condition that denies least; the first of several."""
        denied = self.denied_by_phrase[condition]
        return min(
            zip(self.condition_by_name[condition].affirmative, denied, strict=True), key=lambda x: len(x[1])
        )[0]

    @cached_property
    def denied_by_phrase(self) -> dict[str, tuple[frozenset[str], ...]]:
        """Condition name -> for each of its affirmative phrases, all that it denies."""
        clashing: dict[str, list[str]] = {}
        for k in self.clashes:
            clashing.setdefault(k.absent, []).append(k.present)
        return {
            c.name: tuple(
                self._close((c.name, *a.excludes, *clashing.get(c.name, ()))) for a in c.affirmative
            )
            for c in self.conditions
        }

    def _close(self, names: Iterable[str]) -> frozenset[str]:
        listed = frozenset(names)
        return listed.union(*(self.descendants[n] for n in listed))

    def grades(self, condition: str) -> tuple[str, ...]:
        """Return the grades of a condition, lightest first; empty if it takes none."""
        scale = self.condition_by_name[condition].scale
        return next((s.grades for s in self.scales if s.name == scale), ())

    def word_grade(self, condition: str, grade: str) -> str:
        """Return the word for a grade beside a finding: "extensive consolidation" for a severe one."""
        return self.condition_by_name[condition].grade_words.get(grade, grade)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the content, independent of the file's layout."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def content(self) -> str:
        """sha256 of the content without its review, which is what reviewers sign."""
        # defaults are left out, so that a key of a later version does not change what was signed
        plain = self.model_dump(mode="json", exclude={"review"}, exclude_defaults=True)
        content = json.dumps(plain, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()
