"""Engines decide where work runs and nothing else; judged with a real Ray on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from engine_work import die, die_once, double, fail, fail_oddly, lose_one, refuse, tell_process
from hypothesis import given
from hypothesis import strategies as st

from nastdata import provenance as lineage
from nastdata.cli import cli
from nastdata.engines import ENGINES, open_engine
from nastdata.engines.base import IN_PROCESS, Engine, cut
from nastdata.engines.local import LocalEngine
from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.reading import caption_gate as texts
from nastdata.recipe import load_recipe
from nastdata.writing import wording_store as bank

MANY = 3_000
QUICK = {
    "mednega": {"phantom_patients": "300", "limit": "120"},
    "contextual": {"phantom_patients": "120", "limit": "100"},
    "opposition": {"phantom_patients": "200", "limit": "40"},
}


def hash_tree(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def make(name: str, out: Path, engine: str, **settings: str) -> Path:
    given = {**QUICK[name], "audit.enabled": "false", "engine": engine, **settings}
    build(load_recipe(name, list(given.items())), out, Progress(quiet=True))
    return out


@pytest.fixture(scope="module")
def ray_engine() -> Iterator[Engine]:
    """A cluster of two cores, which every ``--engine ray`` of this module finds and leaves running."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    before = {k: v for k, v in os.environ.items() if k.startswith("RAY_")}
    search = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent / "helpers")  # of the workers
    with open_engine("ray", 2) as engine:
        yield engine
    assert not ray.is_initialized()
    for name in [k for k in os.environ if k.startswith("RAY_")]:
        del os.environ[name]
    os.environ.update(before)
    del os.environ["PYTHONPATH"]
    if search is not None:
        os.environ["PYTHONPATH"] = search


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Small builds of every kind in one process, each made once."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = make(name, tmp_path_factory.mktemp("alone") / name, "local", workers="1")
        return made[name]

    return get


