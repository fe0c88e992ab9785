"""Names of modules of 0.1 lead to the modules of today."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

import nastdata
from nastdata.compat import read_moves


def test_every_old_name_leads_somewhere() -> None:
    assert nastdata.__version__
    moves = read_moves()
    assert len(moves) > 150
    for old, new in moves.items():
        assert find_spec(new) is not None, f"{old} -> {new}"


@pytest.mark.parametrize(
    "line",
    [
        "from nastdata.validate.parse import get_parser",
        "from nastdata.train.images import ImageStore",
        "import nastdata.films" if "nastdata.films" in read_moves() else "import nastdata.draws",
        "from nastdata.draws import draw_int; import nastdata.seeded as s; assert s.draw_int is draw_int",
        "import nastdata.seeded, nastdata.draws, importlib; importlib.reload(nastdata.seeded)",
    ],
)
def test_old_imports_work_with_a_warning(line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", line], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "is now nastdata." in done.stderr


def test_unknown_names_are_unknown() -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__("nastdata.nonsense")
    with pytest.raises(ModuleNotFoundError):
        __import__("nastdata.train.nonsense")
