"""Closed families of claims: K statements of which each is the only true one in some studies.

If a family is used equally often with each of its members as the truth, its texts say nothing of the
answer. What is sought are K statements and, for each, joint states in which it is true and all the others
are false for certain; a family can be used as often as its rarest member allows.
"""

from __future__ import annotations

import numpy as np

from nastdata.design.contextual.arrays.search import Board, Family, search_families, set_board
from nastdata.design.contextual.truth_table import TRUE, UNUSABLE, Scope


def match_cells(scope: Scope, family: Family) -> list[np.ndarray]:
    """Return, for each claim of a family, the joint states in which it alone is true."""
    at = np.searchsorted(scope.columns, family.claims)
    verdicts = scope.verdicts[:, at]
    fit = (verdicts != UNUSABLE).all(axis=1) & ((verdicts == TRUE).sum(axis=1) == 1)
    return [np.flatnonzero(fit & (verdicts[:, i] == TRUE)) for i in range(len(family.claims))]


__all__ = ["Board", "Family", "match_cells", "search_families", "set_board"]
