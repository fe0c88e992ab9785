"""A small dataset, built once through the API."""

from __future__ import annotations

from pathlib import Path

import pytest

import nastdata

SMALL = {"limit": 24, "phantom_patients": 240, "audit": {"enabled": False}}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> nastdata.Dataset:
    out: Path = tmp_path_factory.mktemp("api") / "small"
    return nastdata.build("mednega", out=out, **SMALL)
