"""The command: what is left is done, then the pages are written.

PYTHONPATH=benchmarks python -m experiment [--size small|overnight|gpu] [--minutes N] [--check-again]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiment.sizes import SIZES, Size
from nastdata.errors import UserError
from nastdata.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment; return the exit code: 0 done, 1 not done yet or not repeated, 2 wrong use."""
    given = read_arguments(arguments)
    try:
        return run(given)
    except UserError as e:
        print(e, file=sys.stderr)
        return 2


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="experiment", description=__doc__, formatter_class=_Plain)
    add = parser.add_argument
    add("--size", choices=SIZES, default="small", help="micro (the tests'), small, overnight, gpu")
    add("--out", type=Path, help="folder that keeps every part (default: out/experiment-SIZE)")
    add("--docs", type=Path, help="folder for the pages (default: docs; of other sizes than small: --out)")
    add("--jobs", type=int, default=2, help="processes, of one thread each")
    add("--minutes", type=float, help="begin no part after so many minutes; the same command goes on")
    add("--dry-run", action="store_true", help="show parts, hours and what is missing; do nothing")
    add("--check-again", action="store_true", help="do some finished runs again and compare, row by row")
    add("--plan", action="store_true", help="print the table of hypotheses and stop")
    add("--checkpoint", type=Path, action="append", help="gpu: folder of a model; repeat it for more models")
    add("--source", help="gpu: corpus, e.g. mimic-cxr")
    add("--images", type=Path, help="gpu: root of its images")
    add("--data", type=Path, help="gpu: folder of its labels and reports")
    add("--gpus", type=int, default=1, help="gpu: cards that share one run, under torchrun")
    add("--device", help="gpu: cpu, for a rehearsal without a card")
    return parser.parse_args(arguments)


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


def run(given: argparse.Namespace) -> int:
    """Do what the options say; return the exit code."""
    from experiment import estimate_time, pages, rehearsal, repeat, schedule
    from experiment.hypotheses import write_table

    if given.plan:
        print(write_table())
        return 0
    size = take_size(given)
    out = given.out or Path("out", f"experiment-{size.name}")
    progress = Progress()
    progress.say(estimate_time.describe(size, out, given.jobs))
    if given.dry_run:
        return 0 if rehearsal.check_start(size, progress) else 1
    check_plan(size, out)
    if given.check_again:
        return 0 if repeat.check_again(size, out, progress) else 1
    deadline = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    os.environ["OMP_NUM_THREADS"] = "1"
    if not schedule.work_off(size, out, progress, given.jobs, deadline):
        return 1
    docs = given.docs or (Path("docs") if size.name == "small" else out)
    for path in pages.write_pages(size, out, docs):
        progress.say(f"written: {path}")
    return 0


def take_size(given: argparse.Namespace) -> Size:
    """Return the chosen size, with the model and corpus that the options name.

    Raises:
        UserError: if a model or corpus is named for a size that makes its own, or is missing for one that
            needs it.
    """
    size = SIZES[given.size]
    if size.name != "gpu":
        named = [
            k for k in ("checkpoint", "source", "images", "data", "device") if getattr(given, k) is not None
        ]
        if named:
            raise UserError(f"{', '.join(f'--{k}' for k in named)}: only with --size gpu")
        return size
    needed = ("checkpoint", "source") if given.source == "phantom" else ("checkpoint", "source", "images")
    missing = [f"--{k}" for k in needed if getattr(given, k) is None]
    if missing and not given.dry_run:
        raise UserError(f"size gpu needs {', '.join(missing)}", how="see docs/experiment.md, Sizes")
    return dataclasses.replace(
        size,
        checkpoints=tuple(given.checkpoint or ()),
        bases=len(given.checkpoint or (None,)),
        source=given.source or size.source,
        data=given.data,
        images=given.images,
        device=given.device or size.device,
        processes=given.gpus,
    )


def check_plan(size: Size, out: Path) -> None:
    """Write the plan's key down; refuse a folder of another one.

    Raises:
        UserError: if ``out`` holds an experiment of another size or of other settings.
    """
    path = out / "plan.key"
    if path.is_file() and path.read_text(encoding="utf-8").strip() != size.key:
        raise UserError(
            "an experiment of other settings is kept here", where=str(out), how="choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{size.key}\n", encoding="utf-8")
