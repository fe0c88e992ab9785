"""Every benchmark in one run: `make bench` writes ``docs/benchmarks.md``.

    python benchmarks/bench.py [--size small|full|huge] [--baseline REV] [--only SECTION] [--again]

Sections run one after the other, each as a process of its own; what a section has measured is kept under
``out/bench`` and used again while code and size are the same, so that a run that was stopped goes on.
``small`` takes minutes, ``full`` goes to a million pairs, ``huge`` to ten million. A section that fails says
so on the page and stops nothing; the exit code is then 1. ``--baseline REV`` runs the main jobs of that
revision too, from a work tree of its own, right after those of this one.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench_goals import BASELINE, CODE
from bench_sections import PIECES, SECTIONS, SIZES
from machine import describe_machine

from nastdata.stages.keys import hash_parts

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PATIENCE = {"tiny": 900.0, "small": 1800.0, "full": 4 * 3600.0, "huge": 12 * 3600.0}
"""Seconds for one section."""


def main() -> int:
    """Run what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--only", action="append", default=[], choices=[*SECTIONS, *PIECES])
    parser.add_argument("--again", action="store_true", help="measure anew")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--state", type=Path, default=ROOT / "out" / "bench")
    parser.add_argument("--baseline", metavar="REV", help="revision to run the main jobs of too")
    parser.add_argument("--section", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.state = given.state.resolve()
    state = given.state / given.size
    state.mkdir(parents=True, exist_ok=True)
    if given.section:
        print(json.dumps(SECTIONS[given.section](given.size, state)))
        return 0
    code = hash_parts(hash_code(), given.baseline)
    # what a user has: compiled modules, and no warm answers of an earlier run
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ[CODE] = code
    compileall.compile_dir(ROOT / "nastdata", quiet=1)
    os.environ.pop(BASELINE, None)
    if given.baseline:
        os.environ[BASELINE] = given.baseline
    found: dict[str, dict[str, Any]] = {}
    for name in [*SECTIONS, *PIECES]:
        file = state / f"{name}.json"
        kept = read(file, code)
        if kept is None or given.again:
            if given.only and name not in given.only:
                continue
            print(f"{name:<12} ...", flush=True)
            kept = run_section(name, given.size, given.state)
            file.write_text(json.dumps({"code": code, "result": kept}), encoding="utf-8")
        found[name] = kept
        print(f"{name:<12} {kept['seconds']:.0f} s{'  FAILED' if kept.get('failed') else ''}", flush=True)
        given.page.write_text(draw_page(found, given.size), encoding="utf-8")
    print(f"written to {given.page}")
    return int(any(r.get("failed") for r in found.values()))


def hash_code() -> str:
    """Return a hash of everything that is measured and that measures."""
    files = [*(ROOT / "nastdata").rglob("*.py"), *(ROOT / "nastdata").rglob("*.yaml")]
    files += (ROOT / "benchmarks").rglob("*.py")
    return hash_parts([(str(p.relative_to(ROOT)), hash_parts(p.read_text("utf-8"))) for p in sorted(files)])


def read(file: Path, code: str) -> dict[str, Any] | None:
    """Return what a section has measured with this code, or None."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        result: dict[str, Any] = kept["result"]
    except (OSError, ValueError, KeyError):
        return None
    return result if kept["code"] == code and not result.get("failed") else None


def run_section(name: str, size: str, state: Path) -> dict[str, Any]:
    """Run one section as a process and return what it has measured, or why it has not."""
    if name in PIECES:
        script, arguments = PIECES[name][1], PIECES[name][2][size]
        command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    else:
        command = [sys.executable, __file__, "--size", size, "--state", str(state), "--section", name]
    start = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE[size], env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {PATIENCE[size]:.0f} s", "seconds": PATIENCE[size]}
    seconds = time.monotonic() - start
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        return {"failed": " ".join(last) or f"exit code {done.returncode}", "seconds": seconds}
    if name in PIECES:
        return {"text": done.stdout.strip(), "command": " ".join([script, *arguments]), "seconds": seconds}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "seconds": seconds}


def draw_page(found: dict[str, dict[str, Any]], size: str) -> str:
    """Return the page: a table a section, or what its script printed."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench SIZE={size}` on {describe_machine()}. Load at the end: "
        f"{os.getloadavg()[0]:.1f}.",
        "Seconds are wall time unless a column says CPU; on a machine that does other work, compare CPU",
        "seconds and ratios.",
        "Peak memory is that of the largest process.",
        "",
    ]
    for name, result in found.items():
        title = PIECES[name][0] if name in PIECES else SECTIONS[name].__doc__ or name
        lines += [f"## {title.strip().splitlines()[0].rstrip('.')}", ""]
        if result.get("failed"):
            lines += [f"Not measured: {result['failed']}", ""]
        elif "text" in result:
            lines += [f"`python benchmarks/{result['command']}`:", "", result["text"], ""]
        else:
            lines += [*result.get("notes", []), "", draw_table(result["columns"], result["rows"]), ""]
    return "\n".join(lines)


def draw_table(columns: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table; numbers to the right."""
    sides = ["--:" if rows and isinstance(rows[0][i], int | float) else "---" for i in range(len(columns))]
    body = ["| " + " | ".join(show(cell) for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(columns) + " |", "|" + "|".join(sides) + "|", *body])


def show(cell: Any) -> str:
    """Return a cell as people read it."""
    if isinstance(cell, float):
        return f"{cell:,.2f}" if abs(cell) < 10 else f"{cell:,.1f}" if abs(cell) < 1000 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


if __name__ == "__main__":
    sys.exit(main())
