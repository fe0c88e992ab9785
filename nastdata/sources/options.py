"""From a recipe to what its sources are told, the reader of their reports included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.reading.second_reader.text_reader import TextReader, make_text_reader
from nastdata.recipe import BuildRecipe
from nastdata.sources.base import Options, Source


def make_options(
    recipe: BuildRecipe,
    ontology: Ontology,
    sources: Sequence[Source],
    *,
    fresh: bool = False,
    dry: bool = False,
) -> tuple[Options, dict[str, Any]]:
    """Return the options of a recipe's sources, and what was decided about the terms of their reports.

    Args:
        recipe: Of the build.
        ontology: The recipe's.
        sources: The recipe's.
        fresh: Put questions to the second reader again.
        dry: Put none: the rules read alone.

    Raises:
        UserError: if a second reader is asked for and no source has reports, or their terms forbid it.
    """
    reader: TextReader | None = None
    sent: dict[str, Any] = {}
    if recipe.reader != "rules":
        with_reports = [s for s in sources if s.has_reports]
        if not with_reports:
            raise UserError(
                f"no reports to read in {', '.join(s.name for s in sources)}",
                where="reader",
                how="drop reader, or use a source with reports (openi)",
            )
        restricted = [s.name for s in with_reports if not s.terms.may_leave_machine]
        if not dry:
            reader, sent = make_text_reader(
                recipe.reader, recipe.second_reader, ontology, restricted, seed=recipe.seed, fresh=fresh
            )
    options = Options(
        seed=recipe.seed,
        phantom_patients=recipe.phantom_patients,
        strength=getattr(recipe, "strength", ("exact",)),
        closed_world=getattr(recipe, "closed_world", False),
        views=recipe.images.views,
        statements="report_alignment" in getattr(recipe, "protocols", ()),
        reader=reader,
    )
    return options, sent
