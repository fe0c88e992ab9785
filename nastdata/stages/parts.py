"""The configs of a build: each is designed, then put into words; either is kept once it is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from nastdata.assemble.facts import assemble_captions, assemble_claims
from nastdata.assemble.options import Assembled, assemble_mednega
from nastdata.assemble.prompts import assemble_prompts
from nastdata.assemble.protocols import assemble_protocols
from nastdata.design.base import Design
from nastdata.design.contextual.captions import design_captions
from nastdata.design.contextual.claims import design_claims
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.truth_table import Known, know
from nastdata.design.drawing import design_enough
from nastdata.design.mednega.design import design_mednega
from nastdata.design.pairs.opposition import design_opposition
from nastdata.design.pairs.probes import design_probes
from nastdata.design.pairs.tokens import load_token_counter
from nastdata.design.protocols.design import design_protocols
from nastdata.engines.base import Engine
from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.progress import Progress
from nastdata.recipe import (
    BuildRecipe,
    ContextualRecipe,
    MednegaRecipe,
    OppositionRecipe,
    ProbesRecipe,
    ProtocolsRecipe,
)
from nastdata.stages.folder import Stages
from nastdata.stages.results import pack_design, pack_words, unpack_design, unpack_words
from nastdata.writing.base import Writer

TAKEN = "; kept from the interrupted build"
MEDNEGA_STUDIES, CONTEXTUAL_STUDIES = 10.0, 10.0
"""Studies that a build with a limit looks at for each row, to begin with."""


@dataclass(frozen=True)
class Part:
    """One config, and what is said of it when it is done."""

    config: str
    design: Callable[[], Design]
    word: Callable[[Design], Assembled]
    tell_design: Callable[[Design], str]
    tell_words: Callable[[Assembled], str]


@dataclass(frozen=True)
class Keys:
    """What a config's design and worded rows follow from; words of None are not kept."""

    design: str
    words: str | None


def make_part(part: Part, keys: Keys, stages: Stages, progress: Progress) -> tuple[Assembled, dict[str, Any]]:
    """Design a config and put it into words, as far as an earlier run has not.

    Returns:
        Its rows, with what the design left out among the rejects; the design's report.
    """
    design_name, words_name = f"design {part.config}", f"words {part.config}"
    if keys.words and (kept := stages.find(words_name, keys.words)) is not None:
        with progress.stage("words") as stage:
            assembled, report = unpack_words(kept)
            stage.tell(part.tell_words(assembled) + TAKEN)
        return assembled, report
    with progress.stage("design") as stage:
        design = stages.run(design_name, keys.design, part.design, pack_design, unpack_design)
        stage.tell(part.tell_design(design) + (TAKEN if design_name in stages.taken else ""))
    with progress.stage("words") as stage:
        start = time.monotonic()
        worded = part.word(design)
        assembled = replace(worded, rejects=pl.concat([design.rejects, worded.rejects]))
        stage.tell(part.tell_words(assembled))
    if keys.words:
        stages.keep(words_name, keys.words, pack_words(assembled, design.report), time.monotonic() - start)
        stages.drop(design_name)
    return assembled, design.report


def list_parts(
    recipe: BuildRecipe,
    studies: pl.DataFrame,
    statements: pl.DataFrame | None,
    ontology: Ontology,
    writer: Writer,
    engine: Engine,
) -> list[Part]:
    """List the configs that a recipe asks for.

    Args:
        recipe: of the build.
        studies: label or fact frame with ``split``.
        statements: sentences of reports, where a source has them.
        ontology: of the build.
        writer: words what is designed.
        engine: where texts are read back.

    Raises:
        UserError: if it is of a kind that builds nothing.
    """
    if isinstance(recipe, MednegaRecipe):
        return [
            Part(
                "mednega",
                lambda: design_enough(
                    lambda part: design_mednega(part, ontology, recipe),
                    studies,
                    seed=recipe.seed,
                    limit=recipe.limit,
                    per_row=MEDNEGA_STUDIES / recipe.items_per_study,
                ),
                lambda design: assemble_mednega(design.frame, writer, ontology, recipe, engine),
                lambda design: f"{recipe.design}: {len(design.frame):,} items",
                lambda part: f"{part.report['distinct_wordings']:,} distinct options worded and read back",
            )
        ]
    if isinstance(recipe, ContextualRecipe):
        return _list_contextual(recipe, studies, ontology, writer, engine)
    if isinstance(recipe, ProbesRecipe):
        config, noun = "probes", "pairs"
    elif isinstance(recipe, OppositionRecipe):
        config, noun = "opposition", "pairs"
    elif isinstance(recipe, ProtocolsRecipe):
        config, noun = "protocols", "questions"
    else:
        raise UserError(f"'{recipe.recipe}' recipes are not built", how="nastdata train RECIPE")

    def design() -> Design:
        if isinstance(recipe, ProbesRecipe):
            return design_probes(studies, ontology, recipe, load_token_counter(recipe.tokenizer))
        if isinstance(recipe, OppositionRecipe):
            return design_opposition(studies, ontology, recipe)
        return design_protocols(studies, ontology, recipe, statements)

    assemble = assemble_protocols if config == "protocols" else assemble_prompts
    return [
        Part(
            config,
            design,
            lambda design: assemble(config, design, ontology, engine),
            lambda design: f"{len(design.frame):,} {noun}",
            lambda part: f"{part.report['distinct_texts']:,} distinct texts read back",
        )
    ]


def _list_contextual(
    recipe: ContextualRecipe, facts: pl.DataFrame, ontology: Ontology, writer: Writer, engine: Engine
) -> list[Part]:
    made: dict[int, Known] = {}

    def known(part: pl.DataFrame) -> Known:
        """Claims and captions look at the same patients, or at parts of other sizes."""
        if len(part) not in made:
            made.clear()
            made[len(part)] = know(
                part,
                logic_of(ontology),
                recipe.seed,
                recipe.negation_types,
                hard=recipe.claims.hard_places == "keep",
            )
        return made[len(part)]

    def enough(design: Callable[[pl.DataFrame], Design]) -> Design:
        return design_enough(design, facts, seed=recipe.seed, limit=recipe.limit, per_row=CONTEXTUAL_STUDIES)

    parts = []
    if recipe.claims.enabled:
        parts.append(
            Part(
                "contextual_claims",
                lambda: enough(lambda part: design_claims(part, ontology, recipe, known(part))),
                lambda design: assemble_claims(design.frame, writer, ontology, recipe, engine),
                lambda design: f"{len(design.frame):,} claim sets",
                lambda part: f"{part.report['distinct_texts']:,} distinct claims worded and read back",
            )
        )
    if recipe.captions.enabled:
        parts.append(
            Part(
                "contextual_captions",
                lambda: enough(lambda part: design_captions(part, ontology, recipe, known(part))),
                lambda design: assemble_captions(design.frame, writer, ontology, recipe, engine),
                lambda design: f"{len(design.frame):,} captions",
                lambda part: f"{part.report['distinct_texts']:,} distinct captions worded and read back",
            )
        )
    return parts
