"""Mixed-polarity planes: the option sets of the balanced design.

Three conditions have eight label vectors, the corners of a cube. A mixed-polarity plane holds four of them:
one condition is *free* and takes both values, the other two are *opposed*, one present and the other absent.
A plane is closed under XOR of any three members, so none of the four stands in the middle of the others; each
condition is present in exactly two of them, and each of them has a finding and an absence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from nastdata.ontology import Ontology

Labels = tuple[int, int, int]
PLANES: tuple[tuple[Labels, Labels, Labels, Labels], ...] = (
    ((0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)),
    ((0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0)),
    ((0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1)),
)
"""The three planes, by the position of the free condition; members in ascending order."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A triple of conditions (positions in the ontology, ascending) and one of its planes (0-2)."""

    triple: tuple[int, int, int]
    plane: int

    @property
    def members(self) -> tuple[Labels, Labels, Labels, Labels]:
        """The four option vectors, in ascending order; a truth is one of them."""
        return PLANES[self.plane]


@dataclass(frozen=True)
class CellList:
    """Which cells a design may use, and which it leaves out for what reason."""

    usable: tuple[Cell, ...]
    contradicting: tuple[Cell, ...]
    """Left out: an option has a child finding present and its ancestor absent."""
    clashing: tuple[Cell, ...]
    """Left out: the affirmative phrase of an absent finding misleads beside a present one."""


def list_cells(ontology: Ontology, *, avoid_contradictions: bool, avoid_clashes: bool) -> CellList:
    """Sort every (triple, plane) of an ontology into usable, contradicting and clashing.

    One bad option spoils its plane, since all four members must serve as truth equally often. A cell that
    both contradicts and clashes counts as contradicting. What isn't avoided is usable.
    """
    names = [c.name for c in ontology.conditions]
    usable, contradicting, clashing = [], [], []
    for triple in combinations(range(len(names)), 3):
        for plane, members in enumerate(PLANES):
            cell = Cell(triple, plane)
            three = [names[i] for i in triple]
            if avoid_contradictions and any(contradicts(ontology, three, m) for m in members):
                contradicting.append(cell)
            elif avoid_clashes and any(clashes(ontology, three, m) for m in members):
                clashing.append(cell)
            else:
                usable.append(cell)
    return CellList(tuple(usable), tuple(contradicting), tuple(clashing))


def contradicts(ontology: Ontology, conditions: Sequence[str], labels: Sequence[int]) -> bool:
    """Return whether a finding is present while one that it implies is absent (label hierarchy)."""
    present, absent = _split(conditions, labels)
    return any(ontology.ancestors[child] & absent for child in present)


def clashes(ontology: Ontology, conditions: Sequence[str], labels: Sequence[int]) -> bool:
    """Return whether the affirmative phrase of an absent finding misleads beside a present one."""
    present, absent = _split(conditions, labels)
    return any(k.absent in absent and k.present in present for k in ontology.clashes)


def _split(conditions: Sequence[str], labels: Sequence[int]) -> tuple[set[str], set[str]]:
    pairs = list(zip(conditions, labels, strict=True))
    return {c for c, v in pairs if v == 1}, {c for c, v in pairs if v == 0}
