"""What the reader knows about one language: cues with their kinds, section headings, examples.

A register is a YAML file under ``registers/``; ``english.yaml`` explains the format. The tests read every
example of every register (``list_examples``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from nastdata.errors import UserError
from nastdata.ontology import Name
from nastdata.reading.kinds import SYMBOL, Kind, compile_pattern
from nastdata.reading.language.spelling import Spelling, expand

LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Reads every value as text, so that "no" and "on" are words, not false and true."""
FOLDER = Path(__file__).resolve().parent / "registers"
DEFAULT = "english"
Reach = Literal["next", "before", "either side", "clause", "sentence", "joint", "itself"]
REACHES: dict[Kind, Reach] = {
    Kind.DENIAL: "next",
    Kind.NOT: "either side",
    Kind.ABSENT: "either side",
    Kind.LACKING: "either side",
    Kind.EXCLUDED: "either side",
    Kind.EXCLUDE: "next",
    Kind.SEEN: "either side",
    Kind.SHOWS: "next",
    Kind.WITH: "next",
    Kind.THERE_IS: "next",
    Kind.SIGN_OF: "next",
    Kind.DOUBT: "either side",
    Kind.DOUBT_NEXT: "next",
    Kind.HISTORY: "next",
    Kind.PREVIOUS: "next",
    Kind.ASKS: "next",
    Kind.SUPPOSES: "sentence",
    Kind.CONTRAST: "clause",
    Kind.EXCEPT: "next",
    Kind.AND: "joint",
    Kind.OR: "joint",
    Kind.NOR: "joint",
    Kind.VERSUS: "joint",
    Kind.SAME: "next",
    Kind.PERSISTING: "next",
    Kind.RESOLUTION: "next",
    Kind.NEITHER: "next",
}
"""How far a kind reaches; a kind that isn't here reaches nothing ("itself")."""
Role = Literal[
    "determiner",
    "contrastive",
    "neither",
    "have",
    "other_view",
    "pronoun",
    "rule_out",
    "well",
    "free",
    "explains",
    "mainly",
    "only",
    "all_but",
    "plural",
    "sure_if_denied",
    "finite",
    "clause",
    "question",
    "other",
    "definite",
    "idle",
    "cause",
]
"""Finer differences within a kind:

* determiner: a negation that makes one noun phrase with what follows ("no"), unlike "free of";
* contrastive: denies a place or a grade too ("rather than the left lung");
* neither: also stands after its noun ("neither is seen");
* have: "has", a main verb or an auxiliary;
* other_view: what isn't seen on the "lateral" view or the "prior" image is not thereby absent;
* pronoun: at the head of a sentence it stands for what the sentence before named;
* rule_out: "rule out" asks; well: "not well seen"; free: "fracture-free"; only: no negation after "not";
* all_but: "all but resolved" says that a rest is left; plural: a verb in the plural;
* sure_if_denied: "not in doubt" says that it is there;
* clause: denies a whole clause ("it is not true that"), so that a denial within it is a double one;
* other: stands for another finding ("another is absent");
* definite: what it is said of is there, whatever is said of it ("the mass is not round");
* idle: may be at the end of any clause and adds nothing ("there", "at all");
* cause: after it, what is known already is there ("likely due to the known effusion");
* question: a later statement answers it;
* finite: a verb, whose subject may be an absence ("the absence of X suggests Y");
* explains: gives the cause of what was said; after a denial, it states nothing;
* mainly: the place after it is none beside another one ("bilateral, mainly right").
"""
UNLICENSED = frozenset(
    {
        *(
            Kind.RESOLVED,
            Kind.RESOLUTION,
            Kind.RESOLVE,
            Kind.NEARLY,
            Kind.RECURRED,
            Kind.DOUBT_NOUN,
            Kind.MISS,
        ),
        *(Kind.HARD, Kind.MIMICS, Kind.LOOKS_LIKE, Kind.TURNS_OUT, Kind.SPARES, Kind.ONLY, Kind.EXCEPT),
        *(Kind.DOUBT, Kind.DOUBT_NEXT, Kind.HISTORY, Kind.PREVIOUS, Kind.ASKS, Kind.SUPPOSES),
        *(Kind.PERSISTING, Kind.CHANGE, Kind.EXCLUDE, Kind.EXCLUDED, Kind.VERSUS, Kind.ONE),
    }
)
"""Kinds that no caption of a definite fact needs: doubt, history, change."""
CUE = "{cue}"
Phrases = Annotated[tuple[Name, ...], AfterValidator(expand)]
"""Phrases; "(a|b|)" in one is one of the alternatives, an empty one may be left out."""
KEEP = "="


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Part):
    """A text and its right reading, by labels, by facts, or by what is left unread."""

    text: str
    labels: dict[str, Annotated[int, Field(ge=-1, le=1)]] | None = None
    """Condition -> 1 present, 0 absent, -1 uncertain; all that the text says."""
    facts: tuple[str, ...] | None = None
    """As ``nastdata parse`` prints them: "Pleural Effusion present (small, left)"."""
    unread: tuple[str, ...] | None = None
    """Words that must be left unread."""

    @model_validator(mode="after")
    def _says_something(self) -> Example:
        if self.labels is None and self.facts is None and self.unread is None:
            raise ValueError("give labels, facts or unread")
        return self


