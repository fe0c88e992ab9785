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
from nastdata.assemble.emptiness import (
    count_tested,
    explain_empty,
    find_blank,
    find_empty_splits,
    tell_empty,
    tell_unfilled,
    tell_untested,
)
from nastdata.assemble.options import Assembled
from nastdata.dataset.atomic import write_file
from nastdata.dataset.kept import list_kept
from nastdata.dataset.splits import assign_splits
from nastdata.engines import open_engine
from nastdata.errors import NothingMadeError, UserError
from nastdata.frames import REJECTS_SCHEMA
from nastdata.images.build import convert_images_of, open_images, reject_images, survey_studies
from nastdata.images.embed import Embedder
from nastdata.images.store import ImageStore
from nastdata.llm.terms_gate import check_terms
from nastdata.ontology import Ontology, load_ontology
from nastdata.progress import Progress
from nastdata.provenance import describe_build
from nastdata.recipe import BuildRecipe, MednegaRecipe, ProtocolsRecipe
from nastdata.report.fitness import list_problems
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.opening import load_own, open_sources
from nastdata.sources.options import make_options
from nastdata.stages import keys
from nastdata.stages.entries import Kept
from nastdata.stages.folder import Stages, open_stages
from nastdata.stages.lock import hold_lock
from nastdata.stages.parts import TAKEN, Keys, list_parts, make_part
from nastdata.stages.results import is_current, pack_loaded, unpack_loaded
from nastdata.stages.shards import KeptShards
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
    keys: dict[str, str] = field(default_factory=dict)
    """Config -> what its rows follow from, where that is known (``stages.keys``)."""

    @property
    def empty(self) -> dict[str, str]:
        """Config that was asked for and has no rows -> why, and what to do."""
        return dict(self.manifest.get("empty_configs") or {})

    @property
    def problems(self) -> list[str]:
        """Checks that did not hold, in words; a build with problems exits with 1."""
        return list_problems(self.manifest)


def build(recipe: BuildRecipe, out: Path, progress: Progress, *, fresh: bool = False) -> Built:
    """Build a dataset folder, going on from the finished stages of an interrupted build into it.

    Args:
        recipe: what to build.
        out: the folder to write.
        progress: told of every stage.
        fresh: put questions to language models again, and take up nothing of an interrupted build.

    Raises:
        UserError: on unusable input or output, or if another build is writing to ``out``; what an
            interrupted or failed run has finished may be kept beside ``out`` (``stages.folder``).
    """
    from nastdata.dataset.folder import check_output

    check_output(out)
    opened, sources = open_sources(recipe)
    store = open_images(opened)
    with hold_lock(out, progress.say), open_stages(out, progress.say, fresh=fresh) as stages:
        built = _make(opened, sources, progress, fresh=fresh, dry=False, store=store, stages=stages)
        if opened.images.mode == "embed" and store is not None:
            with convert_images_of(opened, built.configs, store, out, progress) as prepared:
                built = _note_images(built, reject_images(prepared))
                _write(out, built, progress, store, prepared, None)
        else:
            _write(out, built, progress, store, None, stages)
    if built.sentences is not None:
        beside = out.with_name(f"{out.name}.sentences.csv")
        write_file(beside, built.sentences.write_csv().encode())
        progress.say(
            f"{'look at':<10} {beside}: {len(built.sentences)} sentences with what was read from them"
        )
    return built


