"""A small run of every target of ``benchmarks/fuzz.py``, and of the watch itself."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile.mutate import Mutator
from hostile.watch import Watch, find_faults

from nastdata.errors import UserError, plain

SMALL = {
    "source tables": 60,
    "reports": 40,
    "dataset folder": 50,
    "bundle": 50,
    "export target": 50,
    "recipe": 60,
}
"""Inputs of a small run; 100 where nothing is said."""
SKIPPED = {
    "source tables": 40,
    "reports": 21,
    "model answer": 36,
    "ontology": 60,
    "source YAML": 60,
    "checkpoint": 130,
}
"""First inputs that are left to the full run: bombs of gigabytes, texts of a megabyte, every YAML attack."""


def names() -> list[str]:
    from hostile.targets import TARGETS

    return list(TARGETS)


@pytest.mark.parametrize("name", names())
def test_a_target_survives(name: str, tmp_path: Path) -> None:
    from hostile.fuzz import run
    from hostile.targets import TARGETS

    totals = run(TARGETS[name], SMALL.get(name, 100), 1, tmp_path, first=SKIPPED.get(name, 0))
    assert not totals.failures
    reached = {k for k in ("accepted", "refused") if totals.counts[k]}
    assert reached == {"accepted", "refused"} or name == "model answer", "all alike: they don't reach far"


def test_the_same_number_is_the_same_input() -> None:
    one, other = Mutator("0:x:7"), Mutator("0:x:7")
    data = b"a,b\n1,2\n" * 20
    assert [one.table(data) for _ in range(20)] == [other.table(data) for _ in range(20)]


def misbehave_write(box: Path) -> None:
    (box / "beside" / "new.txt").write_text("x")


def misbehave_replace(box: Path) -> None:
    (box / "in" / "given.txt").write_text("other")


def misbehave_link(box: Path) -> None:
    (box / "out" / "l").symlink_to(box / "beside")
    (box / "out" / "l" / "x").write_text("x")


def misbehave_delete(box: Path) -> None:
    (box / "in" / "given.txt").unlink()


def misbehave_far(box: Path) -> None:
    os.close(os.open("/tmp/nastdata-hostile-test", os.O_CREAT | os.O_WRONLY))
    Path("/tmp/nastdata-hostile-test").unlink()


def misbehave_process(box: Path) -> None:
    import subprocess

    subprocess.run(["true"], check=False)


def misbehave_connect(box: Path) -> None:
    with socket.socket() as s:
        s.settimeout(0.1)
        s.connect_ex(("127.0.0.1", 9))


def misbehave_pickle(box: Path) -> None:
    import pickle

    pickle.loads(b"cos\ngetcwd\n(tR.")


def misbehave_traceback(box: Path) -> None:
    raise KeyError("rows")


def misbehave_memory(box: Path) -> None:
    held = bytearray(1_200 << 20)
    held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])


MISBEHAVIOURS = [f for n, f in sorted(globals().items()) if n.startswith("misbehave_")]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    box = tmp_path_factory.mktemp("box")
    for name in ("in", "out", "beside"):
        (box / name).mkdir()
    return Watch(box, cpu_seconds=0.3)


@pytest.mark.parametrize("act", MISBEHAVIOURS, ids=lambda f: f.__name__.removeprefix("misbehave_"))
def test_the_watch_sees_each_misdeed(watch: Watch, act: Callable[[Path], None]) -> None:
    (watch.box / "in" / "given.txt").write_text("as it was")
    assert watch.attempt(lambda: act(watch.box)).kind == "failed"


def test_the_watch_sees_what_takes_too_long(watch: Watch) -> None:
    def work() -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            sum(range(1_000))

    assert "too long" in watch.attempt(work).message


def test_the_watch_lets_good_things_pass(watch: Watch) -> None:
    (watch.box / "in" / "given.txt").write_text("as it was")
    assert watch.attempt(lambda: (watch.box / "out" / "x.txt").write_text("x")).kind == "accepted"

    def refuse() -> None:
        raise UserError("no such file", where="x", how="make one")

    assert watch.attempt(refuse).kind == "refused"


@pytest.mark.parametrize("text", ["a\nb\nc", "\x1b[2J", "x" * 5_000, "", "\u202e"])
def test_faults_of_messages_are_found(text: str) -> None:
    assert find_faults(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\nc", "a b c"),
        ("\x1b[2Jred\x07", "\\x1b[2Jred\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("Lungenödem, 肺水腫", "Lungenödem, 肺水腫"),
        ("two  blanks", "two  blanks"),
    ],
)
def test_messages_are_plain(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert not find_faults(str(UserError(text, where=text, how=text)))
    assert len(str(UserError("x" * 10_000, where="y" * 10_000, how="z" * 10_000))) < 4_100
