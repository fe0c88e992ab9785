"""Training runs of seconds: the recipe that the tests of ``train`` start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nastdata.training.settings import TrainRecipe


def make_recipe(model: Path, tiny: tuple[Path, Path], folder: Path, /, **given: Any) -> TrainRecipe:
    """Six steps on the tiny dataset.

    Args:
        model: folder of an open_clip model.
        tiny: dataset folder and folder of its images.
        folder: of the test; features are kept beside it, for the other tests of the module.
        given: settings that differ.
    """
    settings: dict[str, Any] = {
        "recipe": "train",
        "model": f"open_clip:{model}",
        "data": tiny[0],
        "images": {"tiny": tiny[1]},
        "steps": 6,
        "batch_size": 16,
        "claim_sets": 12,
        "validate_every": 2,
        "learning_rate": 3e-3,
        "cache": folder.parent / "cache",
    }
    return TrainRecipe.model_validate(settings | given)
