"""As many pairs of one direction as of the other, so that neither condition nor source tells which it is."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

CELL = ("split", "source", "condition")


def even_out(
    frame: pl.DataFrame,
    direction: str,
    *,
    cell: tuple[str, ...] = CELL,
    balanced: bool,
    limit: int | None,
    shares: Mapping[str, float],
) -> tuple[pl.DataFrame, int]:
    """Keep pairs such that each cell has as many of both directions; a limit takes evenly from conditions.

    Args:
        frame: with ``order`` (a hash), ``split``, the columns of ``cell``, and two values of ``direction``.
        direction: column of what must not be guessed: ``negation_in`` or ``polarity``.
        cell: columns within which the directions are made even.
        balanced: whether to make them even; otherwise only the limit is kept.
        limit: rows to keep at most.
        shares: split -> its share of the rows under a limit.

    The rows that stay are those with the lowest ``order``, of a frequent direction a smaller part than of
    a rare
    one: neither ids nor the order of rows may be made from it.

    Returns:
        The rows that stay, and how many were left out to make directions even.
    """
    key = [*cell, direction]
    turn = pl.col("order").rank("ordinal").over(key).cast(pl.Int64)
    frame = frame.with_columns(turn.alias("turn"))
    before = len(frame)
    if balanced:
        sizes = frame.group_by(key).len().group_by(cell).agg(pl.col("len").min(), pl.len().alias("both"))
        sizes = sizes.select(*cell, pl.when(pl.col("both") == 2).then("len").otherwise(0).alias("most"))
        frame = frame.join(sizes, on=list(cell), maintain_order="left").filter(
            pl.col("turn") <= pl.col("most")
        )
    left_out = before - len(frame)
    if limit is not None:
        unit = [*cell, "turn"] if balanced else [*key, "turn"]
        share = pl.col("split").replace_strict(dict(shares), return_dtype=pl.Float64)
        units = frame.group_by(unit).agg(pl.len().alias("rows"), pl.col("order").min().alias("first"))
        units = units.sort(pl.col("turn") / pl.max_horizontal(share, pl.lit(1e-9)), "first")
        units = units.filter(pl.col("rows").cum_sum() <= limit)
        frame = frame.join(units.select(unit), on=unit, how="semi", maintain_order="left")
    return frame, left_out
