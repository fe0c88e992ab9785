"""Splits by patient: a hash of the patient's id decides, so that no patient is in two splits."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from nastdata.recipe import SplitShares
from nastdata.seeded import draw_unit


def assign_splits(
    frame: pl.DataFrame, shares: SplitShares, seed: int, families: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Add ``split`` (train, validation, test) to a frame that has ``source``, ``patient_id``, ``own_split``.

    Args:
        frame: Rows of any kind.
        shares: Of the splits.
        seed: Of the recipe.
        families: Source -> family; corpora of one family have the same patients, who get one split.

    With ``shares.keep_own`` a patient whose corpus split is known keeps it; a patient who is in several of
    the corpus's own splits is assigned by the hash.
    """
    family = pl.col("source").replace(families or {}).alias("#family")
    frame = frame.with_columns(family)
    patients = frame.group_by("#family", "patient_id", maintain_order=True).agg(
        pl.col("own_split").drop_nulls().unique().sort().alias("own")
    )
    cuts = (shares.train, shares.train + shares.validation)
    splits = []
    for source, patient, own in patients.iter_rows():
        if shares.keep_own and len(own) == 1:
            splits.append(own[0])
            continue
        u = draw_unit(seed, "split", source, patient)
        splits.append("train" if u < cuts[0] else "validation" if u < cuts[1] else "test")
    assigned = patients.select("#family", "patient_id").with_columns(pl.Series("split", splits, pl.String))
    joined = frame.join(assigned, on=["#family", "patient_id"], how="left", maintain_order="left")
    return joined.drop("#family")
