"""The same build on every engine: time of the words stages, whole time, and whether the bytes are the same.

    python benchmarks/engines.py [--source padchest,openi] [--wordings 64]

One machine; a cluster, if ``RAY_ADDRESS`` names one. The audit is left out, since no engine touches it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tempfile
from pathlib import Path

from machine import describe_machine, measure, nastdata

RUNS = (
    ("local, 1 process", ("--engine", "local", "--set", "workers=1")),
    ("local, all cores", ("--engine", "local")),
    ("ray", ("--engine", "ray")),
)
STAGE = re.compile(r"^words .*\(([\d.]+) s\)$", re.MULTILINE)


def main() -> None:
    """Build once on each engine and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", default="padchest,openi")
    parser.add_argument("--wordings", type=int, default=64)
    chosen = parser.parse_args()
    print(describe_machine())
    common = ["build", "contextual", "--source", chosen.source]
    common += ["--set", "audit.enabled=false", "--set", f"writer.wordings={chosen.wordings}"]
    rows: list[tuple[str, float, float, dict[str, str]]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for number, (name, settings) in enumerate(RUNS):
            out = Path(temporary) / str(number)
            done = measure(nastdata(*common, *settings, "--out", str(out)))
            words = sum(float(s) for s in STAGE.findall(done.output))
            rows.append((name, words, done.seconds, hash_files(out)))
            if number == 0:
                text = json.loads((out / "manifest.json").read_text())["counts"]["text"]
                told = ", ".join(f"{n['distinct_wordings']:,} of {c}" for c, n in text.items())
                print(f"wordings made and read back: {told}")
    print(f"{'engine':<18} {'words':>8} {'whole':>8} {'ratio':>6}  bytes")
    first = rows[0]
    for name, words, seconds, files in rows:
        same = "the same" if files == first[3] else "DIFFERENT"
        figures = f"{words:>6.1f} s {seconds:>6.1f} s {words / first[1]:>6.2f}"
        print(f"{name:<18} {figures}  {same} ({len(files)} files)")


def hash_files(folder: Path) -> dict[str, str]:
    """Return path -> sha256 of every file."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


if __name__ == "__main__":
    main()
