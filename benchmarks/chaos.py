"""Chaos: builds are killed, starved, cut off and lied to, and have to come to the same bytes.

    python benchmarks/chaos.py [--rounds 5] [--size small|full] [--only "kill -9"] [--without-ray]

writes its table into ``docs/reliability.md`` (``make chaos``); ``tests/test_chaos.py`` is its small version.
Exit code 1: something was lost, or a build ended in a traceback or in other bytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from chaos.builds import FULL, SMALL, Lab  # noqa: E402
from chaos.table import FAULTS, Row, draw_table, try_faults  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- begin chaos -->", "<!-- end chaos -->"


def main() -> int:
    """Try all faults and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=float, default=5.0, help="times that each fault's number is tried")
    parser.add_argument("--size", choices=("small", "full"), default="small", help="of the dataset")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random points")
    parser.add_argument("--only", action="append", default=[], choices=list(FAULTS))
    parser.add_argument("--without-ray", action="store_true")
    parser.add_argument("--stdout", action="store_true", help="print the table only")
    given = parser.parse_args()
    leave_out = ("a Ray worker killed",) if given.without_ray or not importlib.util.find_spec("ray") else ()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        recipe = SMALL if given.size == "small" else FULL
        lab = Lab.open(Path(folder), recipe, given.seed)
        for row in try_faults(lab, given.rounds, tuple(given.only), leave_out):
            rows.append(row)
            state = "FAILED" if row.failed else row.left_out or "ok"
            print(f"{row.name:<28} {len(row.trials):>3} tried  {row.seconds:6.1f} s  {state}", flush=True)
            for trial in row.trials:
                if not (trial.in_words and trial.sound and trial.survived and trial.same):
                    print(f"    {trial}", flush=True)
    text = describe(rows, recipe, given.seed) + "\n" + draw_table(rows)
    if given.stdout or given.only:
        print(text)
    else:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")
        print(f"written to {PAGE.relative_to(ROOT)}")
    return int(any(row.failed for row in rows))


def describe(rows: list[Row], recipe: tuple[str, ...], seed: int) -> str:
    """Say what was built, where, and what the columns mean."""
    tried = sum(len(r.trials) for r in rows)
    lost = sum(len(r.trials) - r.count("sound") for r in rows)
    return (
        f"`nastdata build {' '.join(recipe)}` as a process, hit {tried} times (random points of seed "
        f"{seed}); lost: {lost}. {describe_machine()}.\n\n"
        "*Ended in words*: no traceback, and the exit code and the message that belong to it. *Survived*: "
        "the same command, without the fault, then ends well. *Lost*: a half dataset where none may be, or "
        "an earlier one harmed. *Same bytes*: every file is that of an undisturbed build, and nothing is "
        "left beside it.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
