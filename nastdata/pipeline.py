"""From a recipe to a dataset folder: the one place that knows every stage.

    sources -> splits -> design -> words, read back -> audit -> folder

Stages do not import one another; they hand over frames (``frames.py``). Every stage accounts for its rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.assemble.checks import make_checks
from nastdata.assemble.emptiness import explain_empty, find_blank, find_empty_splits, tell_empty
from nastdata.assemble.facts import assemble_captions, assemble_claims
from nastdata.assemble.options import Assembled, assemble_mednega
from nastdata.assemble.prompts import assemble_prompts
from nastdata.assemble.protocols import assemble_protocols
from nastdata.dataset.atomic import write_file
from nastdata.dataset.kept import list_kept
from nastdata.dataset.splits import assign_splits
from nastdata.design.base import Design
from nastdata.design.contextual.captions import design_captions
from nastdata.design.contextual.claims import design_claims
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.truth_table import know
from nastdata.design.mednega.design import design_mednega
from nastdata.design.pairs.opposition import design_opposition
from nastdata.design.pairs.probes import design_probes
from nastdata.design.pairs.tokens import load_token_counter
from nastdata.design.protocols.design import design_protocols
from nastdata.engines import open_engine
from nastdata.engines.base import Engine
from nastdata.errors import NothingMadeError, UserError
from nastdata.frames import REJECTS_SCHEMA
from nastdata.images.build import convert_images_of, open_images, reject_images, survey_studies
from nastdata.images.embed import Embedder
from nastdata.images.store import ImageStore
from nastdata.llm.terms_gate import check_terms
from nastdata.ontology import Ontology, load_ontology
from nastdata.progress import Progress
from nastdata.provenance import describe_build
from nastdata.recipe import (
    BuildRecipe,
    ContextualRecipe,
    MednegaRecipe,
    OppositionRecipe,
    ProbesRecipe,
    ProtocolsRecipe,
)
from nastdata.report.fitness import list_problems
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.opening import load_own, open_sources
from nastdata.sources.options import make_options
from nastdata.writing.base import Writer
from nastdata.writing.registry import make_writer


@dataclass(frozen=True)
class Built:
    """What a build made. ``configs`` holds each config's rows with their split."""

    configs: dict[str, pl.DataFrame]
    """Configs that have rows."""
    rejects: pl.DataFrame
    manifest: dict[str, Any]
    kept: dict[str, bytes] = field(default_factory=dict)
    """File name -> content of what the folder keeps of its origin."""
    sentences: pl.DataFrame | None = None
    """Sentences of reports with their readings, for the user to look at."""

    @property
    def empty(self) -> dict[str, str]:
        """Config that was asked for and has no rows -> why, and what to do."""
        return dict(self.manifest.get("empty_configs") or {})

    @property
    def problems(self) -> list[str]:
        """Checks that did not hold, in words; a build with problems exits with 1."""
        return list_problems(self.manifest)


def build(recipe: BuildRecipe, out: Path, progress: Progress, *, fresh: bool = False) -> Built:
    """Build a dataset folder; ``fresh`` puts questions to language models again.

    Raises:
        UserError: on unusable input or output; nothing is left behind.
    """
    from nastdata.dataset.folder import check_output

    check_output(out)
    opened, sources = open_sources(recipe)
    store = open_images(opened)
    built = _make(opened, sources, progress, fresh=fresh, dry=False, store=store)
    if opened.images.mode == "embed" and store is not None:
        with convert_images_of(opened, built.configs, store, out, progress) as prepared:
            built = _note_images(built, reject_images(prepared))
            _write(out, built, progress, store, prepared)
    else:
        _write(out, built, progress, store, None)
    if built.sentences is not None:
        beside = out.with_name(f"{out.name}.sentences.csv")
        write_file(beside, built.sentences.write_csv().encode())
        progress.say(
            f"{'look at':<10} {beside}: {len(built.sentences)} sentences with what was read from them"
        )
    return built


def _write(
    out: Path, built: Built, progress: Progress, store: ImageStore | None, embedder: Embedder | None
) -> None:
    from nastdata.dataset.folder import write_dataset

    with progress.stage("write") as stage:
        show = store.read if store is not None else None
        write_dataset(
            out,
            built.configs,
            built.rejects,
            built.manifest,
            embedder=embedder,
            image_loader=show,
            kept=built.kept,
        )
        stage.tell(str(out))


def make(
    recipe: BuildRecipe,
    progress: Progress,
    *,
    fresh: bool = False,
    dry: bool = False,
    store: ImageStore | None = None,
) -> Built:
    """Make a recipe's rows in memory (``preview`` stops here).

    Args:
        recipe: what to make.
        progress: told of every stage.
        fresh: put questions to language models again.
        dry: count the questions to a model instead of putting them.
        store: where images are, to be looked for before anything long starts; None to leave that out.
    """
    return _make(*open_sources(recipe), progress, fresh=fresh, dry=dry, store=store)


