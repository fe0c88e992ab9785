"""The one vocabulary of the code: facts, statements and the rows that stages hand to one another.

Values that live in the millions are frozen dataclasses; rows that leave the program (parquet, JSON) are
Pydantic models, from which the parquet schemas, the JSON schemas under ``schemas/`` and the expectation
suites are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Existence = Literal["present", "absent", "uncertain"]
"""``uncertain`` is read by the parser and kept by sources, and never written by a design."""
NegationType = Literal["none", "existence", "location", "severity"]
"""What a text denies: nothing, the finding, its place, or its grade."""
Denial = Literal["location", "severity"]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
LETTERS = ("A", "B", "C", "D")

KIN = "kin"
"""Qualifier of an uncertain finding of which only a finding that may show as it is known: an infiltrate for
consolidation."""
FRONTAL, PAIR, LATERAL, DRAWN = "frontal", "frontal+lateral", "lateral", "drawn"
"""Views of an image: PAIR is a frontal one of a study that has a lateral one too; DRAWN shows all
places apart."""
TOLD_APART = frozenset({PAIR, DRAWN})
"""Views by which lobes of one lung are told apart."""
PRESENT, ABSENT, UNCERTAIN = 1, 0, -1
"""Label values as in CheXpert; a blank (null) is "not mentioned"."""


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One statement about one condition.

    With ``denies`` set, the condition is present and the named attribute holds the value that is denied:
    "Consolidation is not in the right lower lobe." is
    ``Fact("Consolidation", "present", "right lower lobe", None, denies="location")``. Absence with a
    place or a grade is absence of just that: "There is no large pleural effusion." is
    ``Fact("Pleural Effusion", "absent", None, "large")`` and true of a small one.
    """

    condition: str
    existence: Existence
    location: str | None = None
    severity: str | None = None
    denies: Denial | None = None
    qualifier: str | None = None
    """Of an absence, what alone is absent: "focal" in "no focal consolidation"; of a present finding a word
    that its definite presence licenses: "definite"; of an uncertain one ``KIN``; None: all of it."""

    @property
    def negation_type(self) -> NegationType:
        """What a sentence that states this fact denies (the dataset's ``negation_type`` column)."""
        if self.denies is not None:
            return self.denies
        if self.existence != "absent":
            return "none"
        if self.severity is not None:
            return "severity"
        return "location" if self.location is not None else "existence"


@dataclass(frozen=True, slots=True, order=True)
class OptionStatement:
    """An assignment of present (1) or absent (0) to three conditions: what one MCQ option says.

    ``conditions`` are in ontology order, so that equal statements compare equal.
    """

    conditions: tuple[str, str, str]
    labels: tuple[int, int, int]
    phrases: tuple[int, int, int] = (0, 0, 0)
    """For each condition, which of its affirmative phrases stands for its absence (counted from 0)."""


@dataclass(frozen=True, slots=True)
class OptionWording:
    """The two texts of an option statement, from one plan.

    ``spans`` lists the differing pieces as (negated piece, affirmative piece), in order.
    """

    statement: OptionStatement
    index: int
    plan_id: str
    negated: str
    affirmative: str
    spans: tuple[tuple[str, str], ...]
    realizer: str = "template"


@dataclass(frozen=True, slots=True)
class FactWording:
    """One sentence for one fact."""

    fact: Fact
    index: int
    plan_id: str
    text: str
    realizer: str = "template"


Time = Literal["now", "earlier", "resolved", "new"]
"""When a finding that a text names is there: now (also before, or not said), only before, no more, or now and
not before."""
Certainty = Literal["definite", "uncertain"]


@dataclass(slots=True, unsafe_hash=True)
class ParsedFact:
    """What the reader read, with the character span of the condition's name in the text.

    Not to be changed once made; it isn't frozen because millions are made.
    """

    fact: Fact
    start: int
    end: int
    section: str | None = None
    """The heading that it is under, in capitals: "FINDINGS", "IMPRESSION"."""
    sentence: int = 0
    """Which sentence of the text names it, counted from 0."""
    sentence_span: tuple[int, int] = (0, 0)
    """Characters of that sentence."""
    time: Time = "now"
    certainty: Certainty = "definite"
    qualifier: str | None = None
    """Of an absence: the words that restrict what is absent, as written, lower case: "focal", "new large".
    None if all of it is absent."""

    @property
    def condition(self) -> str:
        """The fact's condition."""
        return self.fact.condition

    @property
    def existence(self) -> Existence:
        """The fact's existence."""
        return self.fact.existence

    @property
    def location(self) -> str | None:
        """The fact's place."""
        return self.fact.location

    @property
    def severity(self) -> str | None:
        """The fact's grade."""
        return self.fact.severity

    @property
    def denies(self) -> Denial | None:
        """The attribute that the fact denies."""
        return self.fact.denies


@dataclass(frozen=True, slots=True)
class Unread:
    """A stretch of text that names a finding in a way that the reader doesn't understand."""

    start: int
    end: int
    text: str
    reason: str


