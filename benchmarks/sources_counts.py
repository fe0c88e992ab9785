"""What each real corpus yields here, beside what is known of it, with time and memory.

    python benchmarks/sources_counts.py [--tree FOLDER]

``--tree`` is a folder made by ``python tests/helpers/trees.py FOLDER --studies 227827``: the two credentialed
corpora are then measured on it (their time and memory, not their counts). Each load is its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

KNOWN: dict[str, dict[str, int]] = {
    "chexpert labels": {"images": 223_414, "studies": 187_641, "patients": 64_540},
    "openi facts": {
        "exact mentions in headings": 2_432,
        "of these graded": 565,
        "absent facts": 8_400,
        "reports": 3_955,
    },
    "padchest facts": {
        "images": 160_861,
        "studies": 109_931,
        "positive (study, condition) pairs": 66_000,
        "located": 48_600,
        "lateralised": 36_400,
        "normal studies": 35_687,
    },
}
"""Figures measured once, independently, with simple scripts on the same files."""


def count(name: str, data: str | None) -> dict[str, Any]:
    """Load one corpus and count what it yields."""
    from nastdata.ontology import load_ontology
    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    source, kind = name.split()
    ontology = load_ontology("chest_xray")
    load = getattr(get_source(source), f"load_{kind}")
    start = time.perf_counter()
    loaded = load(Path(data) if data else None, ontology, Options())
    seconds = time.perf_counter() - start
    report: dict[str, Any] = loaded.report
    own: dict[str, Any] = {"rows in": loaded.rows_in, "rows out": len(loaded.frame)}
    if name == "chexpert labels":
        own |= {k: report[k] for k in ("images", "studies", "patients")}
    if name == "openi facts":
        own |= {
            "reports": report["reports"],
            "present facts": report["by_existence"]["present"],
            "located": report["located"],
            "graded": report["graded"],
            "absent facts": report["by_existence"]["absent"],
        }
    if name == "padchest facts":
        own |= {
            "images": report["images"],
            "studies": report["studies_read"],
            "positive (study, condition) pairs": loaded.frame.select("study_id", "condition").n_unique(),
            "located": report["located"],
            "lateralised": report["lateralised"],
            "normal studies": report["normal_studies"],
        }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"counts": own, "seconds": round(seconds, 2), "MB": round(peak), "left_out": loaded.left_out}


def main() -> None:
    """Run every load in its own process and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(count(args.one[0], args.one[1] or None)))
        return
    machine = platform.processor() or platform.machine()
    print(f"{os.cpu_count()} cores, {machine}, Python {platform.python_version()}")
    jobs = [("phantom labels", ""), *((name, "") for name in KNOWN)]
    if args.tree:
        jobs += [("mimic-cxr labels", str(args.tree)), ("cad-chest facts", str(args.tree))]
    for name, data in jobs:
        done = subprocess.run(
            [sys.executable, __file__, "--one", name, data], capture_output=True, text=True, check=True
        )
        result = json.loads(done.stdout)
        print(f"\n{name}: {result['seconds']} s, {result['MB']} MB at most")
        known = KNOWN.get(name, {})
        for key in dict.fromkeys([*result["counts"], *known]):
            here, there = result["counts"].get(key), known.get(key)
            print(f"  {key:<36} {_show(here):>10} {_show(there):>10}")
        for reason, n in result["left_out"].items():
            print(f"  left out: {reason:<45} {n:>10,}")


def _show(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


if __name__ == "__main__":
    main()
