"""A small dataset, built once through the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_build import SMALL

import nastdata


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> nastdata.Dataset:
    out: Path = tmp_path_factory.mktemp("api") / "small"
    return nastdata.build("mednega", out=out, **SMALL)
