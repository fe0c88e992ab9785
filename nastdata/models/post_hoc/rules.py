"""Rules that read a text and say by which affirmations it is to be scored.

"There is no pneumothorax." is scored as what is left of "There is a pneumothorax.", as CXR-ContraBench's
verifier (QCCV-Neg, arXiv 2605.05810) turns a negated option into its counterpart: no training, nothing but
a reader. The reader here is ``nastdata.parse``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from nastdata.ontology import Ontology
from nastdata.reading.api import parse
from nastdata.records import Fact
from nastdata.writing.grammar.facts import FactGrammar

RuleName = Literal["flip", "rewrite", "ensemble"]
WORDINGS = 8
"""Wordings of one affirmation that ``ensemble`` takes the mean of."""


@dataclass(frozen=True)
class Term:
    """A part of a text's score: a weight on the score of an affirmation."""

    weight: float
    text: str


Rule = Callable[[str], tuple[Term, ...]]


@dataclass(frozen=True)
class _Read:
    """What a text says: facts in words of their own, and findings whose absence it says affirmatively."""

    facts: tuple[Fact, ...]
    normal: tuple[str, ...]

    @property
    def denies(self) -> bool:
        return any(f.existence == "absent" or f.denies for f in self.facts)

    @property
    def share(self) -> float:
        """Weight of one of them."""
        return 1.0 / (len(self.facts) + len(self.normal))


class Rules:
    """The rules, for one ontology.

    Args:
        ontology: whose findings, places and grades are read and said.
    """

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.grammar = FactGrammar(ontology)

    def get(self, name: RuleName) -> Rule:
        """Return a rule by its name."""
        return {"flip": self.flip, "rewrite": self.rewrite, "ensemble": self.ensemble}[name]

    def flip(self, text: str) -> tuple[Term, ...]:
        """A denied finding counts as much as its affirmation does not; texts that deny nothing stay.

        "There is a fracture, no edema." -> (+1/2 "There is a fracture.", -1/2 "There is pulmonary edema."); a
        denied place or grade -> the finding without it, less the finding with it.
        """
        read = self._read(text)
        if not read.denies:
            return (Term(1.0, text),)
        terms = [t for f in read.facts for t in self._score(f, read.share, 1)]
        return (*terms, *(Term(read.share, self._name_normal(c)) for c in read.normal))

    def rewrite(self, text: str) -> tuple[Term, ...]:
        """As ``flip``, but a finding's absence is said by its affirmative name where it has one.

        "There is no pleural effusion." -> (+1 "Sharp costophrenic angles.",).
        """
        read = self._read(text)
        if not read.denies:
            return (Term(1.0, text),)
        terms = []
        for f in read.facts:
            if f.negation_type == "existence" and (name := self._name_normal(f.condition)):
                terms.append(Term(read.share, name))
            else:
                terms += self._score(f, read.share, 1)
        return (*terms, *(Term(read.share, self._name_normal(c)) for c in read.normal))

    def ensemble(self, text: str) -> tuple[Term, ...]:
        """Every finding, affirmed or denied, by the mean of several wordings of its affirmation.

        Prompt ensembling as for CLIP (arXiv 2103.00020, section 3.1.4), with "no X" as 1 - "X".
        """
        read = self._read(text)
        if not read.facts and not read.normal:
            return (Term(1.0, text),)
        absent = (Fact(c, "absent") for c in read.normal)
        return tuple(t for f in (*read.facts, *absent) for t in self._score(f, read.share, WORDINGS))

    def _read(self, text: str) -> _Read:
        """Return what a text says; nothing if any of it isn't understood, isn't sure, or can't be said."""
        reading = parse(text, ontology=self.ontology)
        facts = tuple(replace(p.fact, qualifier=None) for p in reading.facts)
        sure = all(p.certainty == "definite" and p.time == "now" for p in reading.facts)
        said = all(self._say(f) for f in map(_affirm, facts))
        if reading.unread or not sure or not said or any(f.existence == "uncertain" for f in facts):
            return _Read((), ())
        return _Read(facts, tuple(reading.alternatives))

    def _score(self, fact: Fact, share: float, wordings: int) -> list[Term]:
        """Return the terms of a fact; the absolute values of their weights add up to ``share``."""
        shown = _affirm(fact)
        if fact.denies is not None:
            left = (
                replace(shown, location=None) if fact.denies == "location" else replace(shown, severity=None)
            )
            return [*self._weigh(left, share / 2, wordings), *self._weigh(shown, -share / 2, wordings)]
        return self._weigh(shown, -share if fact.existence == "absent" else share, wordings)

    def _weigh(self, fact: Fact, weight: float, wordings: int) -> list[Term]:
        said = self._say(fact)
        some = said[:: max(1, len(said) // wordings)][:wordings]
        return [Term(weight / len(some), sentence) for sentence in some]

    def _say(self, fact: Fact) -> list[str]:
        """Return an affirmation's wordings, the plainest first; none if the ontology can't say it."""
        try:
            return [s.text for s in self.grammar.list_sentences(fact)]
        except KeyError:
            return []

    def _name_normal(self, condition: str) -> str:
        """Return the affirmative name of a finding's absence, as a sentence; empty if it has none."""
        if not self.ontology.condition_by_name[condition].affirmative:
            return ""
        text = self.ontology.narrowest_phrase(condition).text
        return f"{text[0].upper()}{text[1:]}."


def _affirm(fact: Fact) -> Fact:
    return Fact(fact.condition, "present", fact.location, fact.severity)
