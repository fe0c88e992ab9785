"""Pairs of images for one pair of texts: each text is true of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from nastdata.seeded import draw_int


@dataclass(frozen=True)
class Study:
    """One study with what is known of its findings."""

    row: dict[str, Any]
    """Its study columns and split."""
    labels: dict[str, int]
    """Condition -> 1 or 0, where known."""

    @property
    def patient(self) -> tuple[str, str]:
        """Source and patient."""
        return self.row["source"], self.row["patient_id"]

    @property
    def key(self) -> str:
        """Source and study."""
        return f"{self.row['source']}/{self.row['study_id']}"


@dataclass
class Pool:
    """The studies of one split and source, and a count of those for which no partner was found."""

    studies: list[Study]
    without_partner: dict[str, int] = field(default_factory=dict)

    def pair(
        self, seed: int, name: str, first: Sequence[Study], second: Sequence[Study], most: int | None
    ) -> list[tuple[Study, Study]]:
        """Pair studies of two kinds, each used once, in a hashed order; partners are of different patients.

        Args:
            seed: of the order.
            name: what the pairs are for: the order depends on it.
            first: studies of which one text is true.
            second: studies of which the other is.
            most: highest number of pairs.
        """

        def order(some: Sequence[Study]) -> list[Study]:
            return sorted(some, key=lambda s: draw_int(seed, "protocol", name, s.key))

        left, right = order(first), order(second)
        pairs: list[tuple[Study, Study]] = []
        waiting = list(right)
        for study in left:
            if most is not None and len(pairs) >= most:
                break
            at = next((i for i, other in enumerate(waiting) if other.patient != study.patient), None)
            if at is None:
                break
            pairs.append((study, waiting.pop(at)))
        lacking = len(left) + len(right) - 2 * len(pairs)
        if most is None or len(pairs) < most:
            self.count_lone(name.partition("|")[0], lacking)
        return pairs

    def count_lone(self, protocol: str, studies: int) -> None:
        """Count studies for which a protocol found no partner."""
        self.without_partner[protocol] = self.without_partner.get(protocol, 0) + studies


def read_pools(studies: pl.DataFrame, conditions: Sequence[str]) -> list[Pool]:
    """Return the studies with an image, one pool a split and source; uncertain labels count as unknown."""
    pools: dict[tuple[str, str], list[Study]] = {}
    columns = ("source", "patient_id", "study_id", "image_id", "image", "split")
    for row in studies.select(*columns, *conditions).iter_rows(named=True):
        labels = {c: row[c] for c in conditions if row[c] in (0, 1)}
        if labels:
            study = Study({k: row[k] for k in columns}, labels)
            pools.setdefault((row["split"], row["source"]), []).append(study)
    return [Pool(some) for _, some in sorted(pools.items())]
