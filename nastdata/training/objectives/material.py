"""The rows that a run learns from and is judged by, with the features of their images, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import torch
from torch import Tensor

from nastdata.dataset.kept import load_kept_ontology
from nastdata.errors import UserError
from nastdata.images.store import ImageKey
from nastdata.models.base import DualEncoder
from nastdata.models.dataset_rows import Data, get_keys
from nastdata.models.image_features import embed_images
from nastdata.ontology import Ontology
from nastdata.training.parallel import World
from nastdata.training.settings import TrainRecipe


@dataclass(frozen=True)
class Part:
    """Rows of one config, and the dataset that they are of."""

    frame: pl.DataFrame
    number: int


@dataclass
class Material:
    """The datasets of a run, ``data`` first; a config is taken from the first that has rows of it."""

    recipe: TrainRecipe
    datas: Sequence[Data]
    encoder: DualEncoder
    world: World
    _known: dict[tuple[int, ImageKey], Tensor] = field(default_factory=dict)

    def find(self, config: str, split: str) -> int | None:
        """Return the number of the first dataset with rows of a config in a split, or None."""
        for i, data in enumerate(self.datas):
            frame = data.frames.get(config)
            if frame is not None and len(frame.filter(pl.col("split") == split)):
                return i
        return None

    def load(self, config: str, split: str, limit: int | None = None) -> Part:
        """Return rows that have an image.

        Raises:
            UserError: if no dataset has any.
        """
        number = self.find(config, split)
        if number is None and len(self.datas) > 1:
            raise UserError(
                f"no dataset has rows of {config} in split '{split}'",
                where=", ".join(str(d.folder.path) for d in self.datas),
                how="name one that has in data or more_data",
            )
        return Part(self.datas[number or 0].rows(config, split, limit), number or 0)

    def look(self, part: Part, column: str = "image") -> Tensor:
        """Return (rows, dim) features of a column of images, on the training device."""
        keys = get_keys(part.frame, column)
        missing = [k for k in dict.fromkeys(keys) if (part.number, k) not in self._known]
        if missing:
            if not self.world.leads:
                self.world.wait()
            store = self.datas[part.number].store
            found = embed_images(self.encoder, store, missing, self.recipe.cache)
            if self.world.leads:
                self.world.wait()
            self._known.update(zip(((part.number, k) for k in missing), found, strict=True))
        return torch.stack([self._known[part.number, k] for k in keys]).to(self.recipe.device)

    def load_ontology(self, part: Part) -> Ontology:
        """Return the ontology that a part's dataset was built with."""
        folder = self.datas[part.number].folder
        return load_kept_ontology(folder.path, (folder.manifest or {}).get("recipe", {}))
