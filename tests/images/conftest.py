"""Real DICOM files, of the packages pydicom and pydicom-data."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_dicom() -> Path:
    """The folder of pydicom-data's files, or a skip where it isn't installed."""
    try:
        return Path(str(distribution("pydicom-data").locate_file("data_store/data")))
    except PackageNotFoundError:
        pytest.skip("pydicom-data is not installed")


@pytest.fixture(scope="session")
def pydicom_files() -> Path:
    """The folder of the files that pydicom itself brings."""
    pydicom = pytest.importorskip("pydicom")
    return Path(pydicom.__file__).parent / "data" / "test_files"
