"""What the quality gate takes on the two main builds, everything included.

    python benchmarks/validate_speed.py [FOLDER ...]

Builds MedNega from CheXpert's labels and the contextual dataset from PadChest and Open-i (about a
million pairs), unless folders are given, and validates each: hashes, rules, round trip, Great Expectations,
blind audit.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, measure, nastdata

BUILDS = {
    "mednega, CheXpert": ("mednega", "--source", "chexpert"),
    "contextual, PadChest and Open-i": ("contextual", "--source", "padchest,openi"),
}


def count_pairs(folder: Path) -> tuple[int, int]:
    """Return rows, and image-text pairs: a set of K claims counts as K, an item as its eight texts."""
    import polars as pl

    rows = pairs = 0
    for path in (folder / "data").glob("*/*.parquet"):
        config = path.parent.name
        frame = pl.read_parquet(path, columns=["claims"] if config == "contextual_claims" else [0])
        rows += len(frame)
        texts = {"contextual_claims": 0, "mednega": 8}.get(config, 1)
        pairs += int(frame["claims"].list.len().sum()) if not texts else texts * len(frame)
    return rows, pairs


def report(name: str, folder: Path) -> None:
    """Validate a folder in a process of its own and print a line."""
    done = measure(nastdata("validate", str(folder), "--json"))
    told = json.loads(done.output)
    rows, pairs = count_pairs(folder)
    counts = told["counts"]
    print(
        f"{name:<34} {rows:>9,} rows {pairs:>10,} pairs  wall {done.seconds:6.1f} s  cpu {done.cpu:6.1f} s  "
        f"peak {done.gigabytes:4.2f} GB  {counts['passed']} passed, {counts['warned']} warned, "
        f"{counts['failed']} failed, {counts['skipped']} skipped"
    )


def main() -> None:
    """Print the table."""
    print(describe_machine())
    for given in sys.argv[1:]:
        report(Path(given).name, Path(given))
    if len(sys.argv) > 1:
        return
    with tempfile.TemporaryDirectory() as temporary:
        for name, arguments in BUILDS.items():
            folder = Path(temporary) / arguments[0]
            measure(nastdata("build", *arguments, "--out", str(folder), "--set", "audit.enabled=false"))
            report(name, folder)


if __name__ == "__main__":
    main()