def _write(
    out: Path,
    built: Built,
    progress: Progress,
    store: ImageStore | None,
    embedder: Embedder | None,
    stages: Stages | None,
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
            shards=KeptShards(stages, built.keys) if stages is not None else None,
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
    opened, sources = open_sources(recipe)
    return _make(opened, sources, progress, fresh=fresh, dry=dry, store=store, stages=Stages(None))


def _make(
    recipe: BuildRecipe,
    sources: list[Source],
    progress: Progress,
    *,
    fresh: bool,
    dry: bool,
    store: ImageStore | None,
    stages: Stages,
) -> Built:
    ontology = load_ontology(recipe.ontology)
    for source in sources:
        if recipe.images.views not in source.views:
            raise UserError(
                f"images.views={recipe.images.views}: its tables don't say which view an image shows",
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
        base = keys.hash_base(ontology, sources) if stages.folder is not None else ""
        loaded = [_load(recipe, source, ontology, options, progress, stages, base) for source in sources]
        for line in options.reader.describe() if options.reader else ():
            progress.say(f"{'reader':<10} {line}")
        studies = pl.concat([x.frame for x in loaded], how="diagonal")
        studies, imageless, images = survey_studies(studies, store, recipe, engine, progress)
        if recipe.images.mode == "none":
            studies = studies.with_columns(pl.lit(None, pl.String).alias("image"))
        families = {s.name: s.family for s in sources if s.family}
        studies = assign_splits(studies, recipe.splits, recipe.seed, families)
        design_report: dict[str, Any] = {}
        parts: dict[str, Assembled] = {}
        made_from: dict[str, str] = {}
        quoted = [x.statements for x in loaded if x.statements is not None]
        statements = pl.concat(quoted) if quoted else None
        studied = keys.hash_frames(studies, statements) if stages.folder is not None else ""
        for part in list_parts(recipe, studies, statements, ontology, writer, engine):
            design_key = keys.hash_design(base, recipe, part.config, studied)
            # A model's answers are kept for good, and the account of a build comes from asking for them.
            words_key = keys.hash_words(design_key, recipe) if recipe.writer.realizer == "template" else None
            made, report = make_part(part, Keys(design_key, words_key), stages, progress)
            parts[part.config], design_report[part.config] = made, report
            if words_key and stages.folder is not None:
                made_from[part.config] = words_key
    rejects = pl.concat([*(x.rejects for x in loaded), imageless, *(a.rejects for a in parts.values())])
    frames = {name: a.frame for name, a in parts.items()}
    configs = {name: frame for name, frame in frames.items() if len(frame)}
    empty = explain_empty(frames, studies, recipe)
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
            "the split column is not used: patients are assigned to splits by hash "
            "(--set splits.keep_own=true uses it)"
        )
    for warning in warnings:
        progress.say(f"warning: {warning}")
    tested = count_tested(configs)
    thin = [*tell_unfilled(design_report), *tell_untested(tested)]
    for line in thin:
        progress.say(line)
    audit = None
    if recipe.audit.enabled:
        audit = _audit(recipe, configs, ontology, progress, stages, made_from)
    counts: dict[str, Any] = {
        "written_by": {name: count_writers(frame) for name, frame in configs.items()},
        "sources": {s.name: _account(s, x) for s, x in zip(sources, loaded, strict=True)},
        **({"reading": {**options.reader.account(), "terms": texts_sent}} if options.reader else {}),
        "design": design_report["mednega"] if isinstance(recipe, MednegaRecipe) else design_report,
        "text": {name: a.report for name, a in parts.items()},
        "rejects": dict(sorted(Counter(rejects["reason"].to_list()).items())),
    }
    if tested:
        counts["tested"] = {"test_studies": tested, "says": thin}
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
        keys=made_from,
    )


def _audit(
    recipe: BuildRecipe,
    configs: dict[str, pl.DataFrame],
    ontology: Ontology,
    progress: Progress,
    stages: Stages,
    made_from: dict[str, str],
) -> dict[str, Any]:
    """Try to solve the rows from their text, unless an interrupted build has."""

    def audit() -> Kept:
        # Solvers take a while to import; a preview has none.
        from nastdata.audit.run import audit_frames, find_promises

        promises = find_promises(recipe.model_dump(mode="json"))
        report = audit_frames(configs, recipe.audit, recipe.seed, ontology, promises=promises)
        data = {"audit": report.to_json(), "says": report.summary(), "warnings": report.verdict["warnings"]}
        return Kept(data=data)

    rows = {}
    if stages.folder is not None:
        rows = {name: made_from.get(name) or keys.hash_frame(frame) for name, frame in configs.items()}
    with progress.stage("audit") as stage:
        kept = stages.run("audit", keys.hash_audit(recipe, rows), audit, lambda k: k, lambda k: k)
        stage.tell(kept.data["says"] + (TAKEN if "audit" in stages.taken else ""))
    for warning in kept.data["warnings"]:
        progress.say(f"warning: {warning}")
    found: dict[str, Any] = kept.data["audit"]
    return found


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
    counted = frame["realizer"].cast(pl.String).value_counts()
    named: Counter[str] = Counter()
    for name, n in zip(counted["realizer"].str.replace_all(r"#[^,]*", ""), counted["count"], strict=True):
        named[name] += n
    return dict(sorted(named.items()))


def _load(
    recipe: BuildRecipe,
    source: Source,
    ontology: Ontology,
    options: Options,
    progress: Progress,
    stages: Stages,
    base: str,
) -> Loaded:
    labels = isinstance(recipe, MednegaRecipe | ProtocolsRecipe)
    load = source.load_labels if labels else source.load_facts
    name = f"source {source.name}"
    if options.reader is not None:
        # A model's answers are kept for good, and the account of a build comes from asking for them.
        stages = Stages(None)
    with progress.stage("source") as stage:
        key = keys.hash_source(base, recipe, source) if stages.folder is not None else ""
        loaded = stages.run(
            name,
            key,
            lambda: load_own(load, source, recipe.data.get(source.name), ontology, options),
            pack_loaded,
            unpack_loaded,
            is_current,
        )
        stage.tell(
            f"{source.name}: {loaded.rows_in:,} rows in, {len(loaded.frame):,} "
            f"{'studies' if labels else 'facts'}, {len(loaded.rejects):,} rejected"
            + (TAKEN if name in stages.taken else "")
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