def _make(
    recipe: BuildRecipe,
    sources: list[Source],
    progress: Progress,
    *,
    fresh: bool,
    dry: bool,
    store: ImageStore | None,
) -> Built:
    ontology = load_ontology(recipe.ontology)
    for source in sources:
        if recipe.images.views not in source.views:
            raise UserError(
                f"images.views={recipe.images.views}: its tables don't tell views apart",
                where=source.name,
                how=f"possible: {', '.join(source.views)}",
            )
    sent = check_terms(recipe.writer, sources)
    with open_engine(recipe.engine, recipe.workers) as engine:
        if where := engine.describe():
            progress.say(f"{'engine':<10} {where}")
        checks = make_checks(ontology)
        writer = make_writer(
            recipe.writer, ontology, recipe.seed, checks, fresh=fresh, dry=dry, engine=engine
        )
        options, texts_sent = make_options(recipe, ontology, sources, fresh=fresh, dry=dry)
        if dry and recipe.reader != "rules":
            progress.say(f"{'reader':<10} preview reads with the rules; a build asks the model too")
        loaded = [_load(recipe, source, ontology, options, progress) for source in sources]
        for line in options.reader.describe() if options.reader else ():
            progress.say(f"{'reader':<10} {line}")
        studies = pl.concat([x.frame for x in loaded], how="diagonal")
        studies, imageless, images = survey_studies(studies, store, recipe, engine, progress)
        if recipe.images.mode == "none":
            studies = studies.with_columns(pl.lit(None, pl.String).alias("image"))
        families = {s.name: s.family for s in sources if s.family}
        studies = assign_splits(studies, recipe.splits, recipe.seed, families)
        quoted = [x.statements for x in loaded if x.statements is not None]
        statements = pl.concat(quoted) if quoted else None
        parts, design_report = _design_and_word(
            recipe, studies, statements, ontology, writer, engine, progress
        )
    rejects = pl.concat([*(x.rejects for x in loaded), imageless, *(a.rejects for a in parts.values())])
    made = {name: a.frame for name, a in parts.items()}
    configs = {name: frame for name, frame in made.items() if len(frame)}
    empty = explain_empty(made, studies, recipe)
    if not configs:
        raise NothingMadeError(
            tell_empty(empty),
            where=", ".join(recipe.source),
        )
    warnings = [
        *(
            w
            for s, x in zip(sources, loaded, strict=True)
            for w in (*x.warnings, *find_blank(s.name, x.report))
        ),
        *(f"{config}: none: {why}" for config, why in empty.items()),
        *find_empty_splits(configs, studies, recipe),
    ]
    for note in (n for x in loaded for n in x.notes):
        progress.say(note)
    owned = [s.name for s in sources if s.description is not None]
    if not recipe.splits.keep_own and studies.filter(pl.col("source").is_in(owned))["own_split"].count():
        progress.say(
            "the split column is not used: patients are dealt by hash (--set splits.keep_own=true uses it)"
        )
    for warning in warnings:
        progress.say(f"warning: {warning}")
    audit = None
    if recipe.audit.enabled:
        from nastdata.audit.run import audit_frames  # solvers take a while to import; a preview has none

        with progress.stage("audit") as stage:
            balanced = recipe.claims.balanced if isinstance(recipe, ContextualRecipe) else None
            report = audit_frames(configs, recipe.audit, recipe.seed, ontology, balanced_claims=balanced)
            audit = report.to_json()
            stage.tell(report.summary())
        for warning in report.verdict["warnings"]:
            progress.say(f"warning: {warning}")
    counts: dict[str, Any] = {
        "written_by": {name: count_writers(frame) for name, frame in configs.items()},
        "sources": {s.name: _account(s, x) for s, x in zip(sources, loaded, strict=True)},
        **({"reading": {**options.reader.account(), "terms": texts_sent}} if options.reader else {}),
        "design": design_report,
        "text": {name: a.report for name, a in parts.items()},
        "rejects": dict(sorted(Counter(rejects["reason"].to_list()).items())),
    }
    if images is not None:
        counts["images"] = images
    if said := writer.close_run():
        progress.say(f"{'model':<10} {said}")
    ledger = writer.account()
    manifest = describe_build(recipe, ontology, sources, loaded, counts, audit, ledger, sent, warnings)
    manifest["empty_configs"] = empty
    sentences = [x.sentences for x in loaded if x.sentences is not None]
    return Built(
        configs,
        rejects.select(list(REJECTS_SCHEMA)),
        manifest,
        kept=list_kept(recipe.ontology, sources),
        sentences=pl.concat(sentences) if sentences else None,
    )


def _note_images(built: Built, left_out: pl.DataFrame) -> Built:
    """Add the images that could not be used to the rejects and their counts."""
    if not len(left_out):
        return built
    rejects = pl.concat([built.rejects, left_out])
    counted = dict(sorted(Counter(rejects["reason"].to_list()).items()))
    counts = {**built.manifest["counts"], "rejects": counted}
    return replace(built, rejects=rejects, manifest={**built.manifest, "counts": counts})


