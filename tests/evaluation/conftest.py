"""A tiny dataset for evaluations, and what is true of its images."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(dataset folder, image root of its source ``tiny``)."""
    from tiny import write_dataset, write_films

    folder, root = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("images")
    write_films(root)
    return write_dataset(folder), root


@pytest.fixture(scope="session")
def vlm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LLaVA of transformers that answers nonsense."""
    from tiny_vlm import write_vlm

    return write_vlm(tmp_path_factory.mktemp("llava"))
