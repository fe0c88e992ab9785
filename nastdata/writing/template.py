"""The default writer: sentence plans, drawn by hash. No model, no download, never a failure."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.ontology import Ontology
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording
from nastdata.seeded import draw_int
from nastdata.writing.base import Checks, Failure, Writer
from nastdata.writing.grammar.facts import FactGrammar, Sentence
from nastdata.writing.grammar.options import OptionGrammar
from nastdata.writing.grammar.plans import Plan, draw_plan


class TemplateWriter:
    """Words statements from sentence plans (implements ``writer.Writer``).

    Args:
        ontology: names, articles, alternatives, places and grades.
        seed: the build's seed; together with statement and index it decides every text.
    """

    name = "template"
    tries_again = False

    def __init__(self, ontology: Ontology, seed: int) -> None:
        self.ontology = ontology
        self.seed = seed
        self._options = OptionGrammar(ontology)
        self._facts = FactGrammar(ontology)
        self._plans: dict[tuple[tuple[str, ...], int], Plan] = {}
        self._sentences: dict[Fact, tuple[Sentence, ...]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as what it was made of, without what it has built up since."""
        return type(self), (self.ontology, self.seed)

    def account(self) -> None:
        """Words from plans cost nothing."""
        return

    def close_run(self) -> None:
        """Nothing to account for."""
        return

    def write_options(self, wanted: Sequence[tuple[OptionStatement, int]]) -> list[OptionWording | Failure]:
        """Word options; the plan depends on the three conditions and the index, never on the labels."""
        out: list[OptionWording | Failure] = []
        for statement, index in wanted:
            key = statement.conditions, index
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = draw_plan(self.seed, statement.conditions, index)
            negated, affirmative, spans = self._options.word(
                plan, statement.conditions, statement.labels, statement.phrases
            )
            out.append(OptionWording(statement, index, plan.plan_id, negated, affirmative, spans, self.name))
        return out

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Word facts, one sentence each; an uncertain fact is never written."""
        out: list[FactWording | Failure] = []
        for fact, index in wanted:
            if fact.existence == "uncertain":
                out.append(Failure(fact, index, "an uncertain fact is not written"))
                continue
            sentences = self._sentences.get(fact)
            if sentences is None:
                sentences = self._sentences[fact] = self._facts.list_sentences(fact)
            start = draw_int(self.seed, "sentence", *(str(v) for v in _attributes(fact)))
            chosen = sentences[_walk(start, index, len(sentences))]
            out.append(FactWording(fact, index, chosen.plan_id, chosen.text, self.name))
        return out


def _attributes(fact: Fact) -> tuple[str | None, ...]:
    own = (fact.qualifier,) if fact.qualifier else ()
    return fact.condition, fact.existence, fact.location, fact.severity, fact.denies, *own


def _walk(start: int, index: int, n: int) -> int:
    """Return the place of the ``index``-th step of a walk that visits all of ``n`` before repeating."""
    stride = _coprime(1 + (start >> 32) % n, n)
    return (start + index * stride) % n


def _coprime(near: int, n: int) -> int:
    while gcd(near, n) != 1:
        near += 1
    return near


def make_template_writer(
    settings: WriterSettings,
    ontology: Ontology,
    seed: int,
    checks: Checks,
    fallback: Writer,
    *,
    fresh: bool,
    engine: Engine = IN_PROCESS,
) -> Writer:
    """Return the fallback, which is the template writer (a ``registry.MakeWriter``)."""
    return fallback
