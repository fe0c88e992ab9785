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
    "nih labels": {
        "images": 112_120,
        "No Finding": 60_361,
        "Infiltration": 19_894,
        "Effusion": 13_317,
        "Atelectasis": 11_559,
        "Nodule": 6_331,
        "Hernia": 227,
    },
    "nih-adjudicated facts": {
        "images": 4_376,
        "Fracture": 186,
        "Pneumothorax": 238,
        "Airspace opacity": 2_166,
        "Nodule or mass": 605,
    },
    "nih-boxes facts": {"boxes": 984},
    "vindr-cxr labels": {
        "rows": 67_914,
        "images": 15_000,
        "Cardiomegaly, 3 readers": 1_297,
        "Cardiomegaly, 2 readers": 520,
        "Cardiomegaly, 1 reader": 483,
        "Pleural effusion, 3 readers": 439,
        "Pleural effusion, 2 readers": 195,
        "Pleural effusion, 1 reader": 398,
        "Consolidation, 3 readers": 31,
        "Consolidation, 2 readers": 90,
        "Consolidation, 1 reader": 232,
        "Atelectasis, 3 readers": 18,
        "Atelectasis, 2 readers": 44,
        "Atelectasis, 1 reader": 124,
        "Pneumothorax, 3 readers": 45,
        "Pneumothorax, 2 readers": 13,
        "Pneumothorax, 1 reader": 38,
    },
    "siim-acr facts": {"rows": 12_954, "images": 12_047, "masks": 3_576},
    "rsna-pneumonia facts": {"rows": 30_227, "images": 26_684},
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
    own |= _count_new(name, loaded, report)
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


def _count_new(name: str, loaded: Any, report: dict[str, Any]) -> dict[str, int]:
    """Count what the corpora with annotators yield, under the names in ``KNOWN``."""
    own: dict[str, int] = {"rows": loaded.rows_in}
    own |= {k: report[k] for k in ("images", "boxes", "masks") if k in report and name in KNOWN}
    given = report.get("labels_given") or report.get("yes") or {}
    own |= {k: given[k] for k in KNOWN.get(name, {}) if k in given}
    for label, votes in (report.get("readers_by_label") or {}).items():
        for n, images in votes.items():
            key = f"{label}, {n} reader" + ("s" if n != "1" else "")
            if key in KNOWN.get(name, {}):
                own[key] = images
    if "by_existence" in report:
        own |= {f"{k} facts": n for k, n in report["by_existence"].items()}
        own |= {k: report[k] for k in ("located", "graded")}
    else:
        labels = report["labels"].values()
        own |= {f"{k} labels": sum(x[k] for x in labels) for k in ("present", "absent", "uncertain")}
    return own


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
