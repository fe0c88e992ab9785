"""Writers by name: the template writer, language models, and those of other packages."""

from __future__ import annotations

from typing import Protocol

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.ontology import Ontology
from nastdata.recipe import WriterSettings
from nastdata.registry import get_adapter
from nastdata.writing.base import Checks, Writer
from nastdata.writing.template import TemplateWriter

GROUP = "nastdata.writers"
"""Entry points: the name of ``--realizer`` -> a ``MakeWriter``."""


class MakeWriter(Protocol):
    """Makes a writer for one build; ``fallback`` is the template writer."""

    def __call__(
        self,
        settings: WriterSettings,
        ontology: Ontology,
        seed: int,
        checks: Checks,
        fallback: Writer,
        *,
        fresh: bool,
        engine: Engine = IN_PROCESS,
    ) -> Writer:
        """Return the writer; arguments as of ``make_writer``."""
        ...


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
    template = TemplateWriter(ontology, seed)
    make: MakeWriter = get_adapter(GROUP, settings.realizer)
    writer = make(settings, ontology, seed, checks, template, fresh=fresh, engine=engine)
    if not dry or writer is template:
        return writer
    from nastdata.writing.language_models.estimate import EstimatingWriter

    return EstimatingWriter(writer, template, settings, fresh=fresh)
