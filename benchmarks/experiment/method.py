"""What a compared method is: data, settings of ``nastdata train``, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment.sizes import Size


@dataclass(frozen=True)
class Place:
    """Where the parts of one pretrained model's study are."""

    out: Path
    """The experiment's folder."""
    base: int
    """Number of the pretrained model, from 0."""

    @property
    def model(self) -> Path:
        """Folder of the pretrained model."""
        return self.out / f"base-{self.base}"

    @property
    def trace(self) -> Path:
        """Folder of its trace."""
        return self.out / f"trace-{self.base}"

    @property
    def cache(self) -> Path:
        """Folder of image features, shared by all."""
        return self.out / "cache"

    def data(self, name: str) -> Path:
        """Folder of a dataset."""
        return self.out / "data" / name


@dataclass(frozen=True)
class Method:
    """A way to fine-tune, tuned like every other."""

    name: str
    kind: str
    """``main``, ``control``, ``rival`` or ``objective``: the part of the page that shows it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of ``nastdata train``, beside what all methods share."""
    data: str = "contextual"
    """Dataset folder under ``data/``, that training and validation rows come from."""
    more: tuple[str, ...] = ()
    """Further dataset folders (``more_data``); with claim sets in ``data`` or here, they are validated on."""
    weigh: str | None = None
    """Name of a function of ``layer_controls`` that makes ``layers.weights`` of the trace."""
    tuned_as: str | None = None
    """Take the learning rate that this other method's trials chose (controls that must differ in one thing)."""
    about: str = ""
    """What it is, in a clause, for the page."""


def share_budget(objective: str, size: Size) -> dict[str, int]:
    """Return the batch sizes with which a step of an objective encodes about ``size.texts`` texts."""
    from experiment.rivals import TEXTS_OF

    return TEXTS_OF[objective](size.texts)
