"""Batch jobs against a real HTTP server: nothing lost, nothing paid twice, the words of live calls."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import batch_driver
import pytest
from batch_driver import QUESTIONS, make, word
from batch_server import Plan, Seen, serve_batches

from nastdata.errors import UserError
from nastdata.llm.batch import client as batch_client
from nastdata.llm.cache import AnswerCache

LOSSES = {"expired": 0.20, "500": 0.10, "missing": 0.05}
SLIPS = {"wrong": 0.10, "refusal": 0.05, "cut": 0.05}


def settings(url: str, cache: Path, **more: Any) -> dict[str, Any]:
    return {"base_url": url, "cache": str(cache), "batch_api": True, **more}


def texts(said: dict[str, Any]) -> tuple[Any, Any]:
    """What a dataset is made of; the account of the run is no part of it."""
    return said["texts"], said["ledger"]


def ask_once(seen: Seen) -> bool:
    return max(seen.paid.values()) == 1


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The words of live calls to a server without faults."""
    with serve_batches() as (url, seen):
        said = word(settings(url, tmp_path_factory.mktemp("live") / "a.sqlite", batch_api=False))
        assert seen.live == 2 * QUESTIONS and not seen.jobs
    return texts(said)


def test_faulty_jobs_give_the_words_of_live_calls(tmp_path: Path) -> None:
    with serve_batches(Plan(SLIPS)) as (url, seen):
        live = word(settings(url, tmp_path / "live.sqlite", batch_api=False))
        assert not seen.jobs
    with serve_batches(Plan({**LOSSES, **SLIPS}, looks=3)) as (url, seen):
        cache = tmp_path / "jobs.sqlite"
        batched = word(settings(url, cache, batch_requests=5))
        assert ask_once(seen) and seen.live == 0 and seen.probes == 1
        assert sum(seen.asked.values()) > 1.2 * len(seen.asked)
        assert {j["status"] for j in seen.jobs} == {"expired", "completed"}
        jobs = len(seen.jobs)
        again = word(settings(url, cache, batch_api=False))
        assert (len(seen.jobs), seen.live, seen.probes) == (jobs, 0, 1)  # one cache for both ways
    assert texts(batched) == texts(live) == texts(again)
    assert f"({jobs} made, 0 gone on with" in batched["run"]


