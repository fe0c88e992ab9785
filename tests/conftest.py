"""Fixtures that many tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from commands import Run

from nastdata.ontology import Ontology, load_ontology


@pytest.fixture(scope="session", autouse=True)
def computed_results(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep computed results of the tests, and of what they start, apart from the user's."""
    os.environ["NASTDATA_CACHE"] = str(tmp_path_factory.mktemp("computed"))


@pytest.fixture(scope="session")
def ontology() -> Ontology:
    return load_ontology("chest_xray")


@pytest.fixture(scope="session")
def run() -> Run:
    """Run the command line in a fresh process, as a user does."""

    def call(*args: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nastdata", *args]
        options: dict[str, object] = {"capture_output": True, "text": True, "timeout": 300, **kwargs}
        return subprocess.run(command, check=False, **options)  # type: ignore[call-overload, no-any-return]

    return call


@pytest.fixture(scope="session")
def real_labels() -> Path:
    """The folder of real label files, or a skip where torchxrayvision isn't installed."""
    try:
        folder = Path(str(distribution("torchxrayvision").locate_file("torchxrayvision/data")))
    except PackageNotFoundError:
        pytest.skip("torchxrayvision is not installed")
    return folder