class Row(BaseModel):
    """Base of every row that leaves the program."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FactStruct(Row):
    """The four attributes of a fact, as stored in parquet (``denies`` is told by ``negation_type``)."""

    condition: str
    existence: Literal["present", "absent"]
    location: str | None
    severity: str | None


class CaptionFact(FactStruct):
    """The fact of a caption."""

    qualifier: str | None = None
    """What alone is stated or denied: "focal" in "no focal consolidation"; null: all of it."""


class StudyRow(Row):
    """The columns that every row of a dataset carries: where it comes from."""

    source: str
    """Name of the corpus (``chexpert``, ``mimic-cxr``, ...)."""
    patient_id: str
    study_id: str
    image_id: str
    image: str | None
    """Path relative to the source's image root; null where the source has none."""


class MednegaRow(StudyRow):
    """One paired question: the same four options, worded with and without negation."""

    item_id: str
    design: Literal["paper", "balanced"]
    group_id: str
    conditions: list[str] = Field(min_length=3, max_length=3)
    choice_labels: list[list[int]] = Field(min_length=4, max_length=4)
    question: str
    negated_choices: list[str] = Field(min_length=4, max_length=4)
    affirmative_choices: list[str] = Field(min_length=4, max_length=4)
    answer: Literal["A", "B", "C", "D"]
    plan_id: str
    realizer: str


class ClaimSetRow(StudyRow):
    """One image and K claims, of which exactly one is true."""

    set_id: str
    condition: str
    negation_type: NegationType
    set_kind: Literal["same_condition", "mixed_condition"]
    claims: list[str]
    claim_facts: list[FactStruct]
    claim_negations: list[NegationType]
    altered: list[str | None]
    answer: int
    group_id: str
    realizer: str


class CaptionRow(StudyRow):
    """One caption of one fact, negated or its affirmative control."""

    caption_id: str
    caption: str
    polarity: Literal["affirmative", "negated"]
    negation_type: NegationType
    fact: CaptionFact
    realizer: str


class ProbeRow(StudyRow):
    """A correct caption and its foil, equally long in tokens, for causal tracing."""

    pair_id: str
    condition: str
    correct: str
    foil: str
    negation_in: Literal["correct", "foil"]


class OppositionRow(StudyRow):
    """A quadruplet: an image, its prompt, an image of the opposite state, and that one's prompt."""

    pair_id: str
    prompt: str
    distractor_image: str | None
    distractor_image_id: str
    distractor_prompt: str
    condition: str
    style: Literal["structured", "natural"]
    polarity: Literal["positive", "negative"]


class ProtocolRow(StudyRow):
    """A small question about one or two findings; the rows of a group share texts and differ in the truth."""

    item_id: str
    protocol: Literal[
        "presence_yes_no",
        "which_present",
        "which_absent",
        "two_way",
        "report_alignment",
        "unpaired_presence",
    ]
    design: Literal["paired", "unpaired"]
    group_id: str
    condition: str
    other_condition: str | None
    polarity: Literal["affirmative", "negated", "mixed"]
    """Of the question or its options: naming, denying, or one option of each."""
    question: str
    choices: list[str] = Field(min_length=2)
    choice_facts: list[FactStruct]
    """For each choice, what holds of the image if it is right."""
    answer: int


class RejectRow(Row):
    """Something that was left out, with the reason: nothing is dropped silently."""

    stage: str
    reason: str
    source: str
    key: str
    """What was rejected: a study id, an item id, a file and row."""
    text: str | None


CONFIG_ROWS: dict[str, type[Row]] = {
    "mednega": MednegaRow,
    "contextual_claims": ClaimSetRow,
    "contextual_captions": CaptionRow,
    "probes": ProbeRow,
    "opposition": OppositionRow,
    "protocols": ProtocolRow,
}
"""Dataset config name -> row model."""

COLUMN_ORDER: dict[str, tuple[str, ...]] = {
    "mednega": (
        *("item_id", "source", "patient_id", "study_id", "image_id", "image", "design", "group_id"),
        *("conditions", "choice_labels", "question", "negated_choices", "affirmative_choices"),
        *("answer", "plan_id", "realizer"),
    ),
    "contextual_claims": (
        *("set_id", "source", "patient_id", "study_id", "image_id", "image", "condition"),
        *("negation_type", "set_kind", "claims", "claim_facts", "claim_negations", "altered"),
        *("answer", "group_id", "realizer"),
    ),
    "contextual_captions": (
        *("caption_id", "source", "patient_id", "study_id", "image_id", "image", "caption"),
        *("polarity", "negation_type", "fact", "realizer"),
    ),
    "probes": (
        *("pair_id", "source", "patient_id", "study_id", "image_id", "image", "condition"),
        *("correct", "foil", "negation_in"),
    ),
    "opposition": (
        *("pair_id", "source", "patient_id", "study_id", "image_id", "image", "prompt"),
        *("distractor_image_id", "distractor_image", "distractor_prompt", "condition"),
        *("style", "polarity"),
    ),
    "protocols": (
        *("item_id", "source", "patient_id", "study_id", "image_id", "image", "protocol", "design"),
        *("group_id", "condition", "other_condition", "polarity", "question", "choices", "choice_facts"),
        "answer",
    ),
}
"""Dataset config name -> its columns in the order in which they are written."""
