"""Another package adds a source and an export; a broken one is named and does no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nastdata.registry import GROUPS, list_adapters

EXAMPLE = Path(__file__).parents[1] / "examples" / "nastdata-clinic"
BROKEN = """[nastdata.sources]
crash = broken_plugin:SOURCE
phantom = broken_plugin:OTHER
[nastdata.exports]
gone = no_such_module_anywhere:EXPORT
"""

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path into which pip has installed the example."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], check=True, timeout=300)
    return target


@pytest.fixture
def cli(installed: Path, tmp_path: Path) -> Cli:
    def call(*args: str, also: Path | None = None) -> subprocess.CompletedProcess[str]:
        old = os.environ.get("PYTHONPATH")
        path = os.pathsep.join(str(p) for p in (installed, also, old) if p)
        command = [sys.executable, "-m", "nastdata", *args]
        env = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=300
        )

    return call


def make_broken(folder: Path) -> Path:
    info = folder / "broken_plugin-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(BROKEN)
    (folder / "broken_plugin.py").write_text("raise RuntimeError('no licence key')\n")
    return folder


def test_every_built_in_adapter_loads() -> None:
    for group in GROUPS:
        adapters = list_adapters(group)
        assert adapters, group
        for adapter in adapters.values():
            if group != "nastdata.models" and adapter.name != "train":
                assert adapter.load() is not None


def test_plug_in_shows_up(cli: Cli) -> None:
    assert "(nastdata-clinic 0.3.0)" in cli("sources").stdout
    assert "jsonl" in cli("export", "--help").stdout and "nastdata-clinic 0.3.0" in cli("doctor").stdout


def test_plug_in_builds_validates_and_exports(cli: Cli, tmp_path: Path) -> None:
    args = ("--source", "clinic", "--data", str(EXAMPLE / "clinic.csv"), "--limit", "8")
    built = cli("build", "mednega", *args, "--out", "m", "--set", "audit.enabled=false")
    assert built.returncode == 0, built.stderr
    assert "made-up clinic" in (tmp_path / "m" / "README.md").read_text()
    checked = cli("validate", "m", "--no-audit")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    exported = cli("export", "m", "--format", "jsonl", "--out", "j", "--split", "all")
    assert exported.returncode == 0, exported.stderr
    lines = [json.loads(x) for f in (tmp_path / "j").glob("*.jsonl") for x in f.read_text().splitlines()]
    assert len(lines) == 16 and all(len(x["options"]) == 4 for x in lines)


def test_broken_plug_in_is_named_and_does_no_harm(cli: Cli, tmp_path: Path) -> None:
    broken = make_broken(tmp_path / "broken")
    listed = cli("sources", also=broken)
    assert listed.returncode == 0 and "chexpert" in listed.stdout
    lines = [line for line in listed.stderr.splitlines() if "broken-plugin 1.2" in line]
    assert len(lines) == 2, listed.stderr
    assert any("'crash'" in x and "no licence key" in x for x in lines)
    assert any("'phantom'" in x and "not used" in x for x in lines)
    asked = cli("build", "mednega", "--source", "crash", also=broken)
    assert asked.returncode == 2 and "no licence key" in asked.stderr and "Traceback" not in asked.stderr
    doctor = cli("doctor", also=broken)
    assert doctor.returncode == 0 and "broken   export format gone" in doctor.stdout
    fine = cli("build", "mednega", "--limit", "4", "--set", "phantom_patients=60", also=broken)
    assert fine.returncode == 0, fine.stderr
