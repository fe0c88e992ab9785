"""Ten thousand hostile inputs for each thing that comes from outside, through the real commands.

    python benchmarks/fuzz.py [--target NAME] [--n 10000] [--seed 0] [--first NUMBER] [--write]

Each target runs in a process of its own, with a limit on its memory. ``--write`` puts the table into
``docs/reliability.md``. An input is a function of seed, target and number: ``--target NAME --first NUMBER
--n 1`` repeats it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import describe_machine
from page_tables import ROOT, draw_table, write_section

HELPERS = ROOT / "tests" / "helpers"
LIMIT = 6 << 30
"""Bytes of address space that a target's process may have; torch's libraries alone take 3 GB of it."""


def run_here(name: str, n: int | None, seed: int, first: int) -> dict[str, Any]:
    """Run one target in this process."""
    sys.path.insert(0, str(HELPERS))
    sys.dont_write_bytecode = True
    import resource

    from hostile.fuzz import run
    from hostile.targets import TARGETS

    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    target = TARGETS[name]
    start = time.process_time()
    with tempfile.TemporaryDirectory(prefix="hostile-") as base:
        totals = run(target, n or target.n, seed, Path(base), first)
    return {
        "name": name,
        "what": target.what,
        "accepted": totals.counts["accepted"],
        "refused": totals.counts["refused"],
        "failed": totals.counts["failed"],
        "slowest": totals.slowest,
        "megabytes": totals.most_megabytes,
        "seconds": time.process_time() - start,
        "failures": totals.failures[:25],
        "parts": dict(totals.parts.most_common()),
    }


def run_apart(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one target in a process of its own; its death counts as a failure."""
    environment = {
        **os.environ,
        "POLARS_MAX_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with tempfile.NamedTemporaryFile("r", suffix=".json") as result:
        command = [
            sys.executable,
            __file__,
            "--target",
            name,
            "--seed",
            str(args.seed),
            "--first",
            str(args.first),
        ]
        command += ["--result", result.name, *(["--n", str(args.n)] if args.n else [])]
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
        text = result.read()
    if done.returncode or not text:
        why = f"the process died with {done.returncode}: {done.stderr[-1500:]}"
        return {"name": name, "what": "", "accepted": 0, "refused": 0, "failed": 1, "slowest": 0.0,
                "megabytes": 0.0, "seconds": 0.0, "failures": [[0, why]], "parts": {}}  # fmt: skip
    return dict(json.loads(text))


def main() -> None:
    """Run the targets and print the table; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", action="append", help="name of a target; all if not given")
    parser.add_argument("--n", type=int, help="inputs of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--keep", help="folder of results of targets: what is there is not run again")
    parser.add_argument("--result", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.result:
        Path(args.result).write_text(json.dumps(run_here(args.target[0], args.n, args.seed, args.first)))
        return
    sys.path.insert(0, str(HELPERS))
    from hostile.targets import TARGETS

    found = []
    for name in args.target or TARGETS:
        if name not in TARGETS:
            raise SystemExit(f"no target '{name}'; known: {', '.join(TARGETS)}")
        kept = Path(args.keep) / f"{name.replace(' ', '-')}.json" if args.keep else None
        if kept and kept.is_file():
            one = dict(json.loads(kept.read_text()))
        else:
            one = run_apart(name, args)
        if kept and not one["failed"]:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(one))
        found.append(one)
        print(
            json.dumps({k: v for k, v in one.items() if k not in ("failures", "parts", "what")}), flush=True
        )
        for number, why in one["failures"]:
            print(f"  input {number}: {why}", flush=True)
    rows: list[tuple[object, ...]] = [
        (
            f["name"],
            f["accepted"] + f["refused"] + f["failed"],
            f["accepted"],
            f["refused"],
            f["failed"],
            f"{f['slowest']:.2f}",
            f"{f['megabytes']:.0f}",
        )
        for f in found
    ]
    header = ("input", "tried", "accepted", "refused", "crashes", "slowest, CPU s", "most memory, MB")
    table = draw_table(header, rows)
    print(table)
    if args.write:
        said = "\n".join(f"- **{f['name']}**: {f['what']}" for f in found)
        total = sum(f["seconds"] for f in found)
        note = f"Seed {args.seed}; {total / 60:.0f} CPU minutes altogether. {describe_machine()}."
        write_section("fuzz", f"{table}\n\n{note}\n\n{said}")
    sys.exit(any(f["failed"] for f in found))


if __name__ == "__main__":
    main()
