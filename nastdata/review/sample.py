"""Which rows are reviewed: a stratified sample that is large enough for a wanted interval.

The draw depends on nothing but the rows and the plan, so that it can be made again and compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from nastdata.dataset.folder import DatasetFolder
from nastdata.dataset.strata import STRATUM, add_strata, strata_columns
from nastdata.errors import UserError, name_nearest
from nastdata.review.items import Place
from nastdata.seeded import draw_codes, draw_int

STRATUM_COLUMNS = tuple(f"stratum_{name}" for name in STRATUM)
Z = 1.959963984540054
"""Of a 95 % interval."""


@dataclass(frozen=True)
class Plan:
    """How a sample is drawn; recorded with the review."""

    seed: int = 0
    margin: float = 0.05
    """Half of the width of the 95 % interval of each config's acceptance."""
    expected: float = 0.9
    """Acceptance that is expected, which decides how many items the margin takes."""
    items: int | None = None
    """Number of items of all configs together, in place of the margin."""
    configs: tuple[str, ...] = ()
    """Empty: all."""
    splits: tuple[str, ...] = ()
    """Empty: all."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "configs": list(self.configs), "splits": list(self.splits)}


@dataclass(frozen=True)
class Drawn:
    """One row of the sample."""

    config: str
    key: str
    stratum: tuple[str, ...]
    """Condition, polarity, kind, writer."""
    place: Place


@dataclass(frozen=True)
class Sample:
    """The rows drawn, in the order in which they are shown, and what they were drawn from."""

    drawn: tuple[Drawn, ...]
    strata: tuple[dict[str, Any], ...]
    """``config``, ``condition``, ``polarity``, ``kind``, ``writer``, ``rows`` in the dataset, ``drawn``."""


def read_plan(data: Mapping[str, Any]) -> Plan:
    """Return a plan from what ``Plan.to_json`` gave."""
    return Plan(**{**data, "configs": tuple(data["configs"]), "splits": tuple(data["splits"])})


def size_sample(rows: int, margin: float, expected: float) -> int:
    """Return how many of ``rows`` give a 95 % interval of the half-width ``margin`` (normal approximation).

    For a share ``p`` it takes ``z**2 * p * (1 - p) / margin**2`` items, fewer where that is a good part of
    all rows (finite population correction; Cochran, Sampling Techniques, 3rd ed., 4.1).
    """
    wanted = Z**2 * expected * (1 - expected) / margin**2
    return min(rows, math.ceil(wanted / (1 + (wanted - 1) / rows))) if rows else 0


def draw_sample(folder: DatasetFolder, plan: Plan) -> Sample:
    """Draw rows by strata: config x condition x polarity x kind x writer.

    Every stratum gets a share in proportion to its rows, and at least one item; with ``plan.items`` too small
    for that, the smallest strata get none, which ``strata`` shows.

    Raises:
        UserError: if a config or split is not there, or no row is left to draw from.
    """
    configs = _choose_configs(folder, plan.configs)
    frames = {c: _read_strata(folder, c, plan) for c in configs}
    frames = {c: f for c, f in frames.items() if len(f)}
    if not frames:
        raise UserError("no rows to review", where=str(folder.path), how="choose other --config or --split")
    sizes = _divide(frames, plan)
    drawn: list[Drawn] = []
    strata: list[dict[str, Any]] = []
    for config, frame in frames.items():
        counts = frame.group_by(STRATUM_COLUMNS).len().sort(STRATUM_COLUMNS)
        shares = allocate(counts["len"].to_list(), sizes[config], plan.items is None)
        wanted = counts.with_columns(pl.Series("wanted", shares, pl.Int64))
        for *names, rows, n in wanted.iter_rows():
            told = dict(zip(STRATUM, names, strict=True))
            strata.append({"config": config, **told, "rows": rows, "drawn": n})
        ranked = frame.sort("code", "key", "file", "row").with_columns(
            pl.int_range(pl.len()).over(STRATUM_COLUMNS).alias("rank")
        )
        taken = ranked.join(wanted, on=STRATUM_COLUMNS).filter(pl.col("rank") < pl.col("wanted"))
        columns = ("key", "split", "file", "row", *STRATUM_COLUMNS)
        for key, split, file, row, *names in taken.select(columns).iter_rows():
            drawn.append(Drawn(config, key, tuple(names), Place(split, file, row)))
    drawn.sort(
        key=lambda d: (draw_int(plan.seed, "review order", d.config, d.key), d.place.file, d.place.row)
    )
    return Sample(tuple(drawn), tuple(strata))


def allocate(rows: Sequence[int], size: int, each: bool) -> list[int]:
    """Divide ``size`` items among strata in proportion to their rows, by largest remainders.

    Args:
        rows: of each stratum.
        size: items wanted; more are given where ``each`` stratum must have one.
        each: whether every stratum gets at least one.
    """
    total = sum(rows)
    size = min(max(size, len(rows) if each else 0), total)
    floor = 1 if size >= len(rows) else 0
    given = [min(n, max(floor, math.floor(size * n / total))) for n in rows]
    order = sorted(range(len(rows)), key=lambda i: (-(size * rows[i] / total - given[i]), -rows[i], i))
    while sum(given) < size:
        for i in order:
            if given[i] < rows[i] and sum(given) < size:
                given[i] += 1
    while sum(given) > size:
        most = max(range(len(rows)), key=lambda i: (given[i] - size * rows[i] / total, given[i]))
        if given[most] <= floor:
            most = max(range(len(rows)), key=lambda i: given[i])
        given[most] -= 1
    return given


def _choose_configs(folder: DatasetFolder, wanted: Sequence[str]) -> tuple[str, ...]:
    for name in wanted:
        if name not in folder.configs:
            raise UserError(
                f"no config '{name}'", where=str(folder.path), how=name_nearest(name, folder.configs)
            )
    return tuple(c for c in folder.configs if not wanted or c in wanted)


def _read_strata(folder: DatasetFolder, config: str, plan: Plan) -> pl.DataFrame:
    """Return one row a row: key, where it is, its stratum and its draw."""
    parts = []
    columns = strata_columns(config)
    for split, paths in folder.files[config].items():
        if plan.splits and split not in plan.splits:
            continue
        for path in paths:
            name = path.relative_to(folder.path).as_posix()
            try:
                frame = pl.read_parquet(path, columns=list(columns))
                frame = frame.rename({columns[0]: "key"}).with_columns(pl.col("key").fill_null(""))
                codes = draw_codes(plan.seed, "review", ([config, k] for k in frame["key"]))
                frame = _class_rows(config, frame, codes)
            except (pl.exceptions.PolarsError, OSError) as e:
                how = f"nastdata validate {folder.path} says what is wrong with it"
                raise UserError(
                    f"not usable ({str(e).splitlines()[0]})", where=f"{folder.path}/{name}", how=how
                ) from e
            parts.append(frame.with_row_index("row").with_columns(split=pl.lit(split), file=pl.lit(name)))
    return pl.concat(parts) if parts else pl.DataFrame()


def _class_rows(config: str, frame: pl.DataFrame, codes: Any) -> pl.DataFrame:
    drawn = pl.Series("code", codes, pl.UInt64)
    classed = add_strata(config, frame, drawn)
    return classed.select("key", *STRATUM_COLUMNS).with_columns(drawn)


def _divide(frames: Mapping[str, pl.DataFrame], plan: Plan) -> dict[str, int]:
    """Return how many items each config gets."""
    if plan.items is None:
        return {c: size_sample(len(f), plan.margin, plan.expected) for c, f in frames.items()}
    rows = {c: len(f) for c, f in frames.items()}
    left, shares = min(plan.items, sum(rows.values())), [0] * len(frames)
    # configs get equal shares, since each is a dataset of its own
    names = list(frames)
    while left:
        for i, name in enumerate(names):
            if left and shares[i] < rows[name]:
                shares[i] += 1
                left -= 1
    return dict(zip(names, shares, strict=True))
