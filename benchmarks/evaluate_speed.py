"""`nastdata evaluate` beside the loop that one would write, with an encoder that costs next to nothing.

    python benchmarks/evaluate_speed.py [--rows 5000]

MedNega of phantom images. The loop opens the image of each row, encodes it and the four options, and counts;
`nastdata evaluate` opens each image once and each text once, resamples patients for its intervals, compares
splits and writes its report.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, measure, nastdata

LOOP = """
import sys; sys.path.insert(0, sys.argv[2])
import nastdata
from nastdata.images.store import open_store
from toy_encoder import load
import numpy as np
folder = nastdata.read_dataset(sys.argv[1])
store, model, right, rows = open_store(folder.recipe), load(), 0, 0
for row in folder.read("mednega").iter_rows(named=True):
    image = model.encode_image([store.load((row["source"], row["image"]))])[0]
    texts = model.encode_text(row["negated_choices"])
    scores = texts @ image / np.linalg.norm(texts, axis=1)
    answer = row["answer"]
    right += int(scores.argmax()) == ("ABCD".index(answer) if isinstance(answer, str) else answer)
    rows += 1
print(rows)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000)
    rows = parser.parse_args().rows
    here = str(Path(__file__).resolve().parent)
    os.environ["PYTHONPATH"] = f"{here}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "mednega", Path(place) / "out"
        patients = f"phantom_patients={max(400, 2 * rows)}"
        build = nastdata("build", "mednega", "--limit", str(rows), "--set", patients, "--out", str(folder))
        measure([*build, "--set", "audit.enabled=false"])
        places = ("--out", str(out), "--cache", str(Path(place) / "cache"), "--split", "all")
        ours = measure(nastdata("evaluate", str(folder), "--model", "python:toy_encoder:load", *places))
        loop = measure([sys.executable, "-c", LOOP, str(folder), here])
    made = int(loop.output.split()[-1])
    print(f"{describe_machine()}; {made:,} questions.\n")
    print("| how | s | CPU s | questions a second |\n|---|--:|--:|--:|")
    for name, cost in (("`nastdata evaluate`", ours), ("loop", loop)):
        print(f"| {name} | {cost.seconds:.1f} | {cost.cpu:.1f} | {made / cost.seconds:.0f} |")
    print(f"\nThe loop takes {loop.cpu / ours.cpu:.2f} times the processor time.")


if __name__ == "__main__":
    main()
