"""Groups of claim sets: which studies make which claims of a family true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nastdata.design.contextual.study_states import Codes, Ints


@dataclass(frozen=True)
class Groups:
    """Groups of one size: G families' uses, each with K studies of which the i-th makes claim i true."""

    claims: Ints
    """G x K: numbers of statements in the sheet."""
    studies: Ints
    """G x K."""
    altered: np.ndarray[Any, np.dtype[np.int8]]
    """G x K x K: [g, i, j] is the attribute in which claim j departs from study i, as a number."""
    family: Ints
    split: Ints
    draw: Codes

    def take(self, rows: Ints) -> Groups:
        """Return some of the groups."""
        return Groups(*(getattr(self, f)[rows] for f in self.__dataclass_fields__))