class Cue(_Part):
    """Words that do the same thing."""

    kind: Kind
    reach: Reach = "itself"
    words: Annotated[Phrases, Field(min_length=1)]
    roles: tuple[Role, ...] = ()
    caption: bool | None = None
    """Whether a caption of one fact may hold them; None: by the kind."""
    note: str | None = None
    examples: tuple[Example, ...] = Field(min_length=1)

    @property
    def licensed(self) -> bool:
        """Whether a caption may hold them without stating more than a fact."""
        return self.kind not in UNLICENSED if self.caption is None else self.caption

    @model_validator(mode="after")
    def _reaches(self) -> Cue:
        wanted = REACHES.get(self.kind, "itself")
        if self.reach != wanted:
            raise ValueError(f"reach of {self.kind} is '{wanted}', not '{self.reach}'")
        return self


def _check_pattern(text: str) -> str:
    try:
        compile_pattern(text)
    except (KeyError, re.error) as e:
        raise ValueError(f"'{text}' is not a pattern over kinds: {e}") from None
    return text


PatternText = Annotated[str, AfterValidator(_check_pattern)]


class Construct(_Part):
    """A sequence of kinds that together say something else than one by one."""

    name: Name
    pattern: tuple[PatternText, ...] = Field(min_length=1)
    """Pieces, each a pattern over kinds (``kinds.compile_pattern``)."""
    becomes: tuple[str, ...]
    """For each piece the kind that takes its place; "=" keeps it."""
    reason: str | None = None
    """Why what it makes unread isn't understood."""
    examples: tuple[Example, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Construct:
        if len(self.becomes) != len(self.pattern):
            raise ValueError(f"{self.name}: {len(self.pattern)} pieces become {len(self.becomes)}")
        for kind in self.becomes:
            if kind not in SYMBOL and kind != KEEP:
                raise ValueError(f"{self.name}: no kind '{kind}'")
        return self


class CaptionPhrase(_Part):
    """Kinds that make one phrase of a caption."""

    becomes: Kind
    pattern: PatternText


class CaptionStatement(_Part):
    """A caption that says one fact: its whole pattern, over kinds and phrases."""

    says: Literal["present", "absent", "denied"]
    pattern: PatternText
    examples: tuple[str, ...] = Field(min_length=1)


class Captions(_Part):
    """What a caption of one fact may look like."""

    lead: PatternText = ""
    """What may be before every statement."""
    phrases: tuple[CaptionPhrase, ...] = ()
    """Put together first, from top to bottom."""
    statements: tuple[CaptionStatement, ...] = ()


class Sections(_Part):
    """Headings of a report's sections, lower case."""

    findings: tuple[Name, ...] = ()
    """What is seen."""
    certain: tuple[Name, ...] = ()
    """Those that are headings without a colon even where all is in capitals."""
    parts: tuple[Name, ...] = ()
    """A part of the chest, within the findings: "Lungs:"."""
    silent: tuple[Name, ...] = ()
    """Why and how the image was made, and what it was compared with: nothing is said about this image."""


class PredicateNames(_Part):
    """Subjects and adjectives that state a condition together."""

    subjects: Phrases = ()
    """Without them, any place may be the subject."""
    adjectives: Annotated[Phrases, Field(min_length=1)]


class Abbreviations(_Part):
    """Words whose full stop ends no sentence."""

    joining: tuple[Name, ...] = ()
    """Never: "vs.", "approx."."""
    inside: tuple[Name, ...] = ()
    """Not before a small letter: "neg. for"."""


class Names(_Part):
    """An ontology's names in this language, where the ontology is written in another one."""

    conditions: dict[Name, Phrases] = {}
    """Condition -> its names."""
    only_with_place: dict[Name, Phrases] = {}
    """Condition -> names that count only where one of its places is said too."""
    alternatives: dict[Name, Phrases] = {}
    """Condition -> phrases that say without a negation that it is absent."""
    predicates: dict[Name, tuple[PredicateNames, ...]] = {}
    """Condition -> subjects and adjectives that state it together: "the heart is enlarged"."""
    gone: dict[Name, Phrases] = {}
    """Condition -> words that say that it is gone without naming it."""
    places: dict[Name, Phrases] = {}
    """Place -> its names, with or without a preposition."""
    regions: dict[Name, Phrases] = {}
    """Region -> its names, to which ``sides`` are added."""
    sides: dict[Literal["left", "right", "both"], Phrases] = {}
    """Side -> what names a region on it: "{region} derecho"."""
    grades: dict[Name, Phrases] = {}
    """Grade of any scale -> words that mean it."""
    others: Phrases = ()
    """Phrases that hold a condition's name and mean something else."""
    vocabulary: Phrases = ()


class Hazard(_Part):
    """Words that may turn what a sentence says, and that no cue knows."""

    reason: Name
    """Why the findings of their clause stay unread."""
    words: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Single words, every form."""
    example: str
    """A sentence with ``{cue}``; all of it stays unread."""


class Qualifiers(_Part):
    """Words that restrict a denial: "no focal consolidation" leaves another consolidation open."""

    meaning: Name
    """In what they restrict it."""
    words: Annotated[tuple[Name, ...], Field(min_length=1)]
    example: str
    """A denial with ``{cue}``; its fact has that qualifier."""


class Register(_Part):
    """One language as radiologists write it."""

    language: str = Field(pattern=r"^[a-z]{2}$")
    name: Name
    detect: tuple[Name, ...] = Field(min_length=1)
    """Frequent small words, by which the language of a text is found out."""
    fold_accents: bool = False
    """Read "\u00f3" as "o"."""
    stem: str | None = None
    """Snowball's name of the language: words are compared by their stems, whatever their ending."""
    unstemmed: tuple[Name, ...] = ()
    """Words that keep their ending, since another word's stem would hide them."""
    skip: tuple[Name, ...] = ()
    """Small words that are passed over wherever they are."""
    short_forms: dict[Name, Name] = {}
    """Word -> what it is short for."""
    plurals: tuple[tuple[str, str], ...] = ()
    """(pattern, replacement) of regular plurals; the first that is found in a phrase counts."""
    respell: tuple[tuple[str, str], ...] = ()
    """(pattern, replacement) from other spellings to the common one, for words of more than four letters."""
    participle_endings: tuple[str, ...] = ()
    """Endings of words that may say, of what is before them, that it is there: "traceable"."""
    adverb_ending: str = ""
    """Ending of adverbs: an unknown word with it changes nothing."""
    modifiers_follow: bool = False
    """Whether places are after their noun ("derrame izquierdo"), and never before it."""
    telegraphic: bool = False
    """Whether small words may be missing: "no change" needs no preposition before what hasn't changed, a verb
    of seeing may be on either side of what is seen, and a "no" denies only what is known to be deniable."""
    coordination: tuple[str, ...] = ()
    """Joints of two places that share a word: "right *and* left base"."""
    cues: tuple[Cue, ...]
    constructs: tuple[Construct, ...] = ()
    """Applied from first to last before scope is read."""
    captions: Captions = Captions()
    hazards: tuple[Hazard, ...] = ()
    qualifiers: tuple[Qualifiers, ...] = ()
    abbreviations: Abbreviations = Abbreviations()
    sections: Sections = Sections()
    names: dict[Name, Names] = {}
    """Ontology's name -> its names in this language; without them the ontology's own are read."""

    @model_validator(mode="after")
    def _unique(self) -> Register:
        first: dict[str, Kind] = {}
        as_written: dict[str, Kind] = {}
        twice = []
        for cue in self.cues:
            for word in cue.words:
                known = as_written.get(word.lower())
                same = self.spelling.join(word) if self.spelling.reduces else word.lower()
                other = first.setdefault(same, cue.kind)
                if known or other != cue.kind:
                    twice.append(f"'{word}' is under {known or other} and under {cue.kind}")
                as_written[word.lower()] = cue.kind
        for hazard in self.hazards:
            for word in hazard.words:
                if (found := as_written.get(word.lower())) is not None:
                    twice.append(f"'{word}' is a hazard and under {found}")
                as_written[word.lower()] = Kind.UNKNOWN
        if twice:
            raise ValueError("; ".join(twice[:20]))
        return self

    @cached_property
    def spelling(self) -> Spelling:
        """How the language's words are compared."""
        return Spelling(
            self.fold_accents,
            self.stem,
            self.unstemmed,
            self.skip,
            self.short_forms,
            self.plurals,
            self.respell,
        )

    def is_adverb(self, word: str) -> bool:
        """Tell whether a word or phrase has an adverb's ending, and may be passed over."""
        if not self.adverb_ending or not word.endswith(self.adverb_ending):
            return False
        return word not in self._hazardous

    @cached_property
    def _hazardous(self) -> frozenset[str]:
        return frozenset(word for hazard in self.hazards for word in hazard.words)

    def list_qualified(self) -> Iterator[tuple[str, str]]:
        """Return the example of every qualifier, and the qualifier."""
        for entry in self.qualifiers:
            for word in entry.words:
                yield _capitalize(entry.example.replace(CUE, word)), word.lower()

    def list_examples(self) -> Iterator[Example]:
        """Return every example, once for each word of its cue where it holds ``{cue}``."""
        for construct in self.constructs:
            yield from construct.examples
        for hazard in self.hazards:
            for word in hazard.words:
                text = _capitalize(hazard.example.replace(CUE, word))
                yield Example(text=text, labels={}, unread=(text.rstrip("."),))
        for cue in self.cues:
            for example in cue.examples:
                if CUE not in example.text:
                    yield example
                    continue
                for word in cue.words:
                    text = example.text.replace(CUE, word)
                    unread = example.unread and tuple(
                        _capitalize(u.replace(CUE, word)) for u in example.unread
                    )
                    yield example.model_copy(update={"text": _capitalize(text), "unread": unread})


def _capitalize(text: str) -> str:
    return text[0].upper() + text[1:]


def list_registers() -> list[str]:
    """Return the names of the registers that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.yaml"))


@lru_cache(maxsize=8)
def load_register(name: str = DEFAULT) -> Register:
    """Load a register that comes with the package by name ("english"), or any YAML file by path.

    Raises:
        UserError: if there is no such register or it holds mistakes.
    """
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    try:
        data: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - text only
        return Register.model_validate(data)
    except OSError:
        known = ", ".join(list_registers())
        raise UserError("no such register", where=name, how=f"known: {known}, or a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise UserError(f"not a readable YAML file ({str(e).splitlines()[0]})", where=str(path)) from e
    except ValidationError as e:
        lines = [
            f"{'.'.join(map(str, x['loc']))}: {x['msg'].removeprefix('Value error, ')}" for x in e.errors()
        ]
        raise UserError("; ".join(lines), where=str(path)) from e
