"""MIMIC-CXR with CAD-Chest at full size, on a made-up tree of the real layout: labels and contextual.

    python benchmarks/cad_chest_build.py [STUDIES]

The corpora are credentialed, so the tree (227,827 studies unless told otherwise) is drawn by
``tests/helpers/trees.py``: its sizes, file names and vocabulary are the real ones, its content is not.
MedNega is built in the paper's design: made-up labels are far denser than real ones, and the balanced design
of so many dense studies takes many minutes (``docs/log.md``); on the real CheXpert labels it takes seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, measure, nastdata

TREES = Path(__file__).resolve().parents[1] / "tests" / "helpers" / "trees.py"
BUILDS = (
    ("mednega", "mimic-cxr", ("--set", "design=paper")),
    ("contextual", "cad-chest", ("--limit", "200000")),
)


def main() -> None:
    """Draw the tree, build both recipes from it, print what each took and made."""
    studies = sys.argv[1] if len(sys.argv) > 1 else "227827"
    print(describe_machine())
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        drawn = measure([sys.executable, str(TREES), str(tree), "--studies", studies])
        print(f"tree of {int(studies):,} studies drawn in {drawn.seconds:.0f} s")
        for recipe, source, extra in BUILDS:
            out = Path(temporary) / recipe
            done = measure(
                nastdata("build", recipe, "--source", source, "--data", str(tree), "--out", str(out), *extra)
            )
            rows = json.loads((out / "manifest.json").read_text())["rows"]
            made = ", ".join(f"{name} {sum(splits.values()):,}" for name, splits in rows.items())
            print(
                f"\n{recipe} from {source}: wall {done.seconds:.1f} s, peak {done.gigabytes:.2f} GB: {made}"
            )
            print(done.output)


if __name__ == "__main__":
    main()
