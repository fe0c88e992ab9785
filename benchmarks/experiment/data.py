"""The datasets: built by the product, and the altered ones that controls learn from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from experiment import generalisation
from experiment.sizes import Size
from nastdata.models.dataset_rows import open_data
from nastdata.progress import Progress
from nastdata.records import COLUMN_ORDER
from nastdata.seeded import draw_int, shuffle

CAPTIONS, CLAIMS = "contextual_captions", "contextual_claims"
KEYS = {CAPTIONS: "caption_id", CLAIMS: "set_id"}


def make_data(size: Size, out: Path, progress: Progress) -> None:
    """Build what is not there yet, all of patients that pretraining has not seen."""
    for name, recipe in (
        ("contextual", "contextual"),
        ("existence", "contextual"),
        ("mednega", "mednega"),
        ("opposition", "opposition"),
        ("probes", "probes"),
    ):
        _build(size, name, recipe, out / "built" / name, progress)
    data = out / "data"
    for name in ("mednega", "opposition", "probes"):
        _once(data / name, lambda to, name=name: _cut_rows(out / "built" / name, to, size))
    for name in ("contextual", "existence"):
        _once(
            data / name,
            lambda to, name=name: _prepare(out / "built" / name, to, size),
        )
    for name, alter in (("affirming", affirm), ("shuffled", shuffle_truths), ("blind", blind)):
        _once(
            data / name,
            lambda to, alter=alter: write_folder(
                data / "contextual",
                to,
                {k: alter(k, f) for k, f in open_data(data / "contextual").frames.items()},
            ),
        )
    generalisation.make_tests(out, size, progress)


def affirm(config: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out of split ``train`` every text that denies, and sets that then have fewer than two claims."""
    if config == CAPTIONS:
        return frame.filter((pl.col("split") != "train") | (pl.col("polarity") == "affirmative"))
    rows = []
    for row in frame.iter_rows(named=True):
        kept = [i for i, n in enumerate(row["claim_negations"]) if n == "none"]
        if row["split"] == "train":
            if row["answer"] not in kept or len(kept) < 2:
                continue
            for name in ("claims", "claim_facts", "claim_negations", "altered"):
                row[name] = [row[name][i] for i in kept]
            row["answer"] = kept.index(row["answer"])
        rows.append(row)
    return pl.DataFrame(rows, schema=frame.schema)


def shuffle_truths(config: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give each row of split ``train`` the image of another row: what it states is true by luck only."""
    train, rest = frame.filter(pl.col("split") == "train"), frame.filter(pl.col("split") != "train")
    rng = np.random.Generator(np.random.PCG64(draw_int(0, "shuffled truths", config)))
    order = rng.permutation(len(train))
    images = [c for c in ("source", "image", "image_id") if c in train.columns]
    return pl.concat([train.with_columns(train[order].select(images)), rest])


def blind(config: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give all rows of split ``train`` one image: only texts are left to learn from."""
    first = frame.filter(pl.col("split") == "train").sort(KEYS[config])[0]
    train = pl.col("split") == "train"
    return frame.with_columns(
        pl.when(train).then(pl.lit(first[c][0])).otherwise(pl.col(c)).alias(c)
        for c in ("source", "image", "image_id")
        if c in frame.columns
    )


def write_folder(built: Path, out: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    """Write a dataset folder of other rows beside the manifest of ``built``, which says what its images are.

    Args:
        built: A folder that ``nastdata build`` wrote, or this function.
        out: The folder to write.
        frames: Config -> its columns and ``split``.
    """
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for path in sorted(built.iterdir()):
        if path.is_file() and path.suffix in (".json", ".yaml"):
            shutil.copyfile(path, partial / path.name)
    for config, frame in frames.items():
        folder = partial / "data" / config
        folder.mkdir(parents=True)
        for (split,), rows in sorted(frame.partition_by("split", as_dict=True).items()):
            rows.select(c for c in COLUMN_ORDER[config] if c in rows.columns).write_parquet(
                folder / f"{split}-00000-of-00001.parquet"
            )
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)


def take_rows(frame: pl.DataFrame, key: str, limits: Mapping[str, int]) -> pl.DataFrame:
    """Return at most so many rows of each split, drawn by their ids; their order stays."""
    parts = []
    for (split,), rows in sorted(frame.partition_by("split", as_dict=True).items()):
        most = limits.get(str(split), len(rows))
        kept = sorted(shuffle(range(len(rows)), 0, "rows", key)[:most])
        parts.append(rows[kept])
    return pl.concat(parts)


def _prepare(built: Path, out: Path, size: Size) -> None:
    """Hold out, then leave as many rows as the size says."""
    whole = out.with_name(f"{out.name}.whole")
    generalisation.hold_out(built, whole, size)
    frames = {}
    for config, frame in open_data(whole).frames.items():
        # captions and their texts are many, and retrieval needs fewer of them
        most = size.test_rows if config == CLAIMS else size.test_rows // 2
        limits = {"train": size.claim_rows, "validation": most, "test": most}
        frames[config] = take_rows(frame, KEYS[config], limits)
    contextual = out.parent / "contextual"
    if out != contextual:
        # every method is validated, and its best step chosen, on the same rows
        train = pl.col("split") == "train"
        others = open_data(contextual).frames
        frames = {k: pl.concat([f.filter(train), others[k].filter(~train)]) for k, f in frames.items()}
    write_folder(whole, out, frames)
    shutil.rmtree(whole)


def _cut_rows(built: Path, out: Path, size: Size) -> None:
    """Leave as many rows of MedNega (whole groups), quadruplets and probes as a model is judged by."""
    frames = {}
    for config, frame in open_data(built).frames.items():
        if config == "mednega":
            groups = take_rows(
                frame.select("group_id", "split").unique(maintain_order=True),
                "group_id",
                {"validation": size.test_rows // 25, "test": size.test_rows // 25},
            )
            frames[config] = frame.filter(pl.col("group_id").is_in(groups["group_id"].implode()))
        else:
            limits = {"train": size.claim_rows, "test": size.test_rows // 4}
            frames[config] = take_rows(frame, COLUMN_ORDER[config][0], limits)
    write_folder(built, out, frames)


def _once(folder: Path, make: object) -> None:
    if not (folder / "data").is_dir():
        make(folder)  # type: ignore[operator]


def _build(size: Size, name: str, recipe: str, folder: Path, progress: Progress) -> None:
    from nastdata.pipeline import build
    from nastdata.recipe import load_recipe

    if (folder / "report.html").is_file():
        return
    settings = [("source", f"[{size.source}]"), ("audit.enabled", "false"), ("workers", "1")]
    settings += [("splits", json.dumps(size.splits))]
    if size.source == "phantom":
        settings.append(("phantom_patients", str(size.patients)))
    if name == "existence":
        settings.append(("negation_types", "[existence]"))
    if size.data is not None:
        settings.append((f"data.{size.source}", str(size.data)))
    build(load_recipe(recipe, settings), folder, progress)
