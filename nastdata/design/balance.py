"""How many groups each (triple, plane) can hold, and which studies serve as which truth, in one split.

Studies with equal label vectors are interchangeable, so the problem is stated over *types* (distinct
vectors). ``x[t, m]`` studies of type ``t`` serve as member ``m`` (a cell and one of its four truths), and
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

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nastdata.design.planes import Cell

NODE_LIMIT = 50
"""Branch-and-bound nodes of one solve; the CheXpert splits need 1 to 100 to prove the optimum."""
CHUNK = 4096
"""Types compared with all members at once, to keep memory flat."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Types:
    """Distinct label vectors of a split's studies: bit ``i`` of a mask is condition ``i``."""

    present: IntArray
    absent: IntArray
    size: IntArray
    """Studies that have this vector."""


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


@dataclass(frozen=True)
class _Problem:
    cells: tuple[Cell, ...]
    of_type: IntArray
    """Type of each variable x."""
    of_member: IntArray
    """Member (4 * cell + 0..3) of each variable x."""
    size: IntArray
    per_study: int


@dataclass(frozen=True)
class _Solved:
    groups: IntArray
    value: float
    bound: float


def balance_split(types: Types, cells: Sequence[Cell], *, per_study: int, share: float | None) -> Balance:
    """Find the largest balanced design of one split.

    Args:
        types: The split's eligible studies by label vector.
        cells: Usable (triple, plane) cells.
        per_study: Items that one study may serve.
        share: Highest share of the split's items that one triple may have; None for no cap.
    """
    problem = _state_problem(types, cells, per_study)
    if not problem.cells:
        return Balance({}, {}, 0, 0.0, None, share, True)
    if share is not None:
        share = relax_share(share, len({c.triple for c in problem.cells}))
    relaxed = _solve(problem, None, integer=False)
    bound, cap = relaxed.bound, None
    if share is not None:
        bound, cap = _find_cap(problem, relaxed, share)
    solved = _solve(problem, cap, integer=True)
    bound = min(bound, solved.bound)
    while cap is not None and share is not None and cap > _cap_of(share, int(solved.groups.sum())):
        cap -= 1
        solved = _solve(problem, cap, integer=True)
    served = _assign(problem, solved.groups)
    reached = int(solved.groups.sum())
    return Balance(
        groups={c: int(n) for c, n in zip(problem.cells, solved.groups, strict=True) if n},
        served=served,
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


def _cap_of(share: float, groups: int) -> int:
    return max(1, int(share * groups + 1e-9))


def _find_cap(problem: _Problem, relaxed: _Solved, share: float) -> tuple[float, int]:
    """Return (bound in groups, cap) where the cap is ``share`` of what the relaxation reaches under it.

    Any design with G groups keeps every triple within ``share * G``. Starting above the largest possible G
    and descending, G never falls below it, so the bound at the fixed point holds for all of them.
    """
    bound = relaxed.bound
    cap = _cap_of(share, int(bound + 1e-6))
    while True:
        bound = min(bound, _solve(problem, cap, integer=False).bound)
        lower = _cap_of(share, int(bound + 1e-6))
        if lower >= cap:
            return bound, cap
        cap = lower


def _state_problem(types: Types, cells: Sequence[Cell], per_study: int) -> _Problem:
    """List which types can serve as which members, leaving out cells that lack one."""
    masks = np.array([_masks(c, k) for c in cells for k in range(4)], dtype=np.int64).reshape(-1, 2)
    rows, cols = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(types.size), CHUNK):
        present = types.present[start : start + CHUNK, None]
        absent = types.absent[start : start + CHUNK, None]
        fits = ((present & masks[:, 0]) == masks[:, 0]) & ((absent & masks[:, 1]) == masks[:, 1])
        row, col = np.nonzero(fits)
        rows.append(row + start)
        cols.append(col)
    of_type, of_member = np.concatenate(rows), np.concatenate(cols)
    supplied = np.bincount(of_member, minlength=4 * len(cells)).reshape(-1, 4).min(axis=1) > 0
    kept = np.flatnonzero(supplied)
    position = np.full(len(cells), -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    inside = supplied[of_member // 4]
    of_type, of_member = of_type[inside], of_member[inside]
    of_member = position[of_member // 4] * 4 + of_member % 4
    return _Problem(tuple(cells[i] for i in kept.tolist()), of_type, of_member, types.size, per_study)


def _masks(cell: Cell, member: int) -> tuple[int, int]:
    pairs = list(zip(cell.triple, cell.members[member], strict=True))
    return sum(1 << i for i, v in pairs if v), sum(1 << i for i, v in pairs if not v)


def _solve(problem: _Problem, cap: int | None, *, integer: bool) -> _Solved:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    x, c = len(problem.of_type), len(problem.cells)
    width = x + c
    members = np.arange(4 * c)
    balance = coo_array(
        (
            np.concatenate([np.ones(x), -np.ones(4 * c)]),
            (
                np.concatenate([problem.of_member, members]),
                np.concatenate([np.arange(x), x + members // 4]),
            ),
        ),
        shape=(4 * c, width),
    )
    use = coo_array((np.ones(x), (problem.of_type, np.arange(x))), shape=(len(problem.size), width))
    constraints = [
        LinearConstraint(balance.tocsr(), 0, 0),
        LinearConstraint(use.tocsr(), -np.inf, problem.size * problem.per_study),
    ]
    if cap is not None:
        triples = {t: i for i, t in enumerate(dict.fromkeys(k.triple for k in problem.cells))}
        of_triple = [triples[k.triple] for k in problem.cells]
        per_triple = coo_array((np.ones(c), (of_triple, x + np.arange(c))), shape=(len(triples), width))
        constraints.append(LinearConstraint(per_triple.tocsr(), -np.inf, cap))
    # With one item a study the rows of the types say so already; HiGHS is twice as fast with these bounds.
    upper = np.concatenate([problem.size[problem.of_type].astype(float), np.full(c, np.inf)])
    result: Any = milp(
        np.concatenate([np.zeros(x), -np.ones(c)]),
        integrality=np.concatenate([np.zeros(x), np.ones(c) if integer else np.zeros(c)]),
        bounds=Bounds(0, upper),
        constraints=constraints,
        options={"node_limit": NODE_LIMIT, "mip_rel_gap": 0.0} if integer else {},
    )
    if result.x is None:
        if not integer:
            raise AssertionError(f"HiGHS could not solve the relaxation: {result.message}")
        return _round_down(problem, cap)
    value = -float(result.fun)
    bound = -float(result.mip_dual_bound) if integer and result.mip_dual_bound is not None else value
    groups = result.x[x:]
    whole = np.rint(groups) if integer else np.floor(groups + 1e-7)
    return _Solved(whole.astype(np.int64), value, bound)


def _round_down(problem: _Problem, cap: int | None) -> _Solved:
    """Fall back on the relaxation's whole groups where no integral solution was found in time."""
    relaxed = _solve(problem, cap, integer=False)
    return replace(relaxed, value=float(relaxed.groups.sum()))


def _assign(problem: _Problem, groups: IntArray) -> dict[tuple[Cell, int], list[tuple[int, int]]]:
    """Find whole numbers of studies for fixed groups: a maximum flow type -> member."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    needed = np.repeat(groups, 4)
    types, members = len(problem.size), len(needed)
    source, sink = 0, 1 + types + members
    wanted = needed[problem.of_member] > 0
    of_type, of_member = problem.of_type[wanted], problem.of_member[wanted]
    heads = np.concatenate([np.full(types, source), 1 + of_type, 1 + types + np.arange(members)])
    tails = np.concatenate([1 + np.arange(types), 1 + types + of_member, np.full(members, sink)])
    room = np.concatenate([problem.size * problem.per_study, problem.size[of_type], needed])
    graph = csr_array((room.astype(np.int32), (heads, tails)), shape=(sink + 1, sink + 1))
    result = maximum_flow(graph, source, sink)
    if result.flow_value != needed.sum():
        raise AssertionError(f"flow serves {result.flow_value} of {needed.sum()} items")
    flow = result.flow.tocoo()
    served: dict[tuple[Cell, int], list[tuple[int, int]]] = {}
    middle = (flow.data > 0) & (flow.row >= 1) & (flow.row <= types) & (flow.col < sink)
    found = zip(flow.col[middle] - 1 - types, flow.row[middle] - 1, flow.data[middle], strict=True)
    for member, kind, count in sorted((int(m), int(t), int(n)) for m, t, n in found):
        served.setdefault((problem.cells[member // 4], member % 4), []).append((kind, count))
    return served
