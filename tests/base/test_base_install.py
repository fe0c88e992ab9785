"""The base install: nothing of an extra is needed for the main job, and what needs one says which.

Runs everywhere. In a full environment the extras' packages are hidden, so that it is as in a base one.
``make test-base PYTHON=python3.13`` runs this folder and the reader's tests where only the base is installed.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nastdata.extras import EXTRAS

HIDE = """
import importlib.util, sys
HIDDEN = {hidden!r}
real = importlib.util.find_spec
def find_spec(name, package=None):
    return None if name.split(".")[0] in HIDDEN else real(name, package)
importlib.util.find_spec = find_spec
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])
sys.meta_path.insert(0, Hidden())
"""
EXTRA_MODULES = sorted(
    {m for e in EXTRAS.values() for m in e.modules} | {"torchvision", "accelerate", "gguf"}
)


def run_bare(code: str, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process in which no package of an extra can be found."""
    command = [sys.executable, "-W", "ignore", "-c", HIDE.format(hidden=EXTRA_MODULES) + code, *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


CLI = "from nastdata.cli import main\nmain(sys.argv[1:])\n"


def test_what_is_hidden_is_hidden(tmp_path: Path) -> None:
    done = run_bare("import torch", tmp_path)
    assert done.returncode == 1 and "No module named 'torch'" in done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build, check, load, convert and read: the README's first screen. Return the dataset."""
    code = """
import nastdata
dataset = nastdata.build("mednega", limit=40, phantom_patients=300, out="mednega")
assert dataset.validate(expectations=False, audit=False).passed
assert dataset.to_hf(split="train").num_rows == dataset.counts["mednega"]["train"]
assert "mednega" in dataset._repr_html_()
assert nastdata.parse("No pleural effusion.").labels == {"Pleural Effusion": 0}
print(nastdata.load("mednega").preview(1))
"""
    folder = tmp_path_factory.mktemp("made")
    done = run_bare(code, folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", done.stderr
    return folder / "mednega"


def test_the_main_job(made: Path) -> None:
    assert (made / "report.html").is_file() and (made / "manifest.json").is_file()


def test_validate_names_what_it_skips_without_its_extra(made: Path, tmp_path: Path) -> None:
    done = run_bare(CLI, tmp_path, "validate", str(made), "--no-audit")
    assert done.returncode == 0, done.stdout + done.stderr
    skipped = [line for line in done.stdout.splitlines() if line.startswith("expectations")]
    assert skipped and "skipped" in skipped[0] and "nastdata[quality]" in skipped[0]


@pytest.mark.parametrize(
    ("args", "extra"),
    [
        (["build", "mednega", "--realizer", "openai", "--set", "writer.model=x"], "llm"),
        (["build", "contextual", "--realizer", "local", "--set", "phantom_patients=60"], "local"),
        (["build", "probes", "--set", "phantom_patients=60"], "train"),
        (["build", "mednega", "--engine", "ray"], "ray"),
        (["trace", "DIR", "--model", "open_clip:RN50"], "train"),
        (["train", "--model", "open_clip:RN50", "--data", "DIR"], "train"),
        (["evaluate", "DIR", "--model", "open_clip:RN50"], "train"),
        (["explain", "DIR", "--model", "open_clip:RN50"], "train"),
        (["review", "DIR"], "review"),
        (["sources", "new", "labels.xlsx", "-o", "x.yaml"], "excel"),
    ],
    ids=lambda x: x if isinstance(x, str) else None,
)
def test_a_missing_extra_is_named(args: list[str], extra: str, made: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr("xl/workbook.xml", "<workbook/>")
    done = run_bare(CLI, tmp_path, *[str(made) if a == "DIR" else a for a in args])
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"nastdata[{extra}]" in done.stderr and "Traceback" not in done.stderr


def test_every_module_can_be_imported(tmp_path: Path) -> None:
    """A module fails for the lack of a known extra at most, on every Python that is declared."""
    code = """
import importlib, pkgutil
import nastdata
from nastdata.errors import UserError
left = []
for found in pkgutil.walk_packages(nastdata.__path__, "nastdata."):
    if "harnesses.files" in found.name or found.name.endswith("__main__"):
        continue  # travel with exports, and are read by other tools
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as e:
        assert e.name in HIDDEN, (found.name, e)
        left.append(found.name)
    except UserError as e:
        left.append(found.name)
print(len(left), *left)
"""
    done = run_bare(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) < 60, done.stdout
