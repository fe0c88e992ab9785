"""From a box in the image to the side and zone of the body.

In a radiograph the patient's right is on the image's left. Zones are thirds of the lungs' usual extent in
the image, so they are rough; a box near a border, or over the midline, gives no zone, or no side.
"""

from __future__ import annotations

import polars as pl

MIDLINE = 0.03
"""A box that reaches over the middle by more than this share of the width has no side."""
ZONES = (("upper lung zone", 0.0, 0.36), ("mid lung zone", 0.36, 0.58), ("lower lung zone", 0.58, 1.0))
"""Zone, and the share of the image's height within which the box's centre lies."""
BORDER = 0.04
"""A centre that is nearer to a border between zones than this has no zone."""
NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"


def list_numbers(columns: tuple[str, ...], decimal: str) -> list[pl.Expr]:
    """Return the four numbers of a box as expressions; null where a cell is not a number."""

    def number(text: pl.Expr) -> pl.Expr:
        clean = text.str.replace(",", ".", literal=True) if decimal == "," else text
        return clean.cast(pl.Float64, strict=False)

    if len(columns) == 4:
        return [number(pl.col(c)) for c in columns]
    found = pl.col(columns[0]).str.extract_all(NUMBER)
    fit = pl.when(found.list.len() == 4).then(found)
    return [fit.list.get(i, null_on_oob=True).cast(pl.Float64, strict=False) for i in range(4)]


def to_edges(numbers: list[pl.Expr], order: str) -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    """Return left, top, right and bottom."""
    a, b, c, d = numbers
    if order.startswith("x_min"):
        return a, b, c, d
    if order.startswith("x_center"):
        return a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return a, b, a + c, b + d


def find_side(left: pl.Expr, right: pl.Expr, mirrored: bool = False) -> pl.Expr:
    """Return the patient's side of a box, given its edges as shares of the width; null over the midline."""
    on_left, on_right = ("left", "right") if mirrored else ("right", "left")
    return (
        pl.when(right <= 0.5 + MIDLINE)
        .then(pl.lit(on_left))
        .when(left >= 0.5 - MIDLINE)
        .then(pl.lit(on_right))
        .otherwise(pl.lit(None, pl.String))
    )


def find_zone(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    """Return the zone of a box's centre, given its edges as shares of the height; null near a border."""
    centre = (top + bottom) / 2
    zone = pl.lit(None, pl.String)
    for name, start, end in ZONES:
        low = start + BORDER if start else 0.0
        high = end - BORDER if end < 1 else 1.0
        zone = pl.when((centre >= low) & (centre <= high)).then(pl.lit(name)).otherwise(zone)
    return zone
