"""How much of what: no condition above its share, kinds of negation as asked for, and what is missing.

Units (groups of claim sets, pairs of captions) are kept whole, so that what is balanced within a unit stays
balanced. A cap on a condition holds in each split of the result; a mix of kinds is what to aim at: kinds
that the data have too few of are reported, and the others are not blown up in their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nastdata.design.contextual.arrays.amounts import Cells, choose_amounts
from nastdata.records import SPLITS

Floats = np.ndarray[Any, np.dtype[np.float64]]
Numbers = np.ndarray[Any, np.dtype[Any]]
AUTO, LOOSE = 0.20, 1.5
"""Highest share of a condition by default: a fifth, or one and a half times an even share, whichever is
more (a corpus may have few conditions)."""
AUTO_MIX = {"existence": 0.40, "location": 0.35, "severity": 0.15, "none": 0.10}
"""Kinds of negation by default, as real reports lean to: most denials are of existence."""


@dataclass(frozen=True)
class Units:
    """What is kept or left out as a whole."""

    rows: Numbers
    """How many rows (sets, captions) each has."""
    split: Numbers
    """Of each, as a number in ``records.SPLITS``."""
    draw: Numbers
    """Hashed order: the lowest are kept first."""
    kind: Numbers
    """Number of the kind of negation of each, in ``kinds``."""
    by_condition: Floats
    """Units x conditions: how many of a unit's rows are about each condition."""


@dataclass(frozen=True)
class Kept:
    """Which units stay, and what is to be reported."""

    keep: np.ndarray[Any, np.dtype[np.bool_]]
    report: dict[str, Any]


def find_mix(mix: Mapping[Any, float] | str | None, kinds: Sequence[str]) -> dict[str, float] | None:
    """Return kind -> share of a recipe's ``mix``; of "auto" the default among the kinds that there are."""
    if mix is None:
        return None
    given = AUTO_MIX if isinstance(mix, str) else mix
    named = {kind: float(given[kind]) for kind in kinds if given.get(kind)}
    whole = sum(named.values())
    return {kind: share / whole for kind, share in named.items()}


def choose_units(
    units: Units,
    conditions: Sequence[str],
    kinds: Sequence[str],
    *,
    limit: int | None,
    max_share: float | str | None,
    mix: Mapping[Any, float] | str | None,
    splits: Floats | None = None,
) -> Kept:
    """Keep as many units as the limit, the mix and the caps allow, in hashed order.

    Args:
        units: To choose from.
        conditions: Names of the columns of ``by_condition``.
        kinds: Names that ``kind`` counts.
        limit: Rows to keep at most.
        max_share: Highest share of a split's rows that one condition may have; "auto": see ``AUTO``; None: no
            cap. One unit of each condition is always allowed, so that a small split is not emptied.
        mix: Kind -> share of the rows to aim at; kinds that are not named are left out. "auto": ``AUTO_MIX``
            as far as the units go. None: as they come.
        splits: Share of the limit that each split is to have; None: as the units come.
    """
    formed = int(units.rows.sum())
    keep = np.zeros(len(units.rows), bool)
    missing: Counter[str] = Counter()
    short: dict[int, int] = {}
    caps: list[float] = []
    named = find_mix(mix, kinds)
    for split in np.unique(units.split):
        here = np.flatnonzero(units.split == split)
        here = here[np.argsort(units.draw[here], kind="stable")]
        target = int(units.rows[here].sum())
        if limit is not None and limit < formed:
            asked = limit * target // formed if splits is None else round(limit * float(splits[split]))
            target, short[int(split)] = min(target, asked), max(0, asked - target)
        share = None if named is None else np.array([named.get(kind, 0.0) for kind in kinds])
        wants = None if share is None or mix == "auto" else share * target
        cap = _find_cap(units, here, max_share)
        caps += [] if cap is None else [cap]
        kept = _keep_amounts(units, here, target, cap, share if mix == "auto" else None, wants)
        keep[kept] = True
        if named is not None:
            have = np.bincount(units.kind[kept], units.rows[kept], len(kinds))
            total = have.sum() if mix == "auto" else target
            for kind, n in zip(kinds, have, strict=True):
                missing[kind] += max(0, int(named.get(kind, 0.0) * total) - int(n))
    report: dict[str, Any] = {"rows_formed": formed, "rows_kept": int(units.rows[keep].sum())}
    if any(short.values()):
        report["not_filled_by_split"] = {SPLITS[s]: n for s, n in short.items() if n}
    if caps:
        lost = units.by_condition[~keep].sum(axis=0)
        report |= {"max_share": max_share, "cap_used": round(max(caps), 4)}
        report["not_kept_by_condition"] = {n: int(x) for n, x in zip(conditions, lost, strict=True) if x}
    if named is not None:
        report |= {"mix": named, "not_filled_by_kind": {k: n for k, n in missing.items() if n}}
        kept_rows = np.bincount(units.kind[keep], units.rows[keep], len(kinds))
        whole = max(int(kept_rows.sum()), 1)
        report["share_by_kind"] = {
            k: round(float(n) / whole, 4) for k, n in zip(kinds, kept_rows, strict=True)
        }
    return Kept(keep, report)


