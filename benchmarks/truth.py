"""Is what a build states true of the studies: counted with code that shares nothing with the build.

    nastdata build mednega --source chexpert --out mednega
    python benchmarks/truth.py mednega [another folder ...]

Reads the folder's parquet files and the corpus's own label table, and judges with tables written by hand
here: nothing of nastdata is imported. Prints one table a question, and exits with 1 if a goal is missed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import truth_mednega

CONTEXTUAL = "truth_contextual"
"""The module that judges the contextual configs, with the same ``check``."""


def main(folders: list[str]) -> int:
    """Judge each folder by what it holds; return the exit code."""
    if not folders:
        print(__doc__)
        return 2
    good = True
    for name in folders:
        data = Path(name) / "data"
        if not data.is_dir():
            print(f"{name}: no dataset folder (it has no data/)")
            return 2
        configs = {p.name for p in data.iterdir()}
        print(f"\n# {name}: {', '.join(sorted(configs))}")
        if "mednega" in configs:
            good &= truth_mednega.check(Path(name))
        if find_spec(CONTEXTUAL) and any(c.startswith("contextual") for c in configs):
            good &= import_module(CONTEXTUAL).check(Path(name))
    print("\nAll goals are met." if good else "\nA goal is missed.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
