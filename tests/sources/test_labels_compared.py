"""Labels of other labelers against ours: real formats, counts as it says, and plain refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHEXPERT = """Reports,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Edema,Pneumothorax,Pleural Effusion
"No edema. There is a small effusion, on the left.",,,,0.0,,1.0
No pneumothorax.,,,,,0.0,
Possible edema.,,,,-1.0,,
"Cardiomegaly.\n\nNo effusion.",,,1.0,,,1.0
"""
NEGBIO = "filename,Effusion,Mass,Nodule,normal\nCXR1,0,0,0,1\nCXR2,1,0,1,0\n"


def run(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/labels_compared.py", "--labels", str(path), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_table_of_the_chexpert_labeler(tmp_path: Path) -> None:
    path = tmp_path / "labeled_reports.csv"
    path.write_text(CHEXPERT)
    done = run(path, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    reader = found["reader"]
    assert found["reports"] == 4 and set(reader) == {
        *("Enlarged Cardiomediastinum", "Cardiomegaly", "Edema", "Pneumothorax", "Pleural Effusion")
    }
    assert reader["Edema"]["agreement"] == 1.0 and reader["Edema"]["kappa"] == 1.0
    effusion = reader["Pleural Effusion"]
    assert (effusion["they say present"], effusion["we say present"], effusion["both"]) == (2, 1, 1)
    assert effusion["opposite"] == 1 and effusion["agreement"] == 0.75
    assert effusion["theirs that we have"] == 0.5 and effusion["ours that they have"] == 1.0
    # 0.75 agree; by chance (1: 2/4 x 1/4) + (absent: 0 x 1/4) + (not stated: 2/4 x 2/4)
    assert effusion["kappa"] == pytest.approx((0.75 - 0.375) / (1 - 0.375))


def test_what_can_not_be_compared_is_said(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text(NEGBIO)
    assert "--source" in run(path).stderr
    path.write_text("a,b\n1,2\n")
    assert "no column names a condition" in run(path).stderr
    path.write_text(CHEXPERT.replace("-1.0", "maybe"))
    assert "'maybe' is no label" in run(path).stderr and "row 4" in run(path).stderr
