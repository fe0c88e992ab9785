"""Which images of a study are used: one of a stated order of views, or all.

A source ranks its images: ``PA`` before ``AP`` before other frontal views, then what is not said, then
lateral ones. ``images.views`` of a recipe chooses among them.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from nastdata import records

Views = Literal["frontal", "frontal-only", "lateral", "all"]
PA, AP, FRONTAL, UNKNOWN, LATERAL = range(5)
"""Ranks of views; ``FRONTAL`` is another frontal view (supine, portable), ``UNKNOWN`` is not said."""
RANK = "#rank"
VIEW = "view"
NO_VIEW = {"frontal-only": "no frontal view in the study", "lateral": "no lateral view in the study"}


def name_view(rank: int, beside: bool) -> str | None:
    """Return the view of an image of this rank (``frames.STUDY_COLUMNS``).

    Args:
        rank: Of the image.
        beside: Whether its study has a lateral image.
    """
    if rank > LATERAL or rank == UNKNOWN:
        return None
    return records.LATERAL if rank == LATERAL else records.PAIR if beside else records.FRONTAL


def name_views(by: tuple[str, ...] = ("patient_id", "study_id")) -> pl.Expr:
    """Return the views of images by ``RANK``, all images of a study being there."""
    beside = (pl.col(RANK) == LATERAL).any().over(by)
    return (
        pl.when(pl.col(RANK) == LATERAL).then(pl.lit(records.LATERAL))
        .when(pl.col(RANK) > FRONTAL).then(None)
        .when(beside).then(pl.lit(records.PAIR))
        .when(pl.col(RANK) <= FRONTAL).then(pl.lit(records.FRONTAL))
        .alias(VIEW)
    )  # fmt: skip


def count_views(frame: pl.DataFrame) -> dict[str, int]:
    """Count the studies of a label or fact frame by the view of their image."""
    seen = frame.select("patient_id", "study_id", pl.col(VIEW).fill_null("unknown")).unique()
    return {str(v): int(n) for v, n in seen[VIEW].value_counts().sort(VIEW).iter_rows()}


def choose_views(rows: pl.DataFrame, views: str) -> pl.DataFrame:
    """Prepare rows of images so that a study's first image by rank is the one that is wanted.

    Args:
        rows: a row an image, with ``patient_id``, ``study_id``, ``image_id`` and ``RANK``.
        views: ``frontal`` leaves the order as it is: PA, AP, another frontal view, and only where a study has
            none of these any other. ``frontal-only`` and ``lateral`` give other views the rank None.
            ``all`` makes each image a study of its own, ``STUDY/IMAGE``.

    Returns:
        The rows; those with a null rank are of no use.
    """
    if views == "frontal":
        return rows
    if views == "all":
        image = pl.col("image_id").str.split("/").list.last()
        own = pl.format("{}/{}", "study_id", image)
        return rows.with_columns(own.fill_null(pl.col("study_id")).alias("study_id"))
    wanted = pl.col(RANK) <= FRONTAL if views == "frontal-only" else pl.col(RANK) == LATERAL
    return rows.with_columns(pl.when(wanted).then(pl.col(RANK)).alias(RANK))
