"""Which rows leave with a rejected item: its whole group, or a counterpart, so that balance is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from nastdata.seeded import draw_int

GROUP, BALANCE = "review: its group lost a rejected item", "review: left out to keep the balance"
REJECTED = "review: rejected"
CELL = ("split", "condition", "location", "severity")


@dataclass
class Removal:
    """What leaves a dataset."""

    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    """Config -> key -> why."""

    def count(self, config: str) -> dict[str, int]:
        """Return reason -> rows of a config."""
        out: dict[str, int] = {}
        for reason in self.reasons.get(config, {}).values():
            head = REJECTED if reason.startswith(REJECTED) else reason
            out[head] = out.get(head, 0) + 1
        return out


def plan_removal(
    rejected: Mapping[tuple[str, str], str],
    frames: Mapping[str, pl.DataFrame],
    recipe: Mapping[str, Any],
    seed: int,
) -> Removal:
    """Return all rows that have to leave.

    MedNega questions, claim sets and protocols leave as whole groups. Where the recipe promises as many
    negated as affirmative captions in each cell, a caption of the other polarity leaves its cell.

    Args:
        rejected: (config, key) -> why.
        frames: config -> all rows with ``split``.
        recipe: of the manifest.
        seed: of the review; picks the counterparts.
    """
    out = Removal()
    for config, frame in frames.items():
        key = frame.columns[0]
        mine = {k: f"{REJECTED}, {why}" for (c, k), why in rejected.items() if c == config}
        if not mine:
            continue
        reasons = dict(mine)
        if "group_id" in frame.columns:
            groups = frame.filter(pl.col(key).is_in(list(mine)))["group_id"].drop_nulls().unique().to_list()
            for name in frame.filter(pl.col("group_id").is_in(groups))[key]:
                reasons.setdefault(name, GROUP)
        if config == "contextual_captions" and _promises_balance(recipe):
            for name in _pick_counterparts(frame, mine, seed):
                reasons[name] = BALANCE
        out.reasons[config] = reasons
    return out


def _promises_balance(recipe: Mapping[str, Any]) -> bool:
    captions = recipe.get("captions") or {}
    return bool(captions.get("balanced") and captions.get("affirmative_controls"))


def _pick_counterparts(frame: pl.DataFrame, gone: Mapping[str, str], seed: int) -> list[str]:
    """Return captions of the other polarity, as many in each cell as it lost more of the one."""
    cells: dict[tuple[Any, ...], dict[str, list[str]]] = {}
    lost: dict[tuple[Any, ...], dict[str, int]] = {}
    fact = [pl.col("fact").struct.field(c) for c in CELL[1:]]
    for name, polarity, *cell in frame.select("caption_id", "polarity", "split", *fact).iter_rows():
        at = tuple(cell)
        if name in gone:
            counts = lost.setdefault(at, {"negated": 0, "affirmative": 0})
            counts[polarity] += 1
        else:
            cells.setdefault(at, {"negated": [], "affirmative": []})[polarity].append(name)
    out = []
    for at, counts in lost.items():
        surplus = counts["negated"] - counts["affirmative"]
        other = "affirmative" if surplus > 0 else "negated"
        left = sorted(cells.get(at, {}).get(other, []), key=lambda k: draw_int(seed, "counterpart", k))
        out += left[: abs(surplus)]
    return out
