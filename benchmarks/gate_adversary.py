"""How reader and caption gate fare on sentences made to mislead: `python benchmarks/gate_adversary.py`.

The sentences have known truth and come from tests/helpers/adversary, which shares nothing with the grammar
or the reader. A lie is a fact that a sentence does not say, offered with it to the gate. `--each` prints a
row for every operator combination instead of grouping them by the first operator, `--faults N` prints N
examples of each fault.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from machine import describe_machine

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))


def main() -> None:
    """Print the table."""
    from adversary import format_table, generate, group_by_first, judge, total

    import nastdata

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20_000, help="sentences")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", action="store_true", help="a row for every operator combination")
    parser.add_argument("--faults", type=int, default=0, metavar="N", help="examples of each fault")
    given = parser.parse_args()
    sentences = generate(given.seed, given.count)
    started = time.process_time()
    tallies = judge(sentences, nastdata.parse, nastdata.check_caption)
    seconds = time.process_time() - started
    print(describe_machine())
    print(f"seed {given.seed}, {len(sentences):,} distinct sentences, {len(tallies):,} operator combinations")
    print(f"read and checked in {seconds:.1f} s of processor time\n")
    print(format_table(tallies if given.each else group_by_first(tallies)))
    for fault, shown in total(tallies.values()).faults.items() if given.faults else ():
        print(f"\n{fault}: {len(shown):,}")
        print("\n".join(shown[:: max(1, len(shown) // given.faults)][: given.faults]))


if __name__ == "__main__":
    main()
