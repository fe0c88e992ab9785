"""Which patients a limited build looks at: no more of them than its rows need, drawn by hash.

With ``--limit 200`` nobody wants a hundred thousand studies designed. Patients are taken in the order of a
hash of the seed and their id until they have enough studies; if a design makes too few rows of them, four
times as many are taken, and at last all. A build without a limit looks at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import polars as pl

from nastdata.design.base import Design
from nastdata.errors import NothingMadeError
from nastdata.seeded import draw_codes

PATIENT = ["source", "patient_id"]
LEAST_STUDIES = 1_000
"""Studies below which drawing some of them saves nothing."""
MORE = 4
"""How many times as many studies are taken where they made too few rows."""
FILLED = 0.9
"""Part of the limit that is enough: whole groups seldom fill it to the last row."""


def design_enough(
    design: Callable[[pl.DataFrame], Design],
    studies: pl.DataFrame,
    *,
    seed: int,
    limit: int | None,
    per_row: float,
) -> Design:
    """Design rows from as many patients as a limit needs.

    Args:
        design: makes a design of some of the studies.
        studies: label or fact frame with ``split``; every study of a patient is taken, or none.
        seed: of the recipe.
        limit: rows wanted; None: all that there are.
        per_row: studies to look at for each row that is wanted, to begin with.

    Returns:
        The design. Its report has ``patients`` (``drawn`` and ``of``) where not all were looked at.

    Raises:
        NothingMadeError: if not even all studies make a row.
    """
    if limit is None:
        return design(studies)
    for part, drawn, of in _draw_parts(studies, seed, max(LEAST_STUDIES, int(limit * per_row))):
        try:
            made = design(part)
        except NothingMadeError:
            if drawn == of:
                raise
            continue
        if drawn == of:
            return made
        if len(made.frame) >= FILLED * limit:
            return replace(made, report={**made.report, "patients": {"drawn": drawn, "of": of}})
    raise AssertionError("the last part is all studies")


def _draw_parts(studies: pl.DataFrame, seed: int, wanted: int) -> Iterator[tuple[pl.DataFrame, int, int]]:
    """Give larger and larger parts of the studies, at last all; with their patients, and those of all."""
    patients = studies.group_by(PATIENT).agg(pl.col("study_id").n_unique().alias("studies")).sort(PATIENT)
    total = int(patients["studies"].sum())
    if wanted < total:
        draw = draw_codes(seed, "patient of a limited build", patients.select(PATIENT).iter_rows())
        patients = patients.with_columns(pl.Series("draw", draw)).sort("draw", *PATIENT)
        before = patients["studies"].cum_sum() - patients["studies"]
        while 2 * wanted <= total:  # half of them takes about as long as all
            part = patients.filter(before < wanted).select(PATIENT)
            yield studies.join(part, on=PATIENT, how="semi", maintain_order="left"), len(part), len(patients)
            wanted *= MORE
    yield studies, len(patients), len(patients)
