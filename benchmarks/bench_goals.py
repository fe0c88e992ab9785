"""The times and memory that a user is promised, measured: `goals` and `growth` of `benchmarks/bench.py`."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import Cost, measure, nastdata

CODE, BASELINE = "NASTDATA_BENCH_CODE", "NASTDATA_BENCH_BASELINE"
"""Variables: a hash of what is measured, and the revision to compare with."""
ROOT = Path(__file__).resolve().parents[1]
REAL = ("--source", "padchest,openi", "--set", "closed_world=true", "--set", "captions.balanced=false",
        "--set", "claims.per_study=24")  # fmt: skip
"""A contextual build from real label files that has a million image-text pairs to give."""
PATIENCE = 1800.0
"""Seconds for one job; what takes longer is reported as that."""


@dataclass(frozen=True)
class Job:
    """A command with a promise."""

    name: str
    args: tuple[str, ...]
    seconds: float
    gigabytes: float | None = None
    short: bool = False
    """Whether it is run a second time, when computed results are there."""
    few: tuple[str, ...] = ()
    """What makes it short enough for a trial of this script."""
    out: bool = True
    """Whether it writes a folder."""
    patience: float = PATIENCE


JOBS = (
    Job("--help", ("--help",), 0.3, short=True, out=False),
    Job("preview mednega", ("preview", "mednega"), 3, short=True, out=False),
    Job("preview contextual", ("preview", "contextual"), 3, short=True, out=False),
    Job("contextual, 200 rows", ("build", "contextual", "--limit", "200"), 5, short=True),
    Job("quickstart: mednega, phantom", ("build", "mednega"), 15, short=True, few=("--limit", "40")),
    Job("contextual, phantom", ("build", "contextual"), 30, few=("--limit", "100")),
    Job("mednega, CheXpert", ("build", "mednega", "--source", "chexpert"), 15, few=("--limit", "40")),
    Job(
        "a million real pairs",
        ("build", "contextual", *REAL),
        60,
        3.0,
        few=("--limit", "100"),
    ),
)
VALIDATE = Job("validate a million pairs", ("validate",), 60)


def measure_goals(size: str, state: Path) -> dict[str, Any]:
    """What is promised, and what is kept of it."""
    before = _open_baseline(state)
    rows = []
    million: Path | None = None
    for job in (*JOBS, VALIDATE):
        args = job.args
        if job is VALIDATE:
            if million is None:
                rows.append([job.name, float(job.seconds), "not measured: no folder", *[""] * 7])
                continue
            args = (*args, str(million))
        elif size == "tiny":
            args = (*args, *job.few)
        out = state / "goals" / job.name.replace(" ", "-").replace(",", "").replace(":", "")
        now = _run(args, out, job, ROOT)
        again = _run(args, out, job, ROOT, fresh=False) if job.short and not isinstance(now, str) else None
        then = _run(args, out.with_name(f"{out.name}-before"), job, before) if before else None
        if job.gigabytes and not isinstance(now, str):
            million = out
        rows.append(_tell(job, now, again, then, out))
    notes = [
        "A goal holds on two quiet cores. *Again*: with results of the first run in the cache",
        "(`nastdata cache list`). *Before*: the revision "
        + (f"{os.environ[BASELINE]}, in the same run." if before else "before, not asked for:")
        + ("" if before else " `--baseline REV`."),
    ]
    columns = ["what", "goal, s", "s", "CPU s", "peak GB", "again, s", "kept", "pairs", "before, s"]
    return {"columns": [*columns, "times as fast"], "rows": rows, "notes": notes}


def _tell(
    job: Job, now: Cost | str, again: Cost | str | None, then: Cost | str | None, out: Path
) -> list[Any]:
    head = [job.name, float(job.seconds)]
    if isinstance(now, str):
        return [*head, now, *[""] * 7]
    kept = "yes" if now.seconds <= job.seconds else f"no: {now.seconds / job.seconds:.1f} times"
    if job.gigabytes is not None and now.gigabytes > job.gigabytes:
        kept += f"; memory {now.gigabytes:.1f} of {job.gigabytes:.0f} GB"
    pairs = count_pairs(out) if job.out and (out / "data").is_dir() else ""
    before: list[Any] = ["", ""]
    if then is not None:
        before = [then, ""] if isinstance(then, str) else [then.seconds, then.seconds / now.seconds]
    second = again.seconds if isinstance(again, Cost) else ""
    return [*head, now.seconds, now.cpu, now.gigabytes, second, kept, pairs, *before]


def measure_growth(size: str, state: Path) -> dict[str, Any]:
    """Memory and time as rows grow: contextual claim sets and captions, everything included."""
    most = {"tiny": (3,), "small": (5, 6), "full": (4, 5, 6, 7), "huge": (4, 5, 6, 7)}[size]
    rows: list[list[Any]] = []
    for power in most:
        pairs = 10**power
        job = Job(f"10^{power}", (), 0, patience=4 * PATIENCE)
        patients = f"phantom_patients={max(300, pairs // 100)}"
        settings = ("--limit", str(2 * pairs // 11), "--set", "claims.per_study=24", "--set", patients)
        out = state / "growth" / str(power)
        account = out.with_name(f"{power}-row.json")
        kept = _read(account)
        if kept.get("code") == os.environ.get(CODE):
            rows.append(kept["row"])
            continue
        found = _run(("build", "contextual", *settings), out, job, ROOT)
        if isinstance(found, str):
            rows.append([f"10^{power}", "", found, *[""] * 5])
            continue
        made = count_pairs(out)
        size_of = sum(p.stat().st_size for p in (out / "data").rglob("*.parquet")) / 1e6
        row = [f"10^{power}", made, found.seconds, found.cpu, found.gigabytes, size_of]
        rows.append([*row, 1e6 * found.cpu / max(1, made), ""])
        account.write_text(json.dumps({"code": os.environ.get(CODE), "row": rows[-1]}), encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
    million = next((r for r in rows if r[0] == "10^6" and r[1] != ""), None)
    for row in rows:
        if million and row[1] != "":
            row[7] = row[4] / million[4]
    columns = ["pairs", "made", "s", "CPU s", "peak GB", "MB of parquet", "CPU microseconds a pair"]
    return {
        "columns": [*columns, "memory, times that of 10^6"],
        "rows": rows,
        "notes": [
            "Phantom patients, one for each hundred pairs. The goal: 10^7 at most twice the memory of 10^6."
        ],
    }


def count_pairs(folder: Path) -> int:
    """Return the image-text pairs of a folder: a set of K claims makes K, a MedNega item eight."""
    import polars as pl

    pairs = 0
    for path in (folder / "data").glob("*/*.parquet"):
        config = path.parent.name
        if config == "contextual_claims":
            pairs += int(pl.scan_parquet(path).select(pl.col("claims").list.len().sum()).collect().item())
        else:
            each = {"mednega": 8, "probes": 2, "opposition": 2}.get(config, 1)
            pairs += each * int(pl.scan_parquet(path).select(pl.len()).collect().item())
    return pairs


def _run(args: tuple[str, ...], out: Path, job: Job, tree: Path, *, fresh: bool = True) -> Cost | str:
    """Run a command in a tree; return what it took, or why there is no figure."""
    kept = out.with_name(f"{out.name}-cache")
    account, code = out.with_name(f"{out.name}{'' if fresh else '-again'}.json"), os.environ.get(CODE)
    done = _recall(account, code, out if job.out and args[0] == "build" else None)
    if done is not None:
        return done
    if fresh:
        shutil.rmtree(kept, ignore_errors=True)
    command = nastdata(*args)
    if job.out and args[0] == "build":
        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        command += ["--out", str(out)]
    kept.parent.mkdir(parents=True, exist_ok=True)
    environment: Mapping[str, str] = {"PYTHONPATH": str(tree), "NASTDATA_CACHE": str(kept)}
    try:
        cost = measure(command, (0, 1), environment=environment, folder=tree, patience=job.patience)
    except RuntimeError as e:
        last = (str(e).strip().splitlines() or [""])[-1]
        return f"not done: {last[:120]}"
    account.write_text(json.dumps({"code": code, "cost": asdict(cost)}), encoding="utf-8")
    return cost


def _recall(account: Path, code: str | None, out: Path | None) -> Cost | None:
    """Return what a run that was stopped has measured with the same code, if its folder is still there."""
    kept = _read(account)
    whole = kept.get("code") == code and isinstance(kept.get("cost"), dict)
    return Cost(**kept["cost"]) if whole and (out is None or out.is_dir()) else None


def _read(account: Path) -> dict[str, Any]:
    """Return what a file holds; nothing if it is not there or only half."""
    try:
        found = json.loads(account.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _open_baseline(state: Path) -> Path | None:
    """Return a work tree of the revision to compare with; None if none is asked for."""
    revision = os.environ.get(BASELINE)
    if not revision:
        return None
    tree = state / "before"
    here = subprocess.run(
        ["git", "-C", str(tree), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    git = ["git", "-C", str(ROOT)]
    wanted = subprocess.run(
        [*git, "rev-parse", f"{revision}^{{commit}}"], capture_output=True, text=True, check=True
    )
    if here.returncode or here.stdout != wanted.stdout or not (tree / "nastdata").is_dir():
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run([*git, "worktree", "prune"], check=True)
        subprocess.run(
            [*git, "worktree", "add", "--detach", "--force", str(tree), wanted.stdout.strip()],
            check=True,
            capture_output=True,
        )
    compileall.compile_dir(tree / "nastdata", quiet=1)
    return tree
