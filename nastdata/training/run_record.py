"""What a run is made of: model, data, recipe, versions; and the key that its checkpoints share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nastdata.models.base import DualEncoder, fingerprint_images, fingerprint_text
from nastdata.models.dataset_rows import Data
from nastdata.recipe import fingerprint
from nastdata.training.settings import TrainRecipe

NOT_DECISIVE = ("model", "data", "more_data", "log")
"""Keys of the recipe that don't decide a run's numbers, or that a hash of what they name stands for."""


def _hash_files(data: Data) -> dict[str, str]:
    """Return the hash of each data file of a folder, by its path in it."""
    from nastdata.dataset.manifest import hash_file

    files = sorted(p for splits in data.folder.files.values() for paths in splits.values() for p in paths)
    return {p.relative_to(data.folder.path).as_posix(): hash_file(p) for p in files}


def describe_run(
    recipe: TrainRecipe,
    datas: Sequence[Data],
    encoder: DualEncoder,
    alphas: npt.NDArray[np.float64],
    steps: int,
) -> dict[str, Any]:
    """Return what ``run.json`` tells of a run before it begins; ``key`` hashes what decides its numbers."""
    from nastdata import __version__
    from nastdata.provenance import find_revision, find_version

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
        "data": _hash_files(datas[0]),
        **({"more_data": [_hash_files(d) for d in datas[1:]]} if datas[1:] else {}),
        "alphas": np.round(alphas, 6).tolist(),
        "steps": steps,
    }
    decisive = ("recipe", "text_tower", "image_tower", "data", "more_data", "alphas", "steps")
    made_of = {k: about[k] for k in decisive if k in about}
    made_of["recipe"] = {k: v for k, v in made_of["recipe"].items() if k not in NOT_DECISIVE}
    about["key"] = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return about
