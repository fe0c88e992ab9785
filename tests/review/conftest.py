"""Small datasets to review: built once, copied for each test that changes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_builds import build_small


@pytest.fixture(scope="session")
def built_mednega(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("review") / "mednega", "mednega", "--limit", "160")


@pytest.fixture(scope="session")
def built_contextual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(
        tmp_path_factory.mktemp("review") / "contextual",
        "contextual",
        "--limit",
        "120",
        "--set",
        "audit.enabled=false",
    )


@pytest.fixture
def mednega(built_mednega: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_mednega, tmp_path / "mednega"))


@pytest.fixture
def contextual(built_contextual: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_contextual, tmp_path / "contextual"))
