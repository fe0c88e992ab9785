"""Computed results are kept by what they follow from, and change nothing: not damaged, not raced for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nastdata.cli import main
from nastdata.computed import store as computed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(computed.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


class Maker:
    """Makes an array, and counts how often."""

    def __init__(self, value: float = 1.0) -> None:
        self.value, self.made = value, 0

    def __call__(self) -> dict[str, Any]:
        self.made += 1
        return {"a": np.full((2, 3), self.value), "b": np.arange(4, dtype=np.int8)}


def is_same(one: computed.Arrays, other: computed.Arrays) -> bool:
    return set(one) == set(other) and all(
        one[k].dtype == other[k].dtype and np.array_equal(one[k], other[k]) for k in one
    )


def test_a_result_is_made_once_for_what_it_follows_from(folder: Path) -> None:
    make = Maker()
    first = computed.keep("verdicts", ["ontology", {"x": 1}], make)
    again = computed.keep("verdicts", ["ontology", {"x": 1}], make)
    assert make.made == 1 and is_same(first, again) and is_same(again, Maker()())
    for name, asked in (("verdicts", ["ontology", {"x": 2}]), ("other", ["ontology", {"x": 1}])):
        computed.keep(name, asked, make)
    assert make.made == 3 and len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "folder"])
def test_a_damaged_result_is_made_anew(folder: Path, damage: str) -> None:
    first = computed.keep("verdicts", 1, Maker())
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    if damage == "folder":
        entry.unlink()
        entry.mkdir()
    else:
        flipped = whole[:90] + bytes([whole[90] ^ 1]) + whole[91:]
        entry.write_bytes({"cut": whole[:-7], "flip": flipped, "empty": b"", "text": b"PK\3\4 no"}[damage])
    make = Maker()
    assert is_same(computed.keep("verdicts", 1, make), first) and make.made == 1
    if damage != "folder":
        assert entry.read_bytes() == whole  # whole again


def test_an_entry_of_another_form_is_made_anew(folder: Path) -> None:
    computed.keep("verdicts", 1, Maker())
    make = Maker(2.0)
    found = computed.keep("verdicts", 1, make, lambda kept: kept["a"].shape == (9, 9))
    assert make.made == 1 and found["a"][0, 0] == 2.0


def test_other_code_or_libraries_are_another_result(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    computed.keep("verdicts", 1, make)
    monkeypatch.setattr(computed, "hash_code", lambda: "of another version")
    computed.keep("verdicts", 1, make)
    assert make.made == 2


def test_nothing_is_kept_where_that_is_not_wanted_or_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker()
    monkeypatch.setenv(computed.VARIABLE, "off")
    for _ in range(2):
        computed.keep("verdicts", 1, make)
    assert make.made == 2 and computed.find_folder() is None and computed.list_entries() == []
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(computed.VARIABLE, str(tmp_path / "file"))
    assert is_same(computed.keep("verdicts", 1, make), Maker()())
    assert (tmp_path / "file").read_text() == "no folder"


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"XDG_CACHE_HOME": "/x/cache"}, "/x/cache/nastdata/computed"),
        ({}, "/h/.cache/nastdata/computed"),
        ({"NASTDATA_CACHE": "/mine"}, "/mine"),
    ],
)
def test_the_folder_is_beside_the_answers_or_where_it_is_wanted(
    variables: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NASTDATA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: Path("/h"))
    assert computed.find_folder() == Path(place)


def test_threads_and_readers_see_whole_results_only(folder: Path) -> None:
    wrong: list[Any] = []

    def work() -> None:
        for i in range(12):
            found = computed.keep("verdicts", i % 3, Maker(float(i % 3)))
            if found["a"].shape != (2, 3) or found["a"][0, 0] != i % 3:
                wrong.append(found)
            if i % 5 == 0:
                computed.clear_entries()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and not list(folder.glob("*.part"))


def test_what_was_not_used_for_longest_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        computed.keep("verdicts", i, Maker())
    entries = sorted(folder.iterdir())
    for i, entry in enumerate(entries):
        os.utime(entry, (1000.0 * (i + 1),) * 2)
    left = folder / f"left{computed.HALF}"
    left.write_bytes(b"half")
    os.utime(left, (1.0, 1.0))
    monkeypatch.setattr(computed, "MOST_BYTES", 2 * entries[0].stat().st_size + 10)
    computed.keep("verdicts", 99, Maker())
    assert entries[2].exists() and not entries[0].exists() and not entries[1].exists() and not left.exists()


def test_the_command_lists_and_clears(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main(["cache", *args])
        return int(end.value.code or 0), capsys.readouterr().out

    assert "no computed results are kept yet" in run("list", "--cache", str(folder / "none.sqlite"))[1]
    computed.keep("verdicts", 1, Maker())
    computed.keep("verdicts", 2, Maker())
    stranger = folder / "notes.txt"
    stranger.write_text("not ours")
    code, said = run("list", "--computed", "--json")
    assert code == 0 and json.loads(said)[0]["kind"] == "verdicts" and json.loads(said)[0]["results"] == 2
    assert "2  verdicts" in run("list", "--computed")[1]
    assert run("clear", "--computed", "--unusable")[0] == 2
    assert "deleted: 2 computed results" in run("clear", "--computed")[1]
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]


BUILD = """
import sys, hashlib
from pathlib import Path
import nastdata
nastdata.build("contextual", out=sys.argv[1], limit=60, phantom_patients=200, audit={"enabled": False})
files = sorted(Path(sys.argv[1]).rglob("*.parquet")) + [Path(sys.argv[1]) / "manifest.json"]
print(hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest())
"""


def test_a_build_has_the_same_bytes_with_and_without(tmp_path: Path) -> None:
    def build(name: str, cache: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(tmp_path / name)],
            env={**os.environ, computed.VARIABLE: cache},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()[-1]

    kept = tmp_path / "kept"
    bytes_of = [build("first", str(kept))]
    assert list(kept.glob("verdicts-*"))
    bytes_of.append(build("second", str(kept)))
    for entry in kept.iterdir():
        entry.write_bytes(entry.read_bytes()[:-3])
    bytes_of += [build("damaged", str(kept)), build("without", "off")]
    assert len(set(bytes_of)) == 1
