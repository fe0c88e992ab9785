"""A whole build through batch jobs: killed, interrupted, gone on with; the folder is that of live calls."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from batch_server import Plan, Seen, serve_batches

KEY = "sk-secret-of-the-test"
SMALL = ["phantom_patients=300", "writer.wordings=2", "writer.model=m", "audit.enabled=false"]


def start(url: str, cache: Path, out: Path, *more: str, dry: bool = False) -> subprocess.Popen[str]:
    given = [*SMALL, f"writer.base_url={url}", f"writer.cache={cache}", "writer.batch_poll=0.05", *more]
    listed = [a for s in given for a in ("--set", s)]
    command = [sys.executable, "-m", "nastdata", "build", "mednega", "--realizer", "openai", "--limit", "40"]
    command += ["--out", str(out), *listed, *(["--dry-run"] if dry else [])]
    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def stop_at(process: subprocess.Popen[str], seen: Seen, event: str, sign: signal.Signals) -> tuple[int, str]:
    """Send a signal when the server has seen an event; return the exit code and what was said."""
    before = seen.count(event)
    deadline = time.monotonic() + 90
    while process.poll() is None and seen.count(event) == before:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(sign)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


def hash_tree(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_an_interrupted_build_gives_the_bytes_of_live_calls(tmp_path: Path) -> None:
    plan = Plan({"expired": 0.2, "500": 0.05, "wrong": 0.1}, looks=1, hold={"create": 0.2, "look": 0.03})
    with serve_batches(plan) as (url, seen):
        cache, out = tmp_path / "a.sqlite", tmp_path / "batched"
        code, _ = stop_at(start(url, cache, out, "writer.batch_api=true"), seen, "create", signal.SIGKILL)
        assert code == -signal.SIGKILL and len(seen.jobs) == 1
        code, said = stop_at(start(url, cache, out, "writer.batch_api=true"), seen, "look", signal.SIGINT)
        assert code == 130 and "Traceback" not in said and "batch_0: gone on with" in said
        assert not out.exists() and len(seen.jobs) == 1
        last = start(url, cache, out, "writer.batch_api=true")
        printed, said = last.communicate(timeout=120)
        assert last.returncode == 0, said
        assert "answers from batch jobs" in said and KEY not in printed + said
        assert max(seen.paid.values()) == 1 and seen.live == 0
        assert {j["status"] for j in seen.jobs} == {"expired", "completed"}
        jobs = len(seen.jobs)
        live = start(url, tmp_path / "b.sqlite", tmp_path / "live")
        assert live.communicate(timeout=120) and live.returncode == 0
        assert len(seen.jobs) == jobs and seen.live > 0
    assert KEY.encode() not in cache.read_bytes()
    assert hash_tree(tmp_path / "live") == hash_tree(out)


def test_a_dry_run_tells_the_jobs(tmp_path: Path) -> None:
    with serve_batches() as (url, seen):
        more = ("writer.batch_api=true", "writer.batch_requests=4")
        dry = start(url, tmp_path / "a.sqlite", tmp_path / "out", *more, dry=True)
        printed, said = dry.communicate(timeout=120)
    told = dict(line.split(": ", 1) for line in printed.splitlines() if ": " in line)
    assert dry.returncode == 0, said
    assert not seen.events
    calls = int(told["calls"])
    assert int(told["jobs"]) == 2 * -(-(calls // 2) // 4)
