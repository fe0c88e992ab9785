"""Which commands connect to anything but this machine: each run whole, under a guard that notes every try.

    python benchmarks/egress.py [--write]

The guard and its own proof are in ``tests/training/test_offline.py``; it replaces ``connect`` and
``getaddrinfo`` in every process. ``--write`` puts the table into ``docs/reliability.md``. Exit code 1 if
anything left.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import describe_machine
from page_tables import ROOT, draw_table, write_section

QUICK = ("--set", "phantom_patients=200", "--limit", "16")


def list_commands(place: Path, data: Path, films: Path) -> list[tuple[str, ...]]:
    """Return command lines, each of which uses what those before it have made."""
    model, images = f"open_clip:{place / 'model'}", f"tiny={films}"
    recipe = {
        "recipe": "train",
        "model": model,
        "data": str(data),
        "images": {"tiny": str(films)},
        "steps": 2,
    }
    recipe |= {"batch_size": 8, "claim_sets": 8, "validate_every": 2, "cache": str(place / "c")}
    (place / "train.yaml").write_text(json.dumps(recipe))
    (place / "r.txt").write_text("No edema. Small left pleural effusion.")
    return [
        ("build", "mednega", *QUICK, "--out", "m"),
        ("build", "contextual", *QUICK, "--set", "images=embed", "--out", "c"),
        ("build", "probes", *QUICK, "--out", "p"),
        ("build", "opposition", *QUICK, "--out", "o"),
        ("build", "protocols", *QUICK, "--out", "q"),
        ("preview", "mednega", *QUICK),
        ("sources",),
        ("parse", "--report", "r.txt"),
        ("validate", "m"),
        ("validate", "m", "--against", "auto", "--no-audit"),
        ("audit", "m"),
        ("report", "m"),
        ("export", "m", "--format", "nast", "--out", "e", "--split", "all"),
        ("bundle", "m", "--out", "b"),
        ("trace", str(data), "--model", model, "--images", images, "--out", "t"),
        ("train", "train.yaml", "--out", "run"),
        ("evaluate", str(data), "--model", model, "--images", images, "--out", "ev"),
        ("explain", str(data), "--model", model, "--images", images, "--out", "x"),
        ("leaderboard", "ev"),
        ("cache", "list"),
        ("doctor",),
    ]


def main() -> None:
    """Run every command and print what left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    args = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / "helpers"), str(ROOT)]
    of_test: Any = importlib.import_module("tests.training.test_offline")
    models: Any = importlib.import_module("tests.training.conftest")
    tiny: Any = importlib.import_module("tiny")
    rows: list[tuple[object, ...]] = []
    left = 0
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "guard").mkdir()
        (place / "guard" / "sitecustomize.py").write_text(of_test.GUARD)
        models.write_model(place / "model", models.make_config())
        data = tiny.write_dataset(place / "data")
        tiny.write_films(place / "films")
        for command in list_commands(place, data, place / "films"):
            log = place / "egress.log"
            done = of_test.run(place / "guard", log, *command, cwd=place)
            tries = log.read_text().splitlines() if log.exists() else []
            log.unlink(missing_ok=True)
            left += len(tries)
            said = done.stderr.strip().splitlines()
            why = "" if done.returncode in (0, 1) else f" ({said[-1][:80] if said else ''})"
            shown = " ".join(command[:2] if command[0] in ("build", "preview", "cache") else command[:1])
            shown += " --against" if "--against" in command else ""
            rows.append((f"`{shown}`", f"{done.returncode}{why}", len(tries)))
            print(rows[-1], *tries[:3], flush=True)
    table = draw_table(("command", "exit code", "connections or look-ups elsewhere"), rows)
    print(table)
    if args.write:
        write_section("egress", f"{table}\n\n{describe_machine()}.")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
