"""The comparison of readers: it runs, counts as it says, and says why a library did not run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = """id\tkind\twhere\ttext\tlabels\tplaces\tnote
a\town\t\tNo edema.\t{"Edema": 0}\t{}\t
b\town\t\tLeft pneumothorax.\t{"Pneumothorax": 1}\t{"Pneumothorax": ["right"]}\t
c\tother\t\tNo edema.\t{"Edema": 1}\t{}\t
d\tother\t\tNo edema.\t{"Edema": 1}\t{}\topt:Edema
"""


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "sentences.tsv"
    path.write_text(ROWS)
    yield path


def test_the_table_counts_as_it_says(path: Path) -> None:
    command = [sys.executable, "benchmarks/readers_compared.py", str(path), "--python", sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    ours = next(line for line in done.stdout.splitlines() if line.startswith("| nastdata"))
    cells = [c.strip() for c in ours.strip("|").split("|")]
    assert cells[1:5] == ["100 %", "50 %", "75 %", "1"]  # own, other, all; one flip
    assert cells[8] == "1"  # one place is wrong
    assert "medSpaCy | did not run: ModuleNotFoundError" in done.stdout
