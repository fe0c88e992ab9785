"""The image stages of a build: open, look what is there, convert, account for what can't be used."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.engines import open_engine
from nastdata.engines.base import Engine
from nastdata.errors import UserError
from nastdata.frames import REJECTS_SCHEMA
from nastdata.images.encode import Encoding
from nastdata.images.prepare import PreparedImages, Wanted, list_wanted, prepare_images
from nastdata.images.store import PHANTOM, ImageStore, open_store
from nastdata.images.survey import SourceSurvey, check_share, draw_table, survey_images
from nastdata.progress import Progress
from nastdata.recipe import BuildRecipe

NO_IMAGE = "the source names no image"
SAMPLED = 2_000
"""Images of a source whose headers are looked at where none is embedded."""


def open_images(recipe: BuildRecipe) -> ImageStore | None:
    """Return where a build's images are, or None if it uses none.

    Raises:
        UserError: if a root is no folder, or images are to be embedded and nobody said where they are.
    """
    if recipe.images.mode == "none":
        return None
    store = open_store(recipe.model_dump(mode="json"), recipe.image_roots, recipe.image_templates)
    if recipe.images.mode == "embed":
        for source in recipe.source:
            if source != PHANTOM and source not in recipe.image_roots:
                raise UserError(
                    "images can't be embedded: their folder is not named",
                    where=source,
                    how="--set image_root=FOLDER"
                    + ("" if len(recipe.source) == 1 else " (or '{SOURCE: FOLDER, ...}')"),
                )
    return store


def survey_studies(
    studies: pl.DataFrame, store: ImageStore | None, recipe: BuildRecipe, engine: Engine, progress: Progress
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any] | None]:
    """Look for the images of studies; where they are to be embedded, leave out studies without one.

    Args:
        studies: label or fact frame.
        store: where images are; None if the build uses none.
        recipe: of the build.
        engine: where headers are read.
        progress: shown the table of what was found.

    Returns:
        Studies that stay, one reject for each that does not, and the account for the manifest.

    Raises:
        UserError: if more of a source's images than ``images.max_missing`` can't be used.
    """
    none = pl.DataFrame(schema=REJECTS_SCHEMA)
    embed = recipe.images.mode == "embed"
    roots = recipe.image_roots
    looked = studies.filter(pl.col("source").is_in(list(roots))) if store is not None else studies.clear()
    if store is None or not len(looked):
        return studies, none, None
    store.finder.learn(looked)
    images = looked.select("source", "image", "image_id").unique(maintain_order=True)
    if not images["image"].drop_nulls().len():
        raise UserError("no study names an image", where=", ".join(roots), how="see `nastdata sources`")
    wanted = [Wanted(*row) for row in images.filter(pl.col("image").is_not_null()).iter_rows()]
    with progress.stage("images") as stage:
        limit = {} if embed else {"checked": SAMPLED}
        surveys = survey_images(wanted, store, engine=engine, keep_burnt_in=recipe.images.burnt_in, **limit)
        stage.tell(f"{sum(s.usable for s in surveys):,} of {len(wanted):,} usable")
    for line in draw_table(surveys):
        progress.say(f"  {line}")
    check_share(surveys, store, recipe.images.max_missing)
    if not embed:
        return studies, none, {"survey": [_describe(s) for s in surveys]}
    kept, rejects = _leave_out(studies, looked, surveys)
    there, stay = _count(studies), _count(kept)
    if there != stay + len(rejects):
        raise AssertionError(f"images: {there} studies in, {stay} kept, {len(rejects)} rejected")
    account = {
        "survey": [_describe(s) for s in surveys],
        "studies_in": there,
        "studies_kept": stay,
        "studies_rejected": len(rejects),
    }
    return kept, rejects, account


@contextmanager
def convert_images_of(
    recipe: BuildRecipe, frames: Mapping[str, pl.DataFrame], store: ImageStore, out: Path, progress: Progress
) -> Iterator[PreparedImages]:
    """Convert the images of a build's rows, and hold them until the block ends.

    They lie in a hidden folder beside ``out``. If the run is interrupted they stay, and the next run of the
    same build takes them up.

    Raises:
        UserError: if more of a source's images than ``images.max_missing`` turn out to be unusable.
    """
    settings = recipe.images
    encoding = Encoding(settings.format, settings.quality, settings.max_side)
    folder = out.absolute().with_name(f".{out.name}.images")
    wanted = list(list_wanted(frames))
    with progress.stage("images") as stage, open_engine(recipe.engine, recipe.workers) as engine:
        prepared = prepare_images(
            wanted,
            store.locate,
            encoding,
            folder,
            engine=engine,
            keep_burnt_in=settings.burnt_in,
            tell=stage.count,
        )
        left = f", {len(prepared.unusable):,} left out" if prepared.unusable else ""
        stage.tell(f"{len(prepared.files):,} converted to {encoding.format.upper()}{left}")
    _check_converted(prepared, settings.max_missing)
    for w, reason, detail in prepared.unusable[:5]:
        progress.say(f"  {w.source}: {w.image}: {reason}" + (f" ({detail})" if detail else ""))
    yield prepared
    shutil.rmtree(folder, ignore_errors=True)


def reject_images(prepared: PreparedImages) -> pl.DataFrame:
    """Return a reject for each image that its rows are without; the rows themselves stay."""
    rows = [
        {
            "stage": "images",
            "reason": f"image left out: {reason}",
            "source": w.source,
            "key": w.image_id,
            "text": detail or None,
        }
        for w, reason, detail in prepared.unusable
    ]
    return pl.DataFrame(rows, schema=REJECTS_SCHEMA, orient="row")


def _leave_out(
    studies: pl.DataFrame, looked: pl.DataFrame, surveys: list[SourceSurvey]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    bad = [
        (w.source, w.image, f"image left out: {reason}", detail or None)
        for s in surveys
        for w, reason, detail in s.unusable
    ]
    schema = {"source": pl.String, "image": pl.String, "reason": pl.String, "text": pl.String}
    table = pl.DataFrame(bad, schema=schema, orient="row")
    keys = looked.select("source", "patient_id", "study_id", "image").unique(maintain_order=True)
    joined = keys.join(table, on=["source", "image"], how="left", maintain_order="left").with_columns(
        pl.when(pl.col("image").is_null()).then(pl.lit(NO_IMAGE)).otherwise(pl.col("reason")).alias("reason")
    )
    same = ["source", "patient_id", "study_id"]
    gone = joined.filter(pl.col("reason").is_not_null()).unique(same, keep="first", maintain_order=True)
    rejects = gone.select(
        pl.lit("images").alias("stage"), "reason", "source", pl.col("study_id").alias("key"), "text"
    ).cast(pl.Schema({k: REJECTS_SCHEMA[k] for k in ("stage", "reason", "source", "key", "text")}))
    kept = studies.join(gone.select(same), on=same, how="anti", maintain_order="left")
    return kept, rejects.select(list(REJECTS_SCHEMA))


def _count(studies: pl.DataFrame) -> int:
    return int(studies.select("source", "patient_id", "study_id").n_unique()) if len(studies) else 0


def _describe(s: SourceSurvey) -> dict[str, Any]:
    return {
        "source": s.source,
        "named": s.images,
        "usable": s.usable,
        "missing": s.missing,
        "unusable": s.unreadable,
        "reasons": dict(sorted(s.reasons.items())),
        "headers_read": s.checked,
    }


def _check_converted(prepared: PreparedImages, most: float) -> None:
    named, bad = Counter[str](), Counter[str]()
    for source, _ in prepared.names:
        named[source] += 1
    for w, reason, _ in prepared.unusable:
        bad[w.source] += reason != "burnt-in text"
    for source, n in bad.items():
        if n > most * named[source]:
            first = next((w, why) for w, why, _ in prepared.unusable if w.source == source)
            shutil.rmtree(prepared.folder, ignore_errors=True)
            raise UserError(
                f"images of {source}: {n:,} of {named[source]:,} can't be used (the first: {first[1]})",
                where=first[0].image,
                how=f"--set images.max_missing={min(1.0, round(n / named[source] + 0.005, 2))} allows for it",
            )
