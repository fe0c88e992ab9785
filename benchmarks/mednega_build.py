"""MedNega from the real CheXpert labels: the whole build, beside a plain row loop for its first step alone.

    python benchmarks/mednega_build.py

Prints the machine, wall and CPU seconds, peak memory, items, and the strongest blind solver of each design.
The row loop is what a user would write first: pandas, one row at a time, filter and draw; no texts, no
checks, no files.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from machine import Cost, describe_machine, measure, nastdata

ROW_LOOP = """
import random, sys
import pandas as pd
frame = pd.read_csv(sys.argv[1])
labels = list(frame.columns[6:])
studies = {}
for _, row in frame.iterrows():
    study = '/'.join(row['Path'].split('/')[2:4])
    if study in studies:
        continue
    present = [c for c in labels if row[c] == 1.0]
    absent = [c for c in labels if row[c] == 0.0]
    if len(present) >= 2 and len(absent) >= 3 and row['No Finding'] != 1.0:
        three = random.sample(present + absent, 3)
        studies[study] = {c: int(c in present) for c in three}
print(len(studies))
"""


def main() -> None:
    """Measure both designs and the row loop; print one table."""
    labels = distribution("torchxrayvision").locate_file("torchxrayvision/data/chexpert_train.csv.gz")
    print(describe_machine())
    print(f"{'':<28}{'wall s':>8}{'cpu s':>8}{'GB':>7}{'items':>8}  strongest blind solver")
    with tempfile.TemporaryDirectory() as temporary:
        for design in ("balanced", "paper"):
            out = Path(temporary) / design
            done = measure(
                nastdata(
                    "build", "mednega", "--source", "chexpert", "--out", str(out), "--set", f"design={design}"
                )
            )
            manifest = json.loads((out / "manifest.json").read_text())
            best = max(manifest["audit"]["solvers"], key=lambda s: float(s["accuracy"]))
            items = manifest["counts"]["text"]["mednega"]["accepted"]
            blind = f"{best['accuracy']:.1%} [{best['low']:.1%}, {best['high']:.1%}] {best['name']}"
            print(f"{'nastdata, ' + design:<28}{tell(done)}{items:>8,}  {blind}")
    loop = measure([sys.executable, "-c", ROW_LOOP, str(labels)])
    print(f"{'pandas row loop, no texts':<28}{tell(loop)}{int(loop.output.split()[-1]):>8,}  -")


def tell(cost: Cost) -> str:
    """Return wall seconds, CPU seconds and gigabytes as table cells."""
    return f"{cost.seconds:>8.1f}{cost.cpu:>8.1f}{cost.gigabytes:>7.2f}"


if __name__ == "__main__":
    main()
