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

from nastdata.design.mednega.denials import Denials

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
    """Left out: no affirmative phrase of an absent finding fits beside the present ones."""


def list_cells(denials: Denials) -> CellList:
    """Sort every (triple, plane) of an ontology into usable, contradicting and clashing.

    One bad option spoils its plane, since all four members must serve as truth equally often. A cell that
    both contradicts and clashes counts as contradicting.
    """
    usable, contradicting, clashing = [], [], []
    for triple in combinations(range(len(denials.above)), 3):
        for plane, members in enumerate(PLANES):
            cell = Cell(triple, plane)
            if any(contradicts(denials, triple, m) for m in members):
                contradicting.append(cell)
            elif any(clashes(denials, triple, m) for m in members):
                clashing.append(cell)
            else:
                usable.append(cell)
    return CellList(tuple(usable), tuple(contradicting), tuple(clashing))


def contradicts(denials: Denials, triple: Sequence[int], labels: Sequence[int]) -> bool:
    """Return whether a finding is present while another's absence denies it (label hierarchy)."""
    present, absent = split_labels(triple, labels)
    return any(denials.by_name[i] & present for i in absent)


def clashes(denials: Denials, triple: Sequence[int], labels: Sequence[int]) -> bool:
    """Return whether every affirmative phrase of an absent finding denies a present one."""
    present, absent = split_labels(triple, labels)
    return any(not denials.narrowest(i, present) for i in absent)


def split_labels(triple: Sequence[int], labels: Sequence[int]) -> tuple[int, list[int]]:
    """Return an option's present conditions as a mask, and its absent ones in order."""
    present = sum(1 << i for i, v in zip(triple, labels, strict=True) if v)
    return present, [i for i, v in zip(triple, labels, strict=True) if not v]