def test_jobs_are_cut_and_counted_beforehand(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    with serve_batches() as (url, seen):
        given = settings(url, tmp_path / "a.sqlite", batch_requests=5)
        dry = make(given, dry=True)
        dry.write_options(batch_driver.list_wanted())
        foreseen = dry.account()
        assert foreseen is not None and foreseen["jobs"] == 6 and not seen.events
        assert texts(word(given)) == plain
        sizes = [len(_lines(seen, job)) for job in seen.jobs]
    assert sizes == [5, 5, 2, 5, 5, 2]
    assert seen.count("upload") == seen.count("create") == 6


def _lines(seen: Seen, job: dict[str, Any]) -> range:
    return range(job["request_counts"]["total"])


def run_until(given: dict[str, Any], seen: Seen, event: str, cache: Path) -> None:
    """Run the driver in a process and kill it when the server (or the cache) has seen an event."""
    before = len(seen.events)
    answers = _count_answers(cache)
    process = subprocess.Popen(
        [sys.executable, batch_driver.__file__, json.dumps(given)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while process.poll() is None:
        assert time.monotonic() < deadline
        if event in seen.events[before:] or (event == "kept" and _count_answers(cache) > answers):
            break
        time.sleep(0.002)
    assert process.poll() is None, f"it ended before {event}"
    process.kill()
    process.wait()


def _count_answers(cache: Path) -> int:
    if not cache.exists():
        return 0
    book = AnswerCache(cache)
    try:
        return int(book._db.execute("select count(*) from answers").fetchone()[0])
    finally:
        book.close()


def test_killed_at_every_step(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    hold = {"upload": 0.3, "create": 0.3, "fetch": 0.3}
    with serve_batches(Plan(hold=hold, looks=2)) as (url, seen):
        cache = tmp_path / "a.sqlite"
        given = settings(url, cache, batch_requests=7)
        for event in ("upload", "create", "look", "fetch", "kept", "create"):
            run_until(given, seen, event, cache)
        said = word(given)
        assert ask_once(seen)
        # Two of first questions, two of rewrites: none was made twice. Rewrites of what was kept before the
        # last kill need not wait for the others and may have a job of their own.
        assert len(seen.jobs) in (4, 5)
    assert texts(said) == plain


@pytest.mark.slow
def test_killed_twenty_times_between_losses_and_slips(tmp_path: Path) -> None:
    rng = random.Random(3)
    with serve_batches(Plan(SLIPS)) as (url, _):
        whole = texts(word(settings(url, tmp_path / "whole.sqlite", batch_api=False)))
    hold = {"upload": 0.05, "create": 0.1, "look": 0.05, "fetch": 0.05}
    with serve_batches(Plan({**LOSSES, **SLIPS}, looks=2, hold=hold)) as (url, seen):
        cache = tmp_path / "a.sqlite"
        given = settings(url, cache, batch_requests=4)
        kills = 0
        while kills < 20:
            before = len(seen.events)
            target = before + rng.randint(1, 12)
            command = [sys.executable, batch_driver.__file__, json.dumps(given)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and len(seen.events) < target:
                time.sleep(0.002)
            time.sleep(rng.random() * 0.12)
            if process.poll() is not None:
                break
            process.kill()
            process.wait()
            kills += 1
        assert texts(word(given)) == whole
        assert ask_once(seen) and kills >= 10
        marks = Counter(j["metadata"]["nastdata"] for j in seen.jobs)
        assert max(marks.values()) == 1


def test_a_job_that_comes_into_being_after_the_kill_is_found(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    with serve_batches(Plan(late=2.0)) as (url, seen):
        cache = tmp_path / "a.sqlite"
        run_until(settings(url, cache), seen, "create", cache)
        assert not seen.jobs
        assert texts(word(settings(url, cache))) == plain
        assert ask_once(seen) and len(seen.jobs) == 2


def test_an_unclear_reply_makes_no_second_job(
    tmp_path: Path, plain: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_client, "SETTLE", 0.2)
    with serve_batches(Plan(after={"create": [500]}, status={"create": [0, 503, 429]})) as (url, seen):
        assert texts(word(settings(url, tmp_path / "a.sqlite"))) == plain
        assert len(seen.jobs) == 2 and ask_once(seen)
        assert seen.count("create") == 4


def test_a_silent_server_is_outlasted_or_told(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    cache = tmp_path / "a.sqlite"
    with serve_batches(Plan(status={"look": [500, 0, 500, 502, 0, *[500] * 4]})) as (url, seen):
        with pytest.raises(UserError, match="HTTP 500") as e:
            word(settings(url, cache, max_retries=1))
        assert "run the same command again" in str(e.value)
        assert texts(word(settings(url, cache))) == plain
        assert len(seen.jobs) == 2 and ask_once(seen)


def test_a_job_without_room_is_made_again(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    with serve_batches(Plan(fail={0: "token_limit_exceeded"})) as (url, seen):
        assert texts(word(settings(url, tmp_path / "a.sqlite", batch_requests=6))) == plain
        assert [j["status"] for j in seen.jobs].count("failed") == 1 and len(seen.jobs) == 5
        assert ask_once(seen)


def test_a_job_that_fails_for_good_is_told(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    cache = tmp_path / "a.sqlite"
    with serve_batches(Plan(fail={0: "model_not_found"})) as (url, seen):
        with pytest.raises(UserError, match=r"batch_0 failed .model_not_found: told by the server"):
            word(settings(url, cache))
        assert len(seen.jobs) == 1
        assert texts(word(settings(url, cache))) == plain
        assert ask_once(seen) and len(seen.jobs) == 3


def test_what_a_cancelled_job_answered_is_kept(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    cache = tmp_path / "a.sqlite"
    with serve_batches(Plan(fail={0: "cancelled"})) as (url, seen):
        with pytest.raises(UserError, match="cancelled"):
            word(settings(url, cache))
        assert _count_answers(cache) == QUESTIONS // 2
        assert texts(word(settings(url, cache))) == plain
        assert ask_once(seen)


def test_questions_that_never_get_an_answer_end_the_run(tmp_path: Path) -> None:
    with serve_batches(Plan({"expired": 1.0})) as (url, seen):
        with pytest.raises(UserError, match=r"12 questions got no answer .batch_expired: 12"):
            word(settings(url, tmp_path / "a.sqlite", max_retries=2))
        assert len(seen.jobs) == 3


def test_calls_stay_within_the_budget(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    cache = tmp_path / "a.sqlite"
    with serve_batches(Plan(LOSSES)) as (url, seen):
        for paid in (5, 10):
            with pytest.raises(UserError, match="budget is reached after 5 calls"):
                word(settings(url, cache, max_calls=5))
            assert sum(seen.paid.values()) == paid == _count_answers(cache)
        with pytest.raises(UserError, match="budget"):
            word(settings(url, cache, max_calls=0))
        assert seen.probes == 2
        assert texts(word(settings(url, cache))) == plain
        assert ask_once(seen)


def test_costs_stay_within_the_budget(tmp_path: Path) -> None:
    cost = (100 + 50) / 1e6  # of each answer of this server at a price of 1 for a million tokens
    limit = {"prices": {"input": 1.0, "output": 1.0}, "max_tokens": 1000}
    with serve_batches() as (url, seen):
        with pytest.raises(UserError, match="budget"):
            word(settings(url, tmp_path / "a.sqlite", max_cost=0.003, **limit))
        assert 0 < sum(seen.paid.values()) * cost <= 0.003
        first = seen.jobs[0]["request_counts"]["total"]
        assert first <= 0.003 / 1e-3  # at first each answer might be as long as allowed
        assert len(seen.jobs) > 1  # then it was seen that they are shorter


def test_a_server_without_batch_jobs_is_told(tmp_path: Path) -> None:
    with serve_batches(Plan(bare=True)) as (url, _):
        with pytest.raises(UserError, match="no batch API") as e:
            word(settings(url, tmp_path / "a.sqlite"))
        assert "writer.batch_api=false" in str(e.value)


def test_an_unknown_job_stops_the_run_unless_fresh(tmp_path: Path, plain: tuple[Any, Any]) -> None:
    cache = tmp_path / "a.sqlite"
    with serve_batches(Plan(status={"look": [0, 401]})) as (url, seen):
        with pytest.raises(UserError, match="refuses the key"):
            word(settings(url, cache))
        seen.jobs[0]["id"] = "batch_of_another_project"
        with pytest.raises(UserError, match="job batch_0 is not known there"):
            word(settings(url, cache))
        assert len(seen.jobs) == 1
        assert texts(word(settings(url, cache), fresh=True)) == plain
        assert len(seen.jobs) == 3


def test_local_writers_have_no_batch_jobs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="openai writer"):
        make({"realizer": "local", "batch_api": True, "cache": str(tmp_path / "a.sqlite")})
