"""A built folder damaged in some eighty ways, every hash written anew; which rule of ``validate`` names each.

    python benchmarks/mutations.py [--write]

The list is that of ``tests/checks/test_rewritten_folders.py``. ``--write`` puts the table into
``docs/reliability.md``. Exit code 1 if a damage is named by no rule.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import describe_machine
from page_tables import ROOT, draw_table, write_section


def main() -> None:
    """Damage, validate, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    args = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / "helpers"), str(ROOT / "tests" / "checks")]
    of_test: Any = importlib.import_module("test_rewritten_folders")
    from nastdata.pipeline import build
    from nastdata.progress import Progress
    from nastdata.recipe import load_recipe

    rows: list[tuple[object, ...]] = []
    missed = 0
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for name, settings in of_test.BUILDS.items():
            build(load_recipe(name, [*of_test.QUICK, *settings]), root / name, Progress(quiet=True))
        copy = root / "copy"

        def note(config: str, what: str) -> None:
            nonlocal missed
            found = dict.fromkeys(of_test.find_failures(copy))
            missed += not found
            rows.append((config, what, ", ".join(f"`{r}`" for r in found) or "**none**"))
            shutil.rmtree(copy)

        for name, config, what, change in of_test.DAMAGE:
            shutil.copytree(root / name, copy)
            held = of_test.read_rows(copy, config)
            change(held)
            of_test.write_rows(copy, config, held, bind=False)
            note(config, what)
        for what, (name, change) in of_test.FOLDERS.items():
            shutil.copytree(root / name, copy)
            change(copy)
            note("folder", what)
    table = draw_table(("config", "damage", "rules that name it"), rows)
    summary = f"{len(rows)} ways, {len(rows) - missed} named, {missed} missed."
    print(f"{table}\n\n{summary}")
    if args.write:
        write_section("mutations", f"{summary} {describe_machine()}.\n\n{table}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
