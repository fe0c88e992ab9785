"""Does it come out the same? Finished parts are done a second time and compared, row by row."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from experiment import parts, runs
from experiment.judge import read_judged
from experiment.methods import UNTRAINED
from experiment.sizes import Size
from nastdata.progress import Progress
from nastdata.seeded import shuffle

NUMBER = 3
"""Final runs that are done again, drawn from those that are finished."""


def check_again(size: Size, out: Path, progress: Progress, number: int = NUMBER) -> bool:
    """Do some finished final runs again beside the kept ones; return whether all came out the same."""
    done = [r for r in parts.list_runs(size, out) if r[3].exists() and r[0] != UNTRAINED]
    if not done:
        progress.say("no run is finished yet")
        return False
    same = True
    again = out / "again"
    shutil.rmtree(again, ignore_errors=True)
    _link_inputs(out, again)
    for i in shuffle(range(len(done)), 0, "again")[:number]:
        name, base, seed, path = done[i]
        parts.do_run(size, again, name, base, seed)
        equal = _are_equal(path, runs.name_run(again, name, base, seed).with_suffix(".npz"))
        progress.say(f"  {name}, model {base + 1}, seed {seed + 1}: {'the same' if equal else 'DIFFERENT'}")
        same = same and equal
    shutil.rmtree(again)
    return same


def _link_inputs(out: Path, again: Path) -> None:
    """Let a second folder read what the first has, and write final runs of its own."""
    again.mkdir(parents=True)
    for path in sorted(out.iterdir()):
        if path.name not in ("runs", "again", "seconds"):
            (again / path.name).symlink_to(path.absolute())


def _are_equal(first: Path, second: Path) -> bool:
    """Whether two runs' outcomes, and what is kept of their training, are equal bit for bit."""
    a, b = read_judged(first), read_judged(second)
    if a.keys() != b.keys() or not all(np.array_equal(a[k], b[k]) for k in a):
        return False
    told = [p.with_suffix(".json") for p in (first, second)]
    return not told[0].exists() or told[0].read_bytes() == told[1].read_bytes()
