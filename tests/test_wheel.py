"""The built wheel, installed into an empty environment, does the main job."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command = [*pip, "--wheel-dir", str(out), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    return next(out.glob("*.whl"))


def test_wheel_ships_recipes_prompts_schemas_and_ontologies(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for recipe in (ROOT / "recipes").glob("*.yaml"):
        assert f"nastdata/_data/recipes/{recipe.name}" in names
    for kind, pattern in (("prompts", "*.j2"), ("schemas", "*.json")):
        files = list((ROOT / kind).glob(pattern))
        assert files and all(f"nastdata/_data/{kind}/{f.name}" in names for f in files)
    assert "nastdata/ontologies/chest_xray.yaml" in names
    assert "nastdata/py.typed" in names
    assert not [n for n in names if n.startswith(("tests/", "benchmarks/"))]


def test_wheel_builds_mednega_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True, timeout=120)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(wheel)], check=True, timeout=600)
    absent = subprocess.run([str(python), "-c", "import torch"], capture_output=True, check=False)
    assert absent.returncode != 0, "the base install must not bring torch"
    command = [str(tmp_path / "env" / "bin" / "nastdata"), "build", "mednega", "--limit", "40"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "nast-mednega-phantom" / "report.html").is_file()
    assert list((tmp_path / "nast-mednega-phantom" / "data" / "mednega").glob("*.parquet"))
