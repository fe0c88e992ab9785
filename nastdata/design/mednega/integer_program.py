"""The integer programme of one split, in arrays, and its three solvers: relaxation, integral, flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nastdata.design.mednega.planes import Cell

NODE_LIMIT = 50
"""Branch-and-bound nodes of one solve; the CheXpert splits need 1 to 40 to prove the optimum."""
GAP = 0.0005
"""Relative gap at which a solve stops: one group in two thousand."""
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Types:
    """Studies by what they can serve as: those that can serve as the same members are of one type."""

    fits: BoolArray
    """(types, 4 x cells): what each may serve as; member ``4 * c + k`` is the k-th truth of cell c."""
    size: IntArray
    """Studies of each type."""


@dataclass(frozen=True)
class Problem:
    """Which types may serve as which members. Member ``4 * c + k`` is the k-th truth of cell ``c``."""

    cells: tuple[Cell, ...]
    of_type: IntArray
    """Type of each variable x."""
    of_member: IntArray
    """Member of each variable x."""
    size: IntArray
    per_study: int

    def keep(self, columns: NDArray[np.bool_]) -> Problem:
        """Return the same problem with fewer variables."""
        return replace(self, of_type=self.of_type[columns], of_member=self.of_member[columns])

    @property
    def of_triple(self) -> IntArray:
        """Number of each cell's triple."""
        numbers = {t: i for i, t in enumerate(dict.fromkeys(c.triple for c in self.cells))}
        return np.array([numbers[c.triple] for c in self.cells], dtype=np.int64)


@dataclass(frozen=True)
class Relaxed:
    """Optimum of the relaxation, in groups, and the price of everything that is scarce."""

    value: float
    groups: FloatArray
    of_types: FloatArray
    of_members: FloatArray
    of_triples: FloatArray
    """Empty without a cap."""


@dataclass(frozen=True)
class Solved:
    """Whole groups of each cell, and a bound on what the given variables allow."""

    groups: IntArray
    bound: float


def state_problem(types: Types, cells: Sequence[Cell], per_study: int) -> Problem:
    """List which types can serve as which members, leaving out cells that lack one."""
    of_type, of_member = np.nonzero(types.fits)
    supplied = np.bincount(of_member, minlength=4 * len(cells)).reshape(-1, 4).min(axis=1) > 0
    kept = np.flatnonzero(supplied)
    position = np.full(len(cells), -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    inside = supplied[of_member // 4]
    of_type, of_member = of_type[inside], of_member[inside]
    of_member = position[of_member // 4] * 4 + of_member % 4
    return Problem(tuple(cells[i] for i in kept.tolist()), of_type, of_member, types.size, per_study)


def relax(problem: Problem, cap: int | None) -> Relaxed:
    """Solve without "n integer", by interior points with crossover."""
    from scipy.optimize import linprog
    from scipy.sparse import vstack

    rows = _rows(problem)
    x, c = len(problem.of_type), len(problem.cells)
    above, most = [rows.use], [problem.size * problem.per_study]
    if cap is not None:
        above.append(rows.triples)
        most.append(np.full(rows.triples.shape[0], cap))
    result: Any = linprog(
        np.concatenate([np.zeros(x), -np.ones(c)]),
        A_ub=vstack(above).tocsr(),
        b_ub=np.concatenate(most),
        A_eq=rows.balance,
        b_eq=np.zeros(4 * c),
        bounds=np.column_stack([np.zeros(x + c), _upper(problem)]),
        method="highs-ipm",
    )
    if result.x is None:
        raise AssertionError(f"HiGHS could not solve the relaxation: {result.message}")
    scarce = -np.asarray(result.ineqlin.marginals)
    types = len(problem.size)
    return Relaxed(
        value=-float(result.fun),
        groups=result.x[x:],
        of_types=scarce[:types],
        of_members=np.asarray(result.eqlin.marginals),
        of_triples=scarce[types:],
    )


def solve(problem: Problem, cap: int | None) -> Solved:
    """Solve with "n integer"; stops by proof or node count, never by the clock."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    rows = _rows(problem)
    x, c = len(problem.of_type), len(problem.cells)
    constraints = [
        LinearConstraint(rows.balance, 0, 0),
        LinearConstraint(rows.use, -np.inf, problem.size * problem.per_study),
    ]
    if cap is not None:
        constraints.append(LinearConstraint(rows.triples, -np.inf, cap))
    result: Any = milp(
        np.concatenate([np.zeros(x), -np.ones(c)]),
        integrality=np.concatenate([np.zeros(x), np.ones(c)]),
        bounds=Bounds(0, _upper(problem)),
        constraints=constraints,
        options={"node_limit": NODE_LIMIT, "mip_rel_gap": GAP},
    )
    if result.x is None:  # no whole solution within the node limit: what the relaxation holds of whole groups
        relaxed = relax(problem, cap)
        return Solved(np.floor(relaxed.groups + 1e-7).astype(np.int64), relaxed.value)
    return Solved(np.rint(result.x[x:]).astype(np.int64), -float(result.mip_dual_bound))


@dataclass(frozen=True)
class _Rows:
    balance: Any
    use: Any
    triples: Any


def _rows(problem: Problem) -> _Rows:
    """Return the constraint matrices over (x, n) in CSR form."""
    from scipy.sparse import coo_array

    x, c = len(problem.of_type), len(problem.cells)
    members = np.arange(4 * c)
    balance = coo_array(
        (
            np.concatenate([np.ones(x), -np.ones(4 * c)]),
            (
                np.concatenate([problem.of_member, members]),
                np.concatenate([np.arange(x), x + members // 4]),
            ),
        ),
        shape=(4 * c, x + c),
    )
    use = coo_array((np.ones(x), (problem.of_type, np.arange(x))), shape=(len(problem.size), x + c))
    of_triple = problem.of_triple
    triples = coo_array((np.ones(c), (of_triple, x + np.arange(c))), shape=(int(of_triple.max()) + 1, x + c))
    return _Rows(balance.tocsr(), use.tocsr(), triples.tocsr())


def _upper(problem: Problem) -> FloatArray:
    """Return the upper bounds; with one item a study the rows imply them, but HiGHS is faster with them."""
    return np.concatenate([problem.size[problem.of_type].astype(float), np.full(len(problem.cells), np.inf)])


def assign_types(problem: Problem, groups: IntArray) -> dict[tuple[Cell, int], list[tuple[int, int]]]:
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
