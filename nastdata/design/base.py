"""What every design yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Design:
    """Rows to be worded, and what the design could and could not reach.

    ``frame`` has the config's columns that do not hold text, plus ``split``. ``report`` goes into the
    manifest: counts per split, bounds, what was avoided and how often.
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    report: dict[str, Any] = field(default_factory=dict)