@pytest.fixture
def shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little work is worth sharing out; commits made while the test runs do not matter."""
    monkeypatch.setattr(bank, "_WORTH_A_PROCESS", 20)
    monkeypatch.setattr(texts, "LARGE", 20)
    monkeypatch.setattr(lineage, "find_revision", lambda: None)


# -- what every engine does ---------------------------------------------------------------------------------


@given(st.lists(st.integers()), st.integers(1, 9))
def test_shares_are_consecutive_and_complete(items: list[int], shares: int) -> None:
    pieces = cut(items, shares)
    assert [x for piece in pieces for x in piece] == items
    assert len(pieces) <= shares and all(pieces)


def test_an_unknown_engine_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'ray'"):
        open_engine("rai")


def test_help_names_every_engine() -> None:
    for command in ("build", "validate"):
        options = {o for p in cli.get_command(None, command).params for o in p.opts}  # type: ignore[union-attr, arg-type]
        assert "--engine" in options
    assert ENGINES == ("local", "ray")


def test_processes_give_results_in_order() -> None:
    with LocalEngine(2) as engine:
        assert engine.map(double, range(MANY), 10) == IN_PROCESS.map(double, range(MANY), 10)
        assert os.getpid() not in engine.map(tell_process, range(MANY), 10)
        assert set(engine.map(tell_process, range(MANY), MANY)) == {os.getpid()}, "not worth a second one"


def test_errors_in_processes_arrive_as_they_were() -> None:
    with LocalEngine(2) as engine:
        with pytest.raises(UserError) as told:
            engine.map(refuse, range(MANY), 10)
        assert (told.value.what, told.value.where, told.value.how) == ("too odd", "row 7", "even it out")
        with pytest.raises(ZeroDivisionError):
            engine.map(fail, range(MANY), 10)
        with pytest.raises(AssertionError, match="results for"):
            engine.map(lose_one, range(MANY), 10)


def test_a_killed_process_is_told() -> None:
    with LocalEngine(2) as engine, pytest.raises(UserError, match="killed"):
        engine.map(die, range(MANY), 10)


# -- Ray ----------------------------------------------------------------------------------------------------


def test_ray_gives_results_in_order(ray_engine: Engine) -> None:
    assert "2 cores" in str(ray_engine.describe())
    assert ray_engine.map(double, range(MANY), 10) == double(range(MANY))
    assert os.getpid() not in ray_engine.map(tell_process, range(MANY), 10)
    assert ray_engine.map(double, [], 10) == []


def test_errors_on_ray_arrive_as_they_were(ray_engine: Engine) -> None:
    with pytest.raises(UserError) as told:
        ray_engine.map(refuse, range(MANY), 10)
    assert (told.value.what, told.value.where, told.value.how) == ("too odd", "row 7", "even it out")
    with pytest.raises(ZeroDivisionError):
        ray_engine.map(fail, range(MANY), 10)
    with pytest.raises(RuntimeError, match="LocalError: odd"):
        ray_engine.map(fail_oddly, range(MANY), 10)
    with pytest.raises(AssertionError, match="results for"):
        ray_engine.map(lose_one, range(MANY), 10)


def test_a_worker_that_dies_is_replaced(ray_engine: Engine, tmp_path: Path) -> None:
    mark = tmp_path / "died"
    assert ray_engine.map(partial(die_once, mark), range(MANY), 10) == double(range(MANY))
    assert mark.exists()


def test_workers_that_die_again_and_again_are_given_up(
    ray_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nastdata.engines import ray_data

    monkeypatch.setattr(ray_data, "PATIENCE", 4.0)
    with pytest.raises(UserError, match="die again and again"):
        ray_engine.map(die, range(10), 10)


def test_another_version_on_a_node_is_told(ray_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from nastdata.engines import ray_data

    monkeypatch.setattr(ray_data, "__version__", "0.0.1")
    with pytest.raises(UserError, match="same version on every node"):
        ray_engine.map(double, range(10), 10)


@pytest.mark.parametrize("name", list(QUICK))
def test_ray_builds_the_same_bytes(
    ray_engine: Engine,
    shared_out: None,
    alone: Callable[[str], Path],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nastdata.engines.ray_data import RayEngine

    wanted = hash_tree(alone(name))
    shares: list[int] = []
    run = RayEngine.map

    def count(self: Any, function: Any, items: Any, least: int) -> Any:
        shares.append(len(items))
        return run(self, function, items, least)

    monkeypatch.setattr(RayEngine, "map", count)
    monkeypatch.setattr("nastdata.engines.ray_data.SMALLEST", 20)
    assert hash_tree(make(name, tmp_path / "ray", "ray")) == wanted
    assert sum(shares) > 0, "nothing was done on Ray"


def test_processes_build_the_same_bytes(
    shared_out: None, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    two = make("mednega", tmp_path / "two", "local", workers="2")
    assert hash_tree(two) == hash_tree(alone("mednega"))


def test_validate_says_the_same_on_ray(
    ray_engine: Engine, shared_out: None, alone: Callable[[str], Path]
) -> None:
    from nastdata.checks.run import validate_folder

    for name in QUICK:
        local, ray = (
            validate_folder(alone(name), audit=False, expectations=False, engine=e).to_json() for e in ENGINES
        )
        assert ray == local and ray["passed"]


def test_a_text_that_does_not_hold_is_found_on_ray_too(ray_engine: Engine, ontology: Ontology) -> None:
    from nastdata.reading.caption_gate import judge_facts
    from nastdata.records import Fact

    stated = [("No edema.", Fact("Edema", "absent")), ("There is edema.", Fact("Edema", "absent"))]
    reasons = judge_facts(stated, ontology, ray_engine)
    assert reasons == judge_facts(stated, ontology)
    assert reasons[0] is None and reasons[1]


def test_a_command_joins_the_cluster_that_it_is_told_of(ray_engine: Engine, run: Any, tmp_path: Path) -> None:
    import ray

    env = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    settings = [f"--set={k}={v}" for k, v in {**QUICK["mednega"], "audit.enabled": "false"}.items()]
    done = run("build", "mednega", *settings, "--engine", "ray", "--out", str(tmp_path / "joined"), env=env)
    assert done.returncode == 0, done.stderr
    assert "1 node, 2 cores" in done.stderr
    rows = json.loads((tmp_path / "joined" / "manifest.json").read_text())["rows"]["mednega"]
    assert sum(rows.values()) == 120
    assert ray_engine.map(double, [1], 1) == [2], "the cluster of others is left running"


# -- where there is no Ray ----------------------------------------------------------------------------------


def test_without_ray_installed_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'nastdata\[ray\]'"), open_engine("ray"):
        pass


def test_a_cluster_that_does_not_answer_is_told(run: Any) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    env = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1"}
    done = run("preview", "mednega", "--set", "phantom_patients=100", "--engine", "ray", env=env)
    assert done.returncode == 2 and "127.0.0.1:1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2
