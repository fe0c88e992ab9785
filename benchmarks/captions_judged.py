"""How fast and how right captions of others are judged: `python benchmarks/captions_judged.py`.

100,000 distinct reports with planted errors (tests/helpers/generated_captions.py) against a list of facts, as
a whole process: reading the files, reading the texts, verdicts, intervals, saving.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from machine import describe_machine, measure, nastdata

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
RATES = {"deny": 0.05, "invent": 0.04, "side": 0.06, "grade": 0.05, "omit": 0.08, "add": 0.1}


def main() -> None:
    """Print planted and found counts, and the speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    texts = parser.parse_args().texts
    from generated_captions import draw_studies, fact_rows, write

    rng = random.Random(0)
    studies = draw_studies(texts, 0)
    planted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "model.jsonl").open("w") as f:
            for s in studies:
                # A running number makes every text distinct: nothing is read once for many.
                text = f"Study {s.key}. " + write(s, RATES, rng, planted)
                f.write(json.dumps({"study_id": s.key, "patient_id": s.patient, "report": text}) + "\n")
        with (folder / "facts.jsonl").open("w") as f:
            f.writelines(json.dumps(row) + "\n" for row in fact_rows(studies))
        command = nastdata("validate", str(folder / "model.jsonl"), "--against", str(folder / "facts.jsonl"))
        cost = measure([*command, "--json", "--max-contradicted", "1"])
        found = json.loads(cost.output)["files"]["model"]
    print(describe_machine())
    print(
        f"{texts:,} reports, {planted['said']:,} findings said, in {cost.seconds:.1f} s ({cost.cpu:.0f} s of"
    )
    print(f"processor time, {cost.gigabytes:.1f} GB): {60 * texts / cost.seconds:,.0f} a minute\n")
    verdicts, wrong = found["verdicts"], found["contradicted"]
    rows = (
        ("contradicted in existence", planted["deny"] + planted["invent"], wrong["existence"]),
        ("contradicted in location", planted["side"], wrong["location"]),
        ("contradicted in severity", planted["grade"], wrong["severity"]),
        ("not supported", planted["add"], verdicts["not_supported"]),
        ("missed", planted["omit_present"] + planted["omit_absent"], verdicts["missed"]),
        ("unread", 0, verdicts["unread"]),
    )
    print(f"{'':<28}{'planted':>10}{'found':>10}")
    for what, put, got in rows:
        print(f"{what:<28}{put:>10,}{got:>10,}")


if __name__ == "__main__":
    main()
