"""How many groups each (triple, plane) can hold, and which studies serve as which truth, in one split.

Studies that fit the same questions are interchangeable, so the problem is stated over *types*: what sets of
questions studies fit. ``x[t, m]`` studies of type ``t`` serve as member ``m`` (a cell and one of its four
truths), and
``n[c]`` groups are made of cell ``c``::

    maximise   sum_c n[c]
    subject to sum_t x[t, m] = n[cell of m]              each member is the truth equally often
               sum_m x[t, m] <= size[t] * per_study      no study is used too often
               0 <= x[t, m] <= size[t]                   nor twice for the same question
               sum_{c of triple} n[c] <= cap             no triple dominates
               n integer

With ``n`` fixed the rest is a flow problem, whose corners are whole numbers: so only ``n`` is declared
integer, and ``x`` is found afterwards as a maximum flow. The relaxation without "n integer" gives the upper
bound that is reported beside what was reached. HiGHS stops by gap or node count, never by the clock, so the
same input gives the same answer on a busy machine too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nastdata.computed.store import keep
from nastdata.design.mednega.integer_program import Types, assign_types, solve, state_problem
from nastdata.design.mednega.planes import Cell
from nastdata.design.mednega.pricing import price_problem


@dataclass(frozen=True)
class Balance:
    """The solution of one split. Groups of four items are counted, not items."""

    groups: dict[Cell, int]
    """Cell -> groups, only cells that have some."""
    served: dict[tuple[Cell, int], list[tuple[int, int]]]
    """(cell, member 0-3) -> (type, studies of it that serve as this truth), types ascending."""
    reached: int
    bound: float
    """No balanced design under the same settings has more groups."""
    cap: int | None
    """Highest number of groups of one triple; None without a cap."""
    share: float | None
    """The share that the cap comes from (see ``relax_share``)."""
    proved: bool
    """Whether ``reached`` is proved to be the optimum."""


def balance_split(types: Types, cells: Sequence[Cell], *, per_study: int, share: float | None) -> Balance:
    """Find the largest balanced design of one split.

    It follows from its arguments alone, and is kept between builds (``nastdata.computed.store``).

    Args:
        types: The split's eligible studies by what they can serve as.
        cells: Usable (triple, plane) cells, as ``types.fits`` counts them.
        per_study: Items that one study may serve.
        share: Highest share of the split's items that one triple may have; None for no cap.
    """
    fits = hashlib.sha256(np.packbits(types.fits).tobytes()).hexdigest()
    asked = [fits, types.fits.shape, types.size.tolist(), [(*c.triple, c.plane) for c in cells]]
    kept = keep(
        "balance",
        [*asked, per_study, share],
        lambda: _pack(find_balance(types, cells, per_study=per_study, share=share), cells),
        lambda made: made.get("groups", np.zeros(0)).shape == (len(cells),) and "served" in made,
    )
    return _unpack(kept, cells)


def _pack(found: Balance, cells: Sequence[Cell]) -> dict[str, np.ndarray]:
    """Take a solution apart: groups of each cell; (cell, member, type, studies) of what serves; figures."""
    number = {cell: i for i, cell in enumerate(cells)}
    groups = np.zeros(len(cells), np.int64)
    for cell, n in found.groups.items():
        groups[number[cell]] = n
    rows = [(number[c], m, t, n) for (c, m), kinds in found.served.items() for t, n in kinds]
    missing = np.nan
    figures = [
        found.reached,
        found.bound,
        missing if found.cap is None else found.cap,
        missing if found.share is None else found.share,
        found.proved,
    ]
    return {
        "groups": groups,
        "served": np.array(rows, np.int64).reshape(-1, 4),
        "figures": np.array(figures, np.float64),
    }


def _unpack(kept: Mapping[str, np.ndarray], cells: Sequence[Cell]) -> Balance:
    """Put together what ``_pack`` took apart."""
    served: dict[tuple[Cell, int], list[tuple[int, int]]] = {}
    for cell, member, kind, count in kept["served"].tolist():
        served.setdefault((cells[cell], member), []).append((kind, count))
    reached, bound, cap, share, proved = kept["figures"].tolist()
    return Balance(
        groups={cells[i]: int(kept["groups"][i]) for i in np.flatnonzero(kept["groups"]).tolist()},
        served=served,
        reached=int(reached),
        bound=bound,
        cap=None if np.isnan(cap) else int(cap),
        share=None if np.isnan(share) else share,
        proved=bool(proved),
    )


def find_balance(types: Types, cells: Sequence[Cell], *, per_study: int, share: float | None) -> Balance:
    """Find what ``balance_split`` returns, without looking at what is kept."""
    whole = state_problem(types, cells, per_study)
    if not whole.cells:
        return Balance({}, {}, 0, 0.0, None, share, True)
    if share is not None:
        share = relax_share(share, len({c.triple for c in whole.cells}))

    def cap_of(groups: float) -> int | None:
        return None if share is None else max(1, int(share * int(groups + 1e-6) + 1e-9))

    priced = price_problem(whole, cap_of)
    problem, bound, cap = priced.problem, priced.bound, priced.cap
    solved = solve(problem, cap)
    if priced.complete:
        bound = min(bound, solved.bound)
    while cap is not None and cap > (cap_of(float(solved.groups.sum())) or 0):
        cap -= 1
        solved = solve(problem, cap)
    reached = int(solved.groups.sum())
    return Balance(
        groups={c: int(n) for c, n in zip(problem.cells, solved.groups, strict=True) if n},
        served=assign_types(problem, solved.groups),
        reached=reached,
        bound=bound,
        cap=cap,
        share=share,
        proved=reached >= int(np.floor(bound + 1e-6)),
    )


def relax_share(share: float, triples: int) -> float:
    """Return the share that can be asked for where only a few triples are usable at all.

    Twenty triples could meet 5 % only by being equally frequent, and ten not at all; so a triple may always
    have twice its even share.
    """
    return min(1.0, max(share, 2.0 / triples))
