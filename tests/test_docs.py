"""What the docs name is there: modules, folders, tests, recipes, benchmarks, and links between pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])
NAMED = re.compile(
    r"(?<![\w/.-])((?:nastdata|tests|benchmarks|docs|recipes|schemas|prompts|examples)/[\w./-]*\w/?)"
)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_named_paths_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [n for n in dict.fromkeys(NAMED.findall(text)) if not (ROOT / n.rstrip("/.")).exists()]
    assert not missing
    broken = [n for n in LINK.findall(text) if not (page.parent / n).exists()]
    assert not broken


def test_some_paths_are_named() -> None:
    named = {n for p in PAGES for n in NAMED.findall(p.read_text(encoding="utf-8"))}
    assert len(named) > 30 and "nastdata/pipeline.py" in named
