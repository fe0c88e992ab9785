"""How many rows of each kind and condition to keep: the most that the shares allow, as a linear programme.

Rows of one kind of negation about the same conditions are a *cell*. What is sought is how many rows of
each cell to keep, so that there are as many as possible while no condition is above its cap and the kinds
are near their shares. Many choices keep that many; of these, one in which the conditions with few rows keep
theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
SLACKS = (1.0, 1.15, 1.3)
"""How far above its share a kind may be: not at all, or further if that keeps more rows."""
ENOUGH = 0.95
"""Part of the rows, of those without a mix, below which the mix is loosened."""
SCARCE = 0.5
"""Part of the rows below which the scarcest kind no longer holds the others back: it is taken whole, and the
others keep their proportions among themselves."""


NEARLY = 0.98
"""Part of the rows that is enough while rows are dealt to the conditions that have few."""
EVEN, FIRST, WEIGHT = 1.0, 0.25, 4.0
"""A condition's rows count up to an even share, and more up to a quarter of one."""


@dataclass(frozen=True)
class Cells:
    """What there is to choose from."""

    have: Floats
    """(cells,) rows of each."""
    kind: Ints
    """(cells,) kind of negation, as a number."""
    about: Floats
    """(cells, conditions) share of its rows that are about each condition."""


def choose_amounts(
    cells: Cells, target: float, cap: float | None, unit: Floats, shares: Floats | None
) -> Floats:
    """Return (cells,) how many rows of each cell to keep.

    Args:
        cells: to choose from.
        target: rows to keep at most.
        cap: highest share of a condition; None: no cap.
        unit: (conditions,) rows of a condition that are allowed in any case.
        shares: (kinds,) shares of the kinds to be near to; None: as they come.
    """
    free = _solve(cells, target, cap, unit, None, 1.0)
    if shares is None:
        return free
    wanted = np.where(shares[cells.kind] > 0, cells.have, 0.0)
    cells = Cells(wanted, cells.kind, cells.about)
    most = _solve(cells, target, cap, unit, None, 1.0).sum()
    full = (shares > 0) & (np.bincount(cells.kind, cells.have, len(shares)) > 0)
    while True:
        for slack in SLACKS:
            named = np.where(full, shares, 0.0)
            found = _solve(cells, target, cap, unit, named, slack)
            if found.sum() >= ENOUGH * most:
                break
        if found.sum() >= SCARCE * most or full.sum() < 2:
            return _solve(cells, target, cap, unit, named, slack, NEARLY * found.sum())
        have = np.bincount(cells.kind, cells.have, len(shares))
        full[np.where(full, have / np.where(full, shares, 1.0), np.inf).argmin()] = False


def _solve(
    cells: Cells,
    target: float,
    cap: float | None,
    unit: Floats,
    shares: Floats | None,
    slack: float,
    least: float | None = None,
) -> Floats:
    """Return the amounts that keep the most rows, or those that are most even and keep ``least``.

    ``shares`` that are 0 hold nothing back; the others hold among the kinds that have one.
    """
    from scipy.optimize import linprog

    if not cells.have.sum():
        return np.zeros_like(cells.have)
    n, conditions = cells.about.shape
    left, right = [np.ones((1, n))], [np.array([float(target)])]
    if cap is not None:
        left.append((cells.about - cap).T)
        right.append(unit * (1.0 - cap))
    if shares is not None and shares.sum() > 0:
        bound = (shares > 0)[cells.kind]
        each = slack * shares / shares.sum()
        for kind in np.flatnonzero((shares > 0) & (each < 1)):
            left.append(((cells.kind == kind) - each[kind] * bound)[None, :].astype(np.float64))
            right.append(np.zeros(1))
    worth, most = np.ones(n), cells.have
    if least is not None:
        # two more numbers a condition: its rows, counted up to an even share and up to a part of it
        steps = 2 * conditions
        left = [np.pad(part, ((0, 0), (0, steps))) for part in left]
        counted = np.concatenate([-cells.about.T, -cells.about.T])
        left += [np.concatenate([counted, np.eye(steps)], axis=1)]
        left += [np.concatenate([-np.ones((1, n)), np.zeros((1, steps))], axis=1)]
        right += [np.zeros(steps), np.array([-least])]
        share = least / max(int((cells.about.T @ cells.have > 0).sum()), 1)
        worth = np.concatenate([np.zeros(n), np.ones(conditions), np.full(conditions, WEIGHT)])
        most = np.concatenate([most, np.full(conditions, EVEN * share), np.full(conditions, FIRST * share)])
    solved = linprog(
        -worth,
        A_ub=np.concatenate(left),
        b_ub=np.concatenate(right),
        bounds=np.stack([np.zeros(len(most)), most], axis=1),
        method="highs",
    )
    if solved.x is None:
        raise AssertionError(f"the programme of shares has no solution: {solved.message}")
    found: Floats = np.maximum(solved.x[:n], 0.0)
    return found
