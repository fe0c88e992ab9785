"""What a writer is: something that puts statements into words. The template writer is the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.ontology import Ontology
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording


@dataclass(frozen=True, slots=True)
class Failure:
    """A statement that could not be worded, with the last refused text and the reason."""

    statement: OptionStatement | Fact
    index: int
    reason: str
    text: str | None = None


class Writer(Protocol):
    """Words distinct statements; ``index`` numbers the wordings of a statement from 0.

    Results stand in the order asked for. What a writer returns for (statement, index) depends on these,
    the ontology and the seed only, never on what else was asked for in the same call.
    """

    name: str
    tries_again: bool
    """Whether it reads its own texts back and mends them, so that asking again is of no use."""

    def account(self) -> dict[str, Any] | None:
        """Return what the words cost, for the manifest; None if nothing."""
        ...

    def close_run(self) -> str | None:
        """Keep the account of this run, which is no part of the dataset; return it in one line, if any."""
        ...

    def write_options(self, wanted: Sequence[tuple[OptionStatement, int]]) -> list[OptionWording | Failure]:
        """Word MCQ options; options of three equal conditions with equal index share a plan."""
        ...

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Word facts, one sentence each."""
        ...


@dataclass(frozen=True)
class Checks:
    """What a writer may ask about its own texts before it hands them over; None means "good".

    The build reads every text back again afterwards: these let a writer that can be told the reason (a
    language model) mend a text.
    """

    option: Callable[[OptionWording], str | None]
    fact: Callable[[FactWording], str | None]
    negated: Callable[[OptionStatement, str], str | None]
    """Of a negated option text alone, before there is an affirmative one."""


def make_writer(
    settings: WriterSettings,
    ontology: Ontology,
    seed: int,
    checks: Checks,
    *,
    fresh: bool = False,
    dry: bool = False,
    engine: Engine = IN_PROCESS,
) -> Writer:
    """Return the writer that the recipe names, importing only what it needs.

    Args:
        settings: the recipe's.
        ontology: names and phrases.
        seed: the recipe's.
        checks: read a text back.
        fresh: ask models again instead of using kept answers.
        dry: count the questions instead of putting them; the words are then the template's.
        engine: whose workers a local model is asked on.

    Raises:
        UserError: if something that the writer needs is missing.
    """
    from nastdata.writing.template import TemplateWriter

    template = TemplateWriter(ontology, seed)
    if settings.realizer == "template":
        return template
    from nastdata.writing.language_models.factory import make_llm_writer

    writer = make_llm_writer(settings, ontology, seed, checks, template, fresh=fresh, engine=engine)
    if not dry:
        return writer
    from nastdata.writing.language_models.estimate import EstimatingWriter

    return EstimatingWriter(writer, template, settings, fresh=fresh)