def _keep_amounts(
    units: Units, here: Numbers, target: int, cap: float | None, shares: Floats | None, wants: Floats | None
) -> Numbers:
    """Return units in order: as many of each cell as the linear programme says, then none above a cap."""
    described = np.column_stack([units.kind[here], units.by_condition[here] / units.rows[here][:, None]])
    values, cell = np.unique(described.round(6), axis=0, return_inverse=True)
    cell = cell.ravel()
    have = np.bincount(cell, units.rows[here], len(values)).astype(np.float64)
    cells = Cells(have, values[:, 0].astype(np.int64), values[:, 1:])
    unit = units.by_condition[here].max(axis=0, initial=0.0)
    if wants is not None:
        # A mix that the recipe names is a bound on each kind.
        whole = np.bincount(cells.kind, have, len(wants))
        room = np.minimum(1.0, wants / np.maximum(whole, 1.0))
        cells = Cells(have * room[cells.kind], cells.kind, cells.about)
    amount = choose_amounts(cells, target, cap, unit, shares)
    rows = units.rows[here]
    by_cell = np.argsort(cell, kind="stable")
    run = np.cumsum(rows[by_cell])
    first = np.concatenate([[True], np.diff(cell[by_cell]) > 0]) if len(by_cell) else np.zeros(0, bool)
    before = np.maximum.accumulate(np.where(first, run - rows[by_cell], 0))
    inside = run - before <= np.ceil(amount[cell[by_cell]] / rows[by_cell]) * rows[by_cell]
    stay = np.sort(by_cell[inside])
    return _fill(units, here[stay], target, cap, wants)


def _find_cap(units: Units, here: Numbers, max_share: float | str | None) -> float | None:
    if max_share is None:
        return None
    if max_share != "auto":
        return float(max_share)
    there = int((units.by_condition[here].sum(axis=0) > 0).sum())
    return min(1.0, max(AUTO, LOOSE / max(there, 1)))


def _fill(units: Units, here: Numbers, target: int, cap: float | None, wants: Floats | None) -> Numbers:
    """Return units in order, until the target, such that no cap on a condition or a kind is passed.

    A cap on a condition is a share of what is kept; keeping less lowers it, until both agree. It is
    rounded up to
    whole units.
    """
    about = units.by_condition[here]
    one_unit = about.max(axis=0, initial=0.0)
    total = target
    while True:
        columns, most = [about], [np.full(about.shape[1], np.inf)]
        if cap is not None:
            most = [_round_up(cap * total, one_unit)]
        if wants is not None:
            columns.append(
                np.equal.outer(units.kind[here], np.arange(len(wants))) * units.rows[here][:, None]
            )
            most.append(wants)
        kept = _take(here, np.concatenate(columns, axis=1), np.concatenate(most), units.rows, target)
        now = int(units.rows[kept].sum())
        held = cap is None or (units.by_condition[kept].sum(axis=0) <= _round_up(cap * now, one_unit)).all()
        if held or now >= total:
            return kept
        total = now


def _round_up(rows: float, unit: Floats) -> Floats:
    """Return (conditions,) the least number of whole units that is not below ``rows``."""
    whole: Floats = np.maximum(np.ceil(rows / np.maximum(unit, 1.0) - 1e-9), 1.0) * unit
    return whole


def _take(here: Numbers, amounts: Floats, most: Floats, rows: Numbers, target: int) -> Numbers:
    """Go through units in order and leave out those by which a column would pass what it may have."""
    stay = np.ones(len(here), bool)
    while True:
        at = np.flatnonzero(stay)
        over = (np.cumsum(amounts[at], axis=0) > most) & (amounts[at] > 0)
        bad = np.flatnonzero(over.any(axis=1))
        if not len(bad):
            break
        # the columns that pass first are closed there; the rest is counted again without their units
        closed = over[bad[0]]
        stay[at[(over & closed).any(axis=1)]] = False
    chosen = here[stay]
    return chosen[np.cumsum(rows[chosen]) <= target]
