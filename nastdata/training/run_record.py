"""What a run is made of: model, data, recipe, versions; and the key that its checkpoints share."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from nastdata.models.base import DualEncoder, fingerprint_images, fingerprint_text
from nastdata.models.dataset_rows import Data
from nastdata.recipe import fingerprint
from nastdata.training.settings import TrainRecipe

NOT_DECISIVE = ("model", "data", "log")
"""Keys of the recipe that don't decide a run's numbers, or that a hash of what they name stands for."""


def describe_run(
    recipe: TrainRecipe, data: Data, encoder: DualEncoder, alphas: npt.NDArray[np.float64], steps: int
) -> dict[str, Any]:
    """Return what ``run.json`` tells of a run before it begins; ``key`` hashes what decides its numbers."""
    from nastdata import __version__
    from nastdata.dataset.manifest import hash_file
    from nastdata.provenance import find_revision, find_version

    files = sorted(p for splits in data.folder.files.values() for paths in splits.values() for p in paths)
    about: dict[str, Any] = {
        "nastdata": __version__,
        "git_revision": find_revision(),
        "libraries": {
            n: find_version(n) for n in ("torch", "open_clip_torch", "transformers", "peft", "numpy")
        },
        "recipe": recipe.model_dump(mode="json", exclude={"cache", "device", "images"}),
        "fingerprint": fingerprint(recipe),
        "model": encoder.spec,
        "text_tower": fingerprint_text(encoder),
        "image_tower": fingerprint_images(encoder),
        "data": {p.relative_to(data.folder.path).as_posix(): hash_file(p) for p in files},
        "alphas": np.round(alphas, 6).tolist(),
        "steps": steps,
    }
    made_of = {k: about[k] for k in ("recipe", "text_tower", "image_tower", "data", "alphas", "steps")}
    made_of["recipe"] = {k: v for k, v in made_of["recipe"].items() if k not in NOT_DECISIVE}
    about["key"] = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return about
