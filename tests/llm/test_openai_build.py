"""The openai writer against a misbehaving HTTP server; judged from the folder and the log of the server."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from servers import Faults, serve

RATES = {
    "429": 0.10,
    "500": 0.05,
    "hang": 0.05,
    "cut": 0.05,
    "wrong": 0.10,
    "extra": 0.05,
    "refusal": 0.02,
    "debris": 0.05,
}
SMALL = ["phantom_patients=300", "writer.wordings=2", "writer.model=m", "audit.enabled=false"]
KEY = "sk-secret-of-the-test"


def arguments(url: str, cache: Path, out: Path, *more: str) -> list[str]:
    settings = [*SMALL, f"writer.base_url={url}", f"writer.cache={cache}", "writer.timeout=2"]
    listed = [a for s in settings for a in ("--set", s)]
    return ["build", "mednega", "--realizer", "openai", "--limit", "80", "--out", str(out), *listed, *more]


def call(args: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    command = [sys.executable, "-m", "nastdata", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)


def hash_tree(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def read_calls(cache: Path) -> set[str]:
    if not cache.exists():
        return set()
    with sqlite3.connect(cache) as db:
        try:
            rows = db.execute("select answer from answers").fetchall()
        except sqlite3.OperationalError:
            return set()
    return {json.loads(r[0])["call_id"].removeprefix("cmpl-") for r in rows}


def read_rows(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "data" / "mednega").glob("*.parquet"))
    return [r for f in files for r in pl.read_parquet(f).to_dicts()]


def count_wrong(rows: list[dict[str, Any]], ontology: Any) -> int:
    """The server's sentences are lists of "presence of X" and "absence of X": read them by that alone."""
    wrong = 0
    for row in rows:
        if row["realizer"] == "template":
            continue
        for labels, text, twin in zip(
            row["choice_labels"], row["negated_choices"], row["affirmative_choices"], strict=True
        ):
            names = [ontology.condition_by_name[c] for c in row["conditions"]]
            parts = sorted(
                f"{'presence' if v else 'absence'} of {c.text}" for v, c in zip(labels, names, strict=True)
            )
            others = [
                [c.text] if v else [a.text for a in c.affirmative] for v, c in zip(labels, names, strict=True)
            ]
            found, instead = (
                sorted(said.rstrip(".").lower().replace(", and ", ", ").split(", ")) for said in (text, twin)
            )
            wrong += found != [p.lower() for p in parts]
            wrong += len(instead) != 3 or not all(
                any(f"presence of {o}".lower() in instead for o in other) for other in others
            )
    return wrong


def test_faults_admit_no_wrong_sentence_and_lose_no_row(tmp_path: Path, ontology: Any) -> None:
    with serve(Faults(RATES, hang_seconds=3)) as (url, served):
        done = call(arguments(url, tmp_path / "a.sqlite", tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        assert {"429", "500", "wrong"} <= set(served.faults)
        assert served.keys[0] == f"Bearer {KEY}"
    rows = read_rows(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    text = manifest["counts"]["text"]["mednega"]
    assert text["items_in"] == text["accepted"] + text["rejected"] == len(rows) + text["rejected"]
    assert sum(r["realizer"] != "template" for r in rows) > len(rows) / 2
    assert count_wrong(rows, ontology) == 0
    assert sum(manifest["ledger"]["refused_and_asked_again"].values()) > 0
    assert KEY not in done.stdout + done.stderr
    assert KEY.encode() not in (tmp_path / "a.sqlite").read_bytes()


def kill_and_resume(tmp_path: Path, kills: int, seed: int) -> None:
    """Kill at random moments of the asking; the last run must give the bytes of an uninterrupted one."""
    rng = random.Random(seed)
    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    rates = {k: v for k, v in RATES.items() if k != "hang"}
    with serve(Faults(rates), latency=0.05) as (url, served):
        whole, cache = tmp_path / "whole", tmp_path / "killed.sqlite"
        done = call(arguments(url, tmp_path / "whole.sqlite", whole, "--set", "writer.max_concurrency=4"))
        assert done.returncode == 0, done.stderr
        served.delivered.clear()
        patient = ["--set", "writer.max_concurrency=4", "--set", "writer.timeout=30"]
        args = arguments(url, cache, tmp_path / "killed", *patient)
        paid_after_kept: Counter[str] = Counter()
        killed = 0
        for _ in range(kills):
            kept, before = read_calls(cache), len(served.delivered)
            process = subprocess.Popen(
                [sys.executable, "-m", "nastdata", *args],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            target = before + rng.randint(0, 8)
            deadline = time.monotonic() + 120
            while process.poll() is None and len(served.delivered) <= target:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(rng.random() * 0.1)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.wait()
            time.sleep(0.15)
            paid_after_kept.update(m for m in served.delivered[before:] if m in kept)
        kept, before = read_calls(cache), len(served.delivered)
        done = call(args)
        assert done.returncode == 0, done.stderr
        paid_after_kept.update(m for m in served.delivered[before:] if m in kept)
    assert killed >= 1
    assert not paid_after_kept
    assert hash_tree(tmp_path / "killed") == hash_tree(whole)


def test_killed_and_resumed_gives_the_same_bytes(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, 3, seed=1)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, 20, seed=2)


def test_budget_stops_and_goes_on(tmp_path: Path) -> None:
    cache, out = tmp_path / "a.sqlite", tmp_path / "out"
    with serve() as (url, served):
        first = call(arguments(url, cache, out, "--set", "writer.max_calls=3"))
        assert first.returncode == 2 and "budget" in first.stderr and "Traceback" not in first.stderr
        assert len(read_calls(cache)) == len(served.delivered) == 3
        assert not out.exists()
        dry = call(arguments(url, cache, out, "--dry-run"))
        assert dry.returncode == 0 and "cached calls: 3" in dry.stdout and "cost: unknown" in dry.stdout
        assert len(served.delivered) == 3
        assert call(arguments(url, cache, out)).returncode == 0
    assert max(Counter(served.delivered).values()) == 1


def test_no_server_and_wrong_key_are_told_plainly(tmp_path: Path) -> None:
    done = call(arguments("http://127.0.0.1:9/v1", tmp_path / "a.sqlite", tmp_path / "out"))
    assert done.returncode == 2 and "no server answers" in done.stderr and "Traceback" not in done.stderr
