"""Real builds, small and quick: made once, read by the tests of exports, publishing and bundles."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.recipe import load_recipe


def make_build(name: str, out: Path, *settings: tuple[str, str]) -> Path:
    """Build a phantom dataset without the blind audit, which is tested elsewhere."""
    recipe = load_recipe(name, [("audit.enabled", "false"), ("phantom_patients", "400"), *settings])
    build(recipe, out, Progress(quiet=True))
    return out


@pytest.fixture(scope="session")
def mednega_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build("mednega", tmp_path_factory.mktemp("builds") / "mednega", ("limit", "120"))


@pytest.fixture(scope="session")
def contextual_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build("contextual", tmp_path_factory.mktemp("builds") / "contextual", ("limit", "150"))


@pytest.fixture(scope="session")
def opposition_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build("opposition", tmp_path_factory.mktemp("builds") / "opposition", ("limit", "40"))
