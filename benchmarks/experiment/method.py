"""What a compared method is: data, settings of ``nastdata train``, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment.sizes import Size

if TYPE_CHECKING:
    from nastdata.models.dataset_rows import Data


@dataclass(frozen=True)
class Place:
    """Where the parts of one pretrained model's study are."""

    out: Path
    """The experiment's folder."""
    base: int
    """Number of the pretrained model, from 0."""

    @property
    def model(self) -> Path:
        """Folder of the pretrained model: ``pretrain.json`` and ``model/``."""
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


def open_rows(folder: Path, size: Size) -> Data:
    """Open a dataset folder with the images of the size: drawn ones, or those of its corpus."""
    from nastdata.models.dataset_rows import open_data

    roots = {} if size.images is None else {size.source: size.images}
    return open_data(folder, roots, phantom_size=size.pretrain.size)


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
    """Layer weights: ``trace`` for those of ``nastdata train``, or a name in ``layer_controls``."""
    rate_scale: float = 1.0
    """What the size's learning rates are multiplied by (SGD needs higher ones)."""
    same_norm_as: str | None = None
    """Not tuned: its learning rate gives the same norm of change as this other method's."""
    repeated: bool = False
    """Run with every fine-tuning seed on every pretrained model; otherwise with ``Size.seeds_of_others``."""
    about: str = ""
    """What it is, in a clause, for the page."""
