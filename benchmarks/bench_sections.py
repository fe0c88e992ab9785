"""What `benchmarks/bench.py` measures itself, and the scripts whose tables it takes over."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_goals import CODE, PATIENCE, measure_goals, measure_growth
from machine import Cost, measure, nastdata

Table = dict[str, Any]
HERE = Path(__file__).resolve().parent
SIZES = ("tiny", "small", "full", "huge")
PAIRS = {
    "tiny": (80, 160),
    "small": (100, 1_000, 10_000),
    "full": (100, 1_000, 10_000, 100_000, 1_000_000),
    "huge": (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
}
"""Image-text pairs that builds are asked for."""
RECIPES: dict[str, tuple[float, tuple[str, ...]]] = {
    "mednega": (8, ("--set", "items_per_study=60")),
    "contextual": (6.5, ()),
    "probes": (2, ()),
    "opposition": (2, ()),
    "protocols": (1, ("--set", "per_condition=null")),
}
"""Recipe -> pairs of a row (of contextual: of a claim set and a caption), and settings with which the phantom
yields many rows."""
STAGE = re.compile(r"^(\w+) .*\(([\d.]+) s\)$", re.M)
STAGES = ("source", "design", "words", "audit", "write")


def build(size: str, state: Path) -> Table:
    """Build, by recipe and pairs asked for (phantom; audit in)."""
    table: list[list[Any]] = []
    for recipe in RECIPES:
        before = -1
        for pairs in PAIRS[size]:
            try:
                cost, folder = make(recipe, pairs, state)
            except RuntimeError as e:
                table.append([recipe, pairs, "", "", f"not done: {tell_last(e)}", *[""] * (len(STAGES) + 3)])
                break
            made, there = count(folder)
            if made == before:
                break  # the phantom has no more
            before = made
            stages = {name: 0.0 for name in STAGES}
            for name, seconds in STAGE.findall(cost.output):
                if name in stages:
                    stages[name] += float(seconds)
            megabytes = sum(p.stat().st_size for p in (folder / "data").rglob("*.parquet")) / 1e6
            table.append([recipe, pairs, made, there, cost.seconds, cost.cpu, *stages.values(),
                          cost.gigabytes, megabytes])  # fmt: skip
    columns = ["recipe", "asked for", "rows", "pairs", "s", "CPU s", *STAGES, "peak GB", "MB of parquet"]
    notes = [
        "Stages in seconds. A row of K claims makes K image-text pairs, one of four options in two wordings",
        "eight. Pairs that a recipe cannot make of 4,000 to 200,000 phantom patients are left out.",
    ]
    return {"columns": columns, "rows": table, "notes": notes}


def resume(size: str, state: Path) -> Table:
    """A killed build goes on."""
    import subprocess

    many = {"tiny": 200, "small": 1_000}.get(size, 20_000)
    settings = ("contextual", "--seed", "5", "--set", f"phantom_patients={many}")
    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory(dir=state) as place:
        out = Path(place) / "out"
        ends: list[float] = []
        names: list[str] = []

        def run(stop_after: int | None) -> float:
            begun = time.monotonic()
            command = nastdata("build", *settings, "--out", str(out))
            with subprocess.Popen(
                command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
            ) as process:
                assert process.stderr is not None
                for number, line in enumerate(process.stderr):
                    if stop_after is None and len(names) <= number and not rows:
                        ends.append(time.monotonic() - begun)
                        names.append(line.split()[0])
                    if stop_after is not None and number == stop_after:
                        process.kill()
            return time.monotonic() - begun

        whole = run(None)
        for stop in range(len(names) - 1):
            if names[stop] not in STAGES:
                continue
            shutil.rmtree(out, ignore_errors=True)
            killed = run(stop)
            rows.append([f"{names[stop]} ({stop + 1})", whole, whole - ends[stop], killed, 0.0, 0.0])
            rows[-1][4] = run(-1)
            rows[-1][5] = rows[-1][4] / max(0.01, whole - ends[stop])
    return {
        "columns": ["killed after", "whole, s", "left then, s", "until the kill, s", "resumed, s", "ratio"],
        "rows": rows,
        "notes": ["Start of the program, hashing of the input and reading of what is kept included."],
    }


def check(size: str, state: Path) -> Table:
    """Validate and audit."""
    rows = []
    for recipe in ("mednega", "contextual"):
        for asked in PAIRS[size][-2:]:
            _, folder = make(recipe, asked, state)
            made, pairs = count(folder)
            for command in (("validate", "--no-audit"), ("validate",), ("audit",)):
                cost = measure(nastdata(command[0], str(folder), *command[1:]))
                rows.append([" ".join(command), recipe, made, pairs, cost.seconds, cost.cpu, cost.gigabytes])
    return {"columns": ["command", "recipe", "rows", "pairs", "s", "CPU s", "peak GB"], "rows": rows}


def exports(size: str, state: Path) -> Table:
    """Export."""
    from nastdata.registry import list_adapters

    rows = []
    asked = min(100_000, PAIRS[size][-1])
    for name in sorted(list_adapters("nastdata.exports")):
        for recipe in ("mednega", "contextual", "opposition"):
            _, folder = make(recipe, asked, state)
            out = state / "export"
            shutil.rmtree(out, ignore_errors=True)
            try:
                cost = measure(nastdata("export", str(folder), "--format", name, "--out", str(out)))
            except RuntimeError:
                continue  # this format is not made of that recipe
            size_of = sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 1e6
            rows.append([name, recipe, count(folder)[0], cost.seconds, cost.cpu, cost.gigabytes, size_of])
            break
    shutil.rmtree(state / "export", ignore_errors=True)
    columns = ["format", "of", "rows in the folder", "s", "CPU s", "peak GB", "MB written"]
    return {"columns": columns, "rows": rows}


LOADS = {
    "the bytes alone": "[p.read_bytes() for p in sorted(Path(folder).rglob('data/**/*.parquet'))]",
    "`polars.read_parquet`": (
        "import polars; [polars.read_parquet(p) for p in sorted(Path(folder).rglob('data/**/*.parquet'))]"
    ),
    "`nastdata.read_dataset`": (
        "import nastdata; d = nastdata.read_dataset(folder); [d.read(c) for c in d.configs]"
    ),
    "`datasets.load_dataset`": (
        "import datasets; [datasets.load_dataset(folder, c) for c in os.listdir(folder + '/data')]"
    ),
}


def load(size: str, state: Path) -> Table:
    """Load, beside reading the same bytes."""
    _, folder = make("contextual", min(1_000_000, PAIRS[size][-1]), state)
    rows: list[list[Any]] = []
    for name, code in LOADS.items():
        with tempfile.TemporaryDirectory(dir=state) as cache:
            os.environ["HF_HOME"] = cache
            script = f"import os; from pathlib import Path; folder = {str(folder)!r}; {code}"
            cost = measure([sys.executable, "-c", script])
        rows.append([name, count(folder)[0], cost.seconds, cost.cpu, cost.gigabytes])
    for row in rows:
        row.append(row[2] / rows[0][2])
    columns = ["with", "rows", "s", "CPU s", "peak GB", "times the bytes alone"]
    return {"columns": columns, "rows": rows, "notes": ["Start of the interpreter and imports included."]}


def write(size: str, state: Path) -> Table:
    """Write, beside writing the same bytes."""
    _, folder = make("contextual", min(1_000_000, PAIRS[size][-1]), state)
    files = sorted(folder.rglob("data/**/*.parquet"))
    contents = [p.read_bytes() for p in files]
    target = state / "floor"
    start = time.monotonic()
    with target.open("wb") as file:
        for content in contents:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    floor = time.monotonic() - start
    target.unlink()
    script = (
        "import time, tempfile, sys, nastdata; from pathlib import Path\n"
        "from nastdata.dataset.parquet import write_config\n"
        "d = nastdata.read_dataset(sys.argv[1]); frames = {c: d.read(c) for c in d.configs}\n"
        "start = time.monotonic()\n"
        "with tempfile.TemporaryDirectory(dir=sys.argv[2]) as t:\n"
        "    for c, f in frames.items(): write_config(Path(t) / c, c, f)\n"
        "    print(time.monotonic() - start)"
    )
    cost = measure([sys.executable, "-c", script, str(folder), str(state)])
    ours = float(cost.output.split()[-1])
    megabytes = sum(map(len, contents)) / 1e6
    return {
        "columns": ["what", "rows", "MB", "s", "times the floor"],
        "rows": [
            ["the same bytes, forced to the disk", count(folder)[0], megabytes, floor, 1.0],
            ["parquet of the rows (zstd, level 5)", count(folder)[0], megabytes, ours, ours / floor],
        ],
    }


def instead(size: str, state: Path) -> Table:
    """Wording, beside what one would write instead."""
    rows = {"tiny": 200, "small": 2_000}.get(size, 50_000)
    result: Table = json.loads(measure([sys.executable, str(HERE / "alternatives.py"), str(rows)]).output)
    return result


def patients(pairs: int) -> tuple[str, str]:
    """Return the setting of how many phantom patients give so many pairs."""
    least = 4_000 if pairs >= 1_000 else 400
    return "--set", f"phantom_patients={max(least, min(200_000, pairs // 20))}"


def tell_last(error: RuntimeError) -> str:
    """Return the last line of what a failed command said."""
    return (str(error).strip().splitlines() or [""])[-1][:160]


def make(recipe: str, pairs: int, state: Path) -> tuple[Cost, Path]:
    """Build a folder, unless this state has it of the same code; return what it took and where it is."""
    folder = state / "data" / f"{recipe}-{pairs}"
    account, code = folder.with_suffix(".json"), os.environ.get(CODE)
    try:
        kept = json.loads(account.read_text(encoding="utf-8"))
        if kept["code"] == code and folder.is_dir():
            return Cost(**kept["cost"]), folder
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or of an older run
    folder.parent.mkdir(parents=True, exist_ok=True)
    each, settings = RECIPES[recipe]
    limit = ("--limit", str(max(8, round(pairs / each))))
    command = nastdata("build", recipe, *limit, *settings, *patients(pairs), "--out", str(folder))
    cost = measure(command, (0, 1), environment={"NASTDATA_CACHE": "off"}, patience=PATIENCE)
    account.write_text(json.dumps({"code": code, "cost": cost.__dict__}), encoding="utf-8")
    return cost, folder


def count(folder: Path) -> tuple[int, int]:
    """Return rows and image-text pairs of a folder."""
    rows = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["rows"]
    made = {name: sum(splits.values()) for name, splits in rows.items()}
    pairs = 0
    for name, n in made.items():
        pairs += {"mednega": 8 * n, "contextual_claims": 0, "probes": 2 * n, "opposition": 2 * n}.get(name, n)
        if name == "contextual_claims":
            import polars as pl

            frame = pl.scan_parquet(str(folder / "data" / name / "*.parquet"))
            pairs += int(frame.select(pl.col("claims").list.len().sum()).collect().item())
    return sum(made.values()), pairs


SECTIONS: dict[str, Callable[[str, Path], Table]] = {
    "goals": measure_goals,
    "growth": measure_growth,
    "build": build,
    "resume": resume,
    "write": write,
    "load": load,
    "check": check,
    "exports": exports,
    "instead": instead,
}
PIECES: dict[str, tuple[str, str, dict[str, list[str]]]] = {
    "reader": ("Read texts", "parse_speed.py", {s: [] for s in SIZES}),
    "readers": ("Read texts, beside other readers", "readers_compared.py", {s: [] for s in SIZES}),
    "images": (
        "Embed and export images, beside Pillow and pydicom alone",
        "image_speed.py",
        {"tiny": ["--scale", "0.01"], "small": ["--scale", "0.05"], "full": [], "huge": []},
    ),
    "trace": (
        "Trace, beside the plain double loop",
        "trace_speed.py",
        {
            "tiny": ["--images", "2", "--many", "4"],
            "small": ["--images", "4", "--many", "16"],
            "full": [],
            "huge": [],
        },
    ),
    "train": (
        "Train step, beside one that runs the image tower again",
        "train_step.py",
        {"tiny": ["--steps", "1"], "small": ["--steps", "1"], "full": [], "huge": []},
    ),
    "evaluate": (
        "Evaluate, beside a plain loop",
        "evaluate_speed.py",
        {
            "tiny": ["--rows", "20"],
            "small": ["--rows", "200"],
            "full": ["--rows", "5000"],
            "huge": ["--rows", "5000"],
        },
    ),
    "writers": (
        "Wording by a language model, beside a published-style loop and curator",
        "writers_side_by_side.py",
        {
            "tiny": ["--items", "40", "--patients", "200", "--loop", "2"],
            "small": ["--items", "200", "--patients", "400", "--loop", "4"],
            "full": [],
            "huge": [],
        },
    ),
}
"""Section -> (title, script, arguments by size)."""
