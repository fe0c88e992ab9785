"""Finished stages: taken up if they are whole and made from the same, never otherwise."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.errors import UserError
from nastdata.pipeline import build
from nastdata.progress import Progress
from nastdata.recipe import load_recipe
from nastdata.sources.base import InputFile, Loaded
from nastdata.stages import folder as folders
from nastdata.stages import keys
from nastdata.stages.entries import DamagedEntryError, Kept, OtherKeyError, read_entry, write_entry
from nastdata.stages.folder import MARK, Stages, name_folder, open_stages
from nastdata.stages.inputs import describe_paths, hash_listing
from nastdata.stages.lock import hold_lock
from nastdata.stages.results import is_current, pack_loaded, unpack_loaded

FRAME = pl.DataFrame(
    {"a": ["x", None], "b": [[{"c": "1", "d": None}], []], "n": pl.Series([1, 2], dtype=pl.UInt8)}
)
KEPT = Kept({"frame": FRAME}, {"z": 1, "a": [1.5, None, "é"]})


def hash_tree(folder: Path) -> dict[str, str]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    write_entry(tmp_path, "words x/y", "key", KEPT)
    back = read_entry(tmp_path, "words x/y", "key")
    assert back is not None and back.frames["frame"].equals(FRAME)
    assert back.frames["frame"].schema == FRAME.schema and list(back.data) == ["z", "a"]
    assert back.data == KEPT.data and read_entry(tmp_path, "other", "key") is None
    with pytest.raises(OtherKeyError):
        read_entry(tmp_path, "words x/y", "another key")


@pytest.mark.parametrize("file", ["words.json", "words.frame.arrow"])
def test_any_changed_byte_is_noticed(tmp_path: Path, file: str) -> None:
    write_entry(tmp_path, "words", "key", KEPT)
    content = (tmp_path / file).read_bytes()
    for at in range(0, len(content), max(1, len(content) // 40)):
        changed = bytearray(content)
        changed[at] ^= 0x55
        (tmp_path / file).write_bytes(changed)
        with pytest.raises(DamagedEntryError):
            read_entry(tmp_path, "words", "key")
    for cut in (0, len(content) // 2):
        (tmp_path / file).write_bytes(content[:cut])
        with pytest.raises(DamagedEntryError):
            read_entry(tmp_path, "words", "key")
    (tmp_path / file).unlink()
    if file.endswith("arrow"):
        with pytest.raises(DamagedEntryError):
            read_entry(tmp_path, "words", "key")


def test_a_damaged_or_foreign_stage_is_said_and_made_anew(tmp_path: Path) -> None:
    said: list[str] = []
    stages = Stages(tmp_path, said.append)

    def run(key: str) -> Kept:
        return stages.run("design", key, lambda: KEPT, lambda k: k, lambda k: k)

    run("one")
    run("one")
    assert stages.taken == ["design"] and not said
    run("two")
    assert "other input" in said[-1] and stages.taken == ["design"]
    next(tmp_path.glob("*.arrow")).write_bytes(b"no")
    run("two")
    assert "damaged" in said[-1] and stages.taken == ["design"]


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    out, said = tmp_path / "out", list[str]()
    place = name_folder(out)
    place.mkdir()
    (place / "thesis.tex").write_text("x")
    with open_stages(out, said.append) as stages:
        assert stages.folder is None
    assert [p.name for p in place.iterdir()] == ["thesis.tex"] and "left alone" in said[0]
    (place / "thesis.tex").unlink()
    place.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / MARK).touch()
    place.symlink_to(elsewhere)
    with open_stages(out, said.append, fresh=True) as stages:
        assert stages.folder is None
    assert (elsewhere / MARK).exists(), "a link is not followed"


def test_a_folder_that_vanishes_ends_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    with open_stages(tmp_path / "out", said.append) as stages:
        assert stages.folder is not None
        (stages.folder / MARK).unlink()
        stages.folder.rmdir()
        assert stages.run("design", "k", lambda: KEPT, lambda k: k, lambda k: k) is KEPT
        assert "can't be kept" in said[0] and stages.find("design", "k") is None


@pytest.mark.parametrize(
    ("error", "seconds", "stays"),
    [
        (KeyboardInterrupt(), 0.0, True),
        (MemoryError(), 0.0, True),
        (UserError("no such column"), 0.1, False),
        (UserError("the server does not answer"), 60.0, True),
    ],
)
def test_what_stays_after_a_failure(
    tmp_path: Path, error: BaseException, seconds: float, stays: bool
) -> None:
    out = tmp_path / "out"
    with pytest.raises(type(error)), open_stages(out, lambda text: None) as stages:
        stages.keep("design", "k", KEPT, seconds)
        raise error
    assert name_folder(out).exists() is stays
    with open_stages(out, lambda text: None) as stages:
        assert (stages.find("design", "k") is not None) is stays
    assert not name_folder(out).exists(), "a build that ends leaves nothing"


def test_the_second_build_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    hold = (
        "import sys; from pathlib import Path; from nastdata.stages.lock import hold_lock\n"
        "with hold_lock(Path(sys.argv[1]), print): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=rf"another build .*process {process.pid}"):
            hold_lock(out, print).__enter__()
        process.kill()
        process.wait()
        with hold_lock(out, print):
            pass  # what a killed build leaves of its lock is free
    assert list(out.parent.iterdir()) == []
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    with hold_lock(tmp_path / "link", print), pytest.raises(UserError, match="another build"):
        hold_lock(out, print).__enter__()
    with hold_lock(tmp_path / "a" / "b" / "out", print):
        assert (tmp_path / "a" / "b" / ".out.lock").exists()
    assert not (tmp_path / "a").exists(), "folders made for a lock alone are gone"


def test_a_listing_changes_with_every_file_but_images(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    before = hash_listing(describe_paths([tmp_path, tmp_path / "gone.csv"]))
    (tmp_path / "p10.png").write_text("1")
    assert hash_listing(describe_paths([tmp_path, tmp_path / "gone.csv"])) == before
    (tmp_path / "a.csv").write_text("12")
    changed = hash_listing(describe_paths([tmp_path, tmp_path / "gone.csv"]))
    os.utime(tmp_path / "a.csv", ns=(1, 1))  # a clock that was set back
    assert len({before, changed, hash_listing(describe_paths([tmp_path, tmp_path / "gone.csv"]))}) == 3


def test_all_that_a_source_yields_comes_back(tmp_path: Path) -> None:
    """A new field of ``Loaded`` is kept too, whatever it is called."""
    (tmp_path / "in.csv").write_text("1")
    values: dict[str, Any] = {}
    for field in fields(Loaded):
        kind = str(field.type)
        values[field.name] = (
            (InputFile.of(tmp_path / "in.csv"),) if "InputFile" in kind
            else FRAME if "DataFrame" in kind
            else ("a", "b") if "tuple" in kind
            else {"a": 1, "b": {"c": 2}} if "dict" in kind
            else 7
        )  # fmt: skip
    write_entry(tmp_path, "source x", "k", pack_loaded(Loaded(**values)))
    kept = read_entry(tmp_path, "source x", "k")
    assert kept is not None and is_current(kept)
    back = unpack_loaded(kept)
    for name, value in values.items():
        same = getattr(back, name)
        assert same.equals(value) if isinstance(value, pl.DataFrame) else same == value, name
    (tmp_path / "in.csv").write_text("2")
    assert not is_current(kept), "the file has another content now"


class StopHere(BaseException):
    """Stands for a kill: nothing in the program may catch it."""


def make_recipe(**settings: Any) -> Any:
    small = {"phantom_patients": "150", "limit": "60", "audit.enabled": "false", **settings}
    return load_recipe("contextual", list(small.items()))


def test_a_build_stopped_after_any_stage_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    build(make_recipe(), whole, Progress(quiet=True))
    wanted = hash_tree(whole)
    kept = Stages.keep
    left = 0

    def stop(self: Stages, name: str, *args: Any) -> None:
        nonlocal left
        kept(self, name, *args)
        left -= 1
        if left == 0:
            raise StopHere

    monkeypatch.setattr(Stages, "keep", stop)
    taken = []
    for count in (1, 2, 3, 2):  # two stages more in each run but the first and the last
        left = count
        with pytest.raises(StopHere):
            build(make_recipe(), out, Progress(quiet=True))
        taken.append(len(list(name_folder(out).glob("*.json"))))
        assert not out.exists()
    left = -1
    build(make_recipe(), out, Progress())
    assert capsys.readouterr().err.count("kept from the interrupted build") >= 3
    assert hash_tree(out) == wanted and taken == sorted(taken)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "whole"], "nothing is left beside it"


def test_nothing_is_taken_up_from_another_recipe_or_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", make_recipe(seed="1")

    def stop(*args: Any, **kwargs: Any) -> None:
        raise StopHere

    def interrupt() -> None:
        with monkeypatch.context() as patch, pytest.raises(StopHere):
            patch.setattr("nastdata.dataset.folder.write_dataset", stop)
            build(make_recipe(), out, Progress(quiet=True))

    interrupt()
    build(other, out, Progress())
    said = capsys.readouterr().err
    assert "other input" in said and "kept from" not in said
    whole = tmp_path / "whole"
    build(other, whole, Progress(quiet=True))
    assert hash_tree(out) == hash_tree(whole)
    interrupt()
    monkeypatch.setattr(keys, "hash_code", lambda: "edited")
    build(make_recipe(), out, Progress())
    assert "kept from" not in capsys.readouterr().err
    interrupt()
    build(make_recipe(), out, Progress(), fresh=True)
    said = capsys.readouterr().err
    assert "kept from" not in said and "other input" not in said


def test_waiting_is_measured_without_the_clock() -> None:
    """A clock that is set back must not change what is kept."""
    assert "time.time(" not in Path(folders.__file__).read_text(encoding="utf-8")