def count_writers(frame: pl.DataFrame) -> dict[str, int]:
    """Return how many rows each writer wrote, prompts' hashes left off; empty for rows without writers."""
    if "realizer" not in frame.columns:
        return {}
    named = Counter(frame["realizer"].str.replace_all(r"#[^,]*", "").to_list())
    return dict(sorted(named.items()))


def _load(
    recipe: BuildRecipe, source: Source, ontology: Ontology, options: Options, progress: Progress
) -> Loaded:
    labels = isinstance(recipe, MednegaRecipe | ProtocolsRecipe)
    load = source.load_labels if labels else source.load_facts
    with progress.stage("source") as stage:
        loaded = load_own(load, source, recipe.data.get(source.name), ontology, options)
        stage.tell(
            f"{source.name}: {loaded.rows_in:,} rows in, {len(loaded.frame):,} "
            f"{'studies' if labels else 'facts'}, {len(loaded.rejects):,} rejected"
        )
    return loaded


def _account(source: Source, x: Loaded) -> dict[str, Any]:
    """Rows in = used + rejected + left out, or it is a defect of ours."""
    total = x.rows_out + len(x.rejects) + sum(x.left_out.values())
    if total != x.rows_in:
        raise AssertionError(f"{source.name}: {x.rows_in} rows in, but {total} accounted for")
    return {
        "rows_in": x.rows_in,
        "used": x.rows_out,
        "rejected": len(x.rejects),
        "left_out": dict(sorted(x.left_out.items())),
        "report": x.report,
    }


def _design_and_word(
    recipe: BuildRecipe,
    studies: pl.DataFrame,
    statements: pl.DataFrame | None,
    ontology: Ontology,
    writer: Writer,
    engine: Engine,
    progress: Progress,
) -> tuple[dict[str, Assembled], dict[str, Any]]:
    """Run the design of the recipe's kind and put it into words."""
    if isinstance(recipe, MednegaRecipe):
        with progress.stage("design") as stage:
            design = design_mednega(studies, ontology, recipe)
            stage.tell(f"{recipe.design}: {len(design.frame):,} items")
        with progress.stage("words") as stage:
            part = assemble_mednega(design.frame, writer, ontology, recipe, engine)
            stage.tell(f"{part.report['distinct_wordings']:,} distinct options worded and read back")
        return {"mednega": _keep_rejects(design, part)}, design.report
    if isinstance(recipe, ContextualRecipe):
        return _contextual(recipe, studies, ontology, writer, engine, progress)
    with progress.stage("design") as stage:
        if isinstance(recipe, ProbesRecipe):
            config = "probes"
            design = design_probes(studies, ontology, recipe, load_token_counter(recipe.tokenizer))
        elif isinstance(recipe, OppositionRecipe):
            config = "opposition"
            design = design_opposition(studies, ontology, recipe)
        elif isinstance(recipe, ProtocolsRecipe):
            config = "protocols"
            design = design_protocols(studies, ontology, recipe, statements)
        else:
            raise UserError(f"'{recipe.recipe}' recipes are not built", how="nastdata train RECIPE")
        stage.tell(f"{len(design.frame):,} {'questions' if config == 'protocols' else 'pairs'}")
    with progress.stage("words") as stage:
        assemble = assemble_protocols if config == "protocols" else assemble_prompts
        part = assemble(config, design, ontology, engine)
        stage.tell(f"{part.report['distinct_texts']:,} distinct texts read back")
    return {config: _keep_rejects(design, part)}, {config: design.report}


def _contextual(
    recipe: ContextualRecipe,
    facts: pl.DataFrame,
    ontology: Ontology,
    writer: Writer,
    engine: Engine,
    progress: Progress,
) -> tuple[dict[str, Assembled], dict[str, Any]]:
    parts: dict[str, Assembled] = {}
    reports: dict[str, Any] = {}
    known = know(facts, logic_of(ontology), recipe.seed, recipe.negation_types)
    if recipe.claims.enabled:
        with progress.stage("design") as stage:
            claims = design_claims(facts, ontology, recipe, known)
            stage.tell(f"{len(claims.frame):,} claim sets")
        with progress.stage("words") as stage:
            part = assemble_claims(claims.frame, writer, ontology, recipe, engine)
            stage.tell(f"{part.report['distinct_texts']:,} distinct claims worded and read back")
        parts["contextual_claims"], reports["contextual_claims"] = _keep_rejects(claims, part), claims.report
    if recipe.captions.enabled:
        with progress.stage("design") as stage:
            captions = design_captions(facts, ontology, recipe, known)
            stage.tell(f"{len(captions.frame):,} captions")
        with progress.stage("words") as stage:
            part = assemble_captions(captions.frame, writer, ontology, recipe, engine)
            stage.tell(f"{part.report['distinct_texts']:,} distinct captions worded and read back")
        parts["contextual_captions"] = _keep_rejects(captions, part)
        reports["contextual_captions"] = captions.report
    return parts, reports


def _keep_rejects(design: Design, part: Assembled) -> Assembled:
    """Add what the design left out to what could not be worded."""
    return replace(part, rejects=pl.concat([design.rejects, part.rejects]))
