"""The openai writer fills a server's slots, asks nothing twice, words the same in any order of answers."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import Faults, serve, write_sentences
from test_openai_build import call, count_wrong, read_rows

from nastdata.assemble.checks import make_checks
from nastdata.errors import UserError
from nastdata.llm.base import Answer, Keep, Reply, Request
from nastdata.llm.cache import AnswerCache
from nastdata.llm.request_queue import Line
from nastdata.llm.throttle import Throttle
from nastdata.recipe import WriterSettings
from nastdata.records import OptionStatement
from nastdata.writing.language_models.factory import LlmWriter
from nastdata.writing.template import TemplateWriter

SLOTS = 32
LATENCY = 1.0
"""Seconds; long enough for a busy machine to send as many questions as there are slots."""


def test_slots_are_filled_and_no_wrong_row_is_let_in(tmp_path: Path, ontology: Any) -> None:
    given = ["writer.model=m", "writer.wordings=16", "writer.max_concurrency=32", "phantom_patients=300"]
    with serve(Faults({"wrong": 0.1, "extra": 0.05, "debris": 0.05}), latency=LATENCY, slots=SLOTS) as (
        url,
        served,
    ):
        where = [
            f"writer.base_url={url}",
            f"writer.cache={tmp_path / 'a.sqlite'}",
            "writer.on_failure=reject",
        ]
        listed = [a for s in [*given, *where, "images=none", "audit.enabled=false"] for a in ("--set", s)]
        out = tmp_path / "out"
        done = call(
            ["build", "mednega", "--realizer", "openai", "--limit", "160", *listed, "--out", str(out)]
        )
        assert done.returncode == 0, done.stderr
    rows = read_rows(out)
    assert len(rows) >= 100 and count_wrong(rows, ontology) == 0
    assert served.faults["wrong"] and served.faults["extra"]
    assert served.most_under_way == SLOTS
    assert max(Counter(served.delivered).values()) == 1
    ledger = json.loads((out / "manifest.json").read_text())["ledger"]
    assert ledger["calls"] == len(served.delivered)
    # A block is a triple in four wordings: one question for its negated texts, one for their twins, and
    # again for what was refused. Groups of four items share a wording.
    assert ledger["calls"] <= 2 * 3 * len(rows) / 4
    text = json.loads((out / "manifest.json").read_text())["counts"]["text"]["mednega"]
    assert text["items_in"] == len(rows) + text["rejected"]


class OutOfOrder:
    """Answers in an order of its own; sometimes wrong, by a hash of the question."""

    provider, model, revision, endpoint = "test", "m", None, ""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.asked: list[str] = []

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        waiting = list(requests)
        self.rng.shuffle(waiting)
        while waiting:
            request = waiting.pop(self.rng.randrange(len(waiting)))
            assert request.key not in self.asked
            self.asked.append(request.key)
            answer = self.answer(request)
            keep(request, answer)
            waiting += reply(request, answer)

    def answer(self, request: Request) -> Answer:
        sentences = write_sentences(next(text for role, text in request.messages if role == "user"))
        wanted = request.form["properties"]["sentences"]["minItems"]
        luck = random.Random(request.key)
        if len(sentences) != wanted:  # some were refused; which of them is told in words, so answer wrongly
            return Answer(json.dumps({"sentences": ["Nothing."] * wanted}), "ok", 10, 5)
        spoiled = [s if luck.random() > 0.1 else "Rubbish." for s in sentences]
        return Answer(json.dumps({"sentences": spoiled}), luck.choice(["ok", "ok", "ok", "refusal"]), 10, 5)


def word(ontology: Any, cache: Path, seed: int) -> tuple[Any, Any, list[str]]:
    given = WriterSettings(realizer="openai", wordings=4, max_attempts=3)
    model = OutOfOrder(seed)
    kept = AnswerCache(cache)
    template = TemplateWriter(ontology, 0)
    writer = LlmWriter(model, given, ontology, 0, make_checks(ontology), template, kept)
    names = [c.name for c in ontology.conditions]
    wanted = [
        (OptionStatement((names[k], names[k + 1], names[k + 2]), labels), index)
        for k in range(3)
        for labels in ((0, 1, 1), (1, 0, 1), (1, 0, 0), (1, 1, 1))
        for index in range(2)
    ]
    made = writer.write_options(wanted)
    account = writer.account()
    kept.close()
    return made, account, sorted(model.asked)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(1, 10_000))
def test_texts_and_account_do_not_hang_on_the_order_of_answers(
    seed: int, ontology: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("order")
    one, other = (word(ontology, folder / f"{s}.sqlite", s) for s in (0, seed))
    assert one == other
    again = word(ontology, folder / "0.sqlite", seed)
    assert again[:2] == one[:2] and not again[2]
    assert one[1]["refused_and_asked_again"]


def a_request(name: str, attempt: int = 0) -> Request:
    return Request("p", "m", None, (("user", name),), {}, (), attempt)


def test_what_is_put_again_goes_first_and_what_follows_goes_last() -> None:
    async def run() -> list[str]:
        line = Line(iter([a_request("a"), a_request("b"), a_request("c")]))
        assert line.peek() == a_request("a")
        order = []
        follow = {"a": [a_request("a2")], "b": [a_request("b", attempt=1)]}
        while (request := await line.take()) is not None:
            name = request.messages[0][1]
            order.append(f"{name}{'!' * request.attempt}")
            line.put(follow.pop(name, []))
        return order

    assert asyncio.run(run()) == ["a", "b", "b!", "c", "a2"]


def test_workers_wait_for_what_may_follow_and_end_together() -> None:
    async def run() -> list[str]:
        line = Line(iter([a_request("a")]))
        done: list[str] = []

        async def work() -> None:
            while (request := await line.take()) is not None:
                await asyncio.sleep(0.001)
                name = request.messages[0][1]
                done.append(name)
                line.put([a_request(name + c) for c in "xy"] if len(name) < 4 else [])

        await asyncio.wait_for(asyncio.gather(*(work() for _ in range(5))), 10)
        return done

    done = asyncio.run(run())
    assert len(done) == len(set(done)) == 1 + 2 + 4 + 8


def test_a_throttle_is_filled_and_never_overfilled() -> None:
    async def run() -> tuple[int, int]:
        throttle = Throttle(8)
        inside = most = after = 0

        async def work() -> None:
            nonlocal inside, most
            async with throttle:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1

        await asyncio.gather(*(work() for _ in range(50)))
        before, most = most, 0
        throttle.slow_down()
        throttle.slow_down()  # of the same burst
        await asyncio.gather(*(work() for _ in range(50)))
        after = most
        return before, after

    assert asyncio.run(run()) == (8, 4)


def test_answers_that_wait_for_the_disk_are_committed_together_and_each_before_its_put_returns(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.sqlite"
    cache = AnswerCache(path)
    requests = [a_request(str(i)) for i in range(200)]

    def put(request: Request) -> bool:
        cache.put(request, Answer(request.key, "ok"))
        with sqlite3.connect(path, timeout=30) as other:  # what another process would find
            return other.execute("select 1 from answers where key = ?", (request.key,)).fetchone() is not None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put, requests))
    assert cache.get_many(r.key for r in requests) == {r.key: Answer(r.key, "ok") for r in requests}
    cache.put(requests[0], Answer("later", "ok"))
    assert cache.get_many([requests[0].key])[requests[0].key].text == requests[0].key
    cache.put(requests[0], Answer("later", "ok"), replace=True)
    assert cache.get_many([requests[0].key])[requests[0].key].text == "later"


def test_no_thread_takes_a_failed_commit_for_a_kept_answer(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    cache._db.execute("drop table answers")

    def put(i: int) -> bool:
        try:
            cache.put(a_request(str(i)), Answer("x", "ok"))
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        with cache._lock:  # as if the disk were busy: all eight wait, and one will commit for all
            waiting = [pool.submit(put, i) for i in range(8)]
            deadline = time.monotonic() + 30
            while len(cache._queue) < 8 and time.monotonic() < deadline:
                time.sleep(0.001)
        assert not any(w.result() for w in waiting)
