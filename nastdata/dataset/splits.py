"""Splits by patient: a hash of the patient's id decides, so that no patient is in two splits."""

from __future__ import annotations

import polars as pl

from nastdata.recipe import SplitShares
from nastdata.seeded import draw_unit


def assign_splits(frame: pl.DataFrame, shares: SplitShares, seed: int) -> pl.DataFrame:
    """Add ``split`` (train, validation, test) to a frame that has ``source``, ``patient_id``, ``own_split``.

    With ``shares.keep_own`` a patient whose corpus split is known keeps it; a patient who is in several of
    the corpus's own splits is assigned by the hash.
    """
    patients = frame.group_by("source", "patient_id", maintain_order=True).agg(
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
    assigned = patients.select("source", "patient_id").with_columns(pl.Series("split", splits, pl.String))
    return frame.join(assigned, on=["source", "patient_id"], how="left", maintain_order="left")
