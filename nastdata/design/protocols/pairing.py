"""Pairs of images for one pair of texts: each text is true of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from nastdata.seeded import draw_int, mix_codes

Ints = npt.NDArray[np.int64]
COLUMNS = ("source", "patient_id", "study_id", "image_id", "image", "split")
UNKNOWN = -1


@dataclass
class Pool:
    """The studies of one split and source, by number; and for how many of them no partner was found."""

    frame: pl.DataFrame
    """Their study columns."""
    labels: npt.NDArray[np.int8]
    """(studies, conditions) 1, 0 or ``UNKNOWN``."""
    column: dict[str, int]
    """Condition -> its column of ``labels``."""
    draw: npt.NDArray[np.uint64]
    """(studies,) a hashed draw each."""
    patient: Ints
    """(studies,) a number for each patient."""
    without_partner: dict[str, int] = field(default_factory=dict)
    asked: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    """(patients, conditions) whether a question was put, or the state told, of this patient and condition.

    It is at most once. A finding that recurs over a patient's questions would be the one that is there,
    not least
    since a patient with a rare finding is asked about it more often than one without."""

    def __post_init__(self) -> None:
        """Nothing is asked at first."""
        self.asked = np.zeros((int(self.patient.max(initial=-1)) + 1, self.labels.shape[1]), dtype=bool)

    def divide(self, seed: int, parts: int) -> list[Pool]:
        """Deal the patients to so many pools, by hash."""
        dealt = mix_codes(self._code_patients(), draw_int(seed, "protocol part")) % np.uint64(max(parts, 1))
        out = []
        for part in range(parts):
            rows = np.flatnonzero(dealt == part)
            frame, without = self.frame[rows], self.without_partner
            patient = np.unique(self.patient[rows], return_inverse=True)[1].astype(np.int64)
            out.append(Pool(frame, self.labels[rows], self.column, self.draw[rows], patient, without))
        return out

    def _code_patients(self) -> npt.NDArray[np.uint64]:
        """Return (studies,) a hashed draw of each study's patient: the least of its studies'."""
        least = np.full(int(self.patient.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(least, self.patient, self.draw)
        return least[self.patient]

    def is_fresh(self, conditions: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return (studies,) whether nothing was asked of the patient about any of the conditions."""
        asked = np.asarray(self.asked[:, [self.column[c] for c in conditions]].any(axis=1))
        fresh: npt.NDArray[np.bool_] = ~asked[self.patient]
        return fresh

    def mark(self, studies: Sequence[int], conditions: Sequence[str]) -> None:
        """Note that the patients of these studies are asked about these conditions."""
        columns = np.array([self.column[c] for c in conditions], dtype=np.int64)
        self.asked[np.ix_(self.patient[np.array(studies, dtype=np.int64)], columns)] = True

    def find(self, states: dict[str, int]) -> Ints:
        """Return the numbers of studies with these states, condition -> 1 or 0, that are fresh for them."""
        keep = self.is_fresh(list(states))
        for condition, value in states.items():
            keep &= self.labels[:, self.column[condition]] == value
        found: Ints = np.flatnonzero(keep)
        return found

    def order(self, seed: int, name: str, some: Ints) -> Ints:
        """Return studies in a hashed order that belongs to a name."""
        codes = mix_codes(self.draw[some], draw_int(seed, "protocol", name))
        ordered: Ints = some[np.argsort(codes, kind="stable")]
        return ordered

    def pair(
        self, seed: int, name: str, first: Ints, second: Ints, most: int | None
    ) -> list[tuple[int, int]]:
        """Pair studies of two kinds, each patient in one pair at most, in a hashed order.

        Args:
            seed: of the order.
            name: what the pairs are for: the order depends on it.
            first: studies of which one text is true.
            second: studies of which the other is.
            most: highest number of pairs.
        """
        left = self.order(seed, name, first)
        waiting = self.order(seed, name, second)[::-1].tolist()
        pairs: list[tuple[int, int]] = []
        used: set[np.int64] = set()
        for study in left.tolist():
            if most is not None and len(pairs) >= most:
                break
            own = self.patient[study]
            if own in used:
                continue
            at = next(
                (
                    i
                    for i in range(len(waiting) - 1, -1, -1)
                    if (other := self.patient[waiting[i]]) != own and other not in used
                ),
                None,
            )
            if at is not None:
                pairs.append((study, waiting.pop(at)))
                used |= {own, self.patient[pairs[-1][1]]}
        if most is None or len(pairs) < most:
            self.count_lone(name.partition("|")[0], len(first) + len(second) - 2 * len(pairs))
        return pairs

    def count_lone(self, protocol: str, studies: int) -> None:
        """Count studies for which a protocol found no partner."""
        self.without_partner[protocol] = self.without_partner.get(protocol, 0) + studies

    def row(self, study: int) -> dict[str, Any]:
        """Return a study's columns."""
        return self.frame.row(study, named=True)


def read_pools(studies: pl.DataFrame, conditions: Sequence[str], seed: int) -> list[Pool]:
    """Return the studies with a known label, one pool a split and source; uncertain ones count as unknown."""
    known = pl.any_horizontal(pl.col(c).is_in([0, 1]) for c in conditions)
    frame = studies.filter(known).sort("split", "source", "study_id", "image_id")
    pools = []
    for _, part in frame.group_by("split", "source", maintain_order=True):
        labels = part.select(
            pl.when(pl.col(c).is_in([0, 1])).then(pl.col(c)).otherwise(UNKNOWN).cast(pl.Int8)
            for c in conditions
        ).to_numpy()
        keys = part.select("source", "study_id").iter_rows()
        pools.append(
            Pool(
                frame=part.select(COLUMNS),
                labels=labels,
                column={c: i for i, c in enumerate(conditions)},
                draw=np.array([draw_int(seed, "protocol", *k) for k in keys], np.uint64),
                patient=part["patient_id"].rank("dense").to_numpy().astype(np.int64),
            )
        )
    return pools
