from __future__ import annotations

import re
from pathlib import Path

from nastdata.writing.grammar import facts
from nastdata.writing.grammar.patterns import count_patterns

DOC = (Path(__file__).parents[2] / "docs" / "grammar.md").read_text(encoding="utf-8")


def test_the_figures_in_the_docs_are_true() -> None:
    row = re.search(r"^\| (\d+) \| (\d+) \| (\d+) \|$", DOC, re.MULTILINE)
    assert row is not None
    counts = count_patterns()
    assert tuple(map(int, row.groups())) == (counts.frames, counts.patterns, counts.plans)
    said = len(facts._SAID) + len(facts._SAID_AFTER)
    told = (
        f"{said} that say or deny a finding (two more with the place in front), {len(facts._PLACED)} for a "
    )
    told += f"place, {len(facts._GRADED)} for a grade"
    assert told in " ".join(DOC.split())
    assert len(facts._FRONTED) == 2
