"""Each promise of ``docs/threat-model.md`` names a test that exists, and that pytest would collect."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"`(tests/[\w./-]+\.py)(?:::(\w+))?`")


def read_rows() -> list[str]:
    text = PAGE.read_text(encoding="utf-8").partition("## What we promise")[2].partition("\n## ")[0]
    lines = [x for x in text.splitlines() if x.startswith("|")]
    return lines[2:]


ROWS = read_rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r[2:60])
def test_a_promise_names_tests_that_are_there(row: str) -> None:
    found = NAMED.findall(row)
    assert found, "a promise without a test"
    for file, name in found:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        tests = {
            n.name: n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")
        }
        assert tests
        if name:
            assert name in tests, f"{file} has no {name}"
            marks = " ".join(ast.unparse(d) for d in tests[name].decorator_list)
            assert "skip" not in marks and "mark.slow" not in marks and "mark.gpu" not in marks


def test_there_are_promises() -> None:
    assert len(ROWS) >= 15
    assert (ROOT / "SECURITY.md").is_file() and "threat-model" in (ROOT / "SECURITY.md").read_text()
