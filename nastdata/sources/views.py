"""Which images of a study are used: one of a stated order of views, or all.

A source ranks its images: ``PA`` before ``AP`` before other frontal views, then what is not said, then
lateral ones. ``images.views`` of a recipe chooses among them.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

Views = Literal["frontal", "frontal-only", "lateral", "all"]
PA, AP, FRONTAL, UNKNOWN, LATERAL = range(5)
"""Ranks of views; ``FRONTAL`` is another frontal view (supine, portable), ``UNKNOWN`` is not said."""
RANK = "#rank"
NO_VIEW = {"frontal-only": "no frontal view in the study", "lateral": "no lateral view in the study"}


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
