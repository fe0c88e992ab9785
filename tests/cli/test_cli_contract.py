"""The command line's contract: help is fast, errors are plain, every command is documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nastdata.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
HEAVY = (
    "polars",
    "torch",
    "datasets",
    "sklearn",
    "pydantic",
    "numpy",
    "yaml",
    "great_expectations",
    "openai",
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys\nfrom nastdata.cli import main\n"
        f"try:\n    main({[command, '--help'] if command else ['--help']!r})\n"
        "except SystemExit as e:\n    assert not e.code\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("HEAVY []"), done.stdout[-200:]


def test_every_command_is_in_the_readme_or_docs() -> None:
    text = (ROOT / "README.md").read_text() + "".join(p.read_text() for p in (ROOT / "docs").glob("*.md"))
    for command in COMMANDS:
        assert f"nastdata {command}" in text, command


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["build"], "no RECIPE given"),
        (["build", "mednegga"], "did you mean 'mednega'"),
        (["build", "mednega", "--seed", "one"], "seed"),
        (["build", "mednega", "--source", "chexprt"], "did you mean 'chexpert'"),
        (["build", "mednega", "--set", "desin=paper"], "did you mean 'design'"),
        (["build", "mednega", "--set", "design"], "KEY.PATH=VALUE"),
        (["build", "mednega", "--source", "chexpert", "--data", "/nowhere/x.csv"], "/nowhere/x.csv"),
        (["build", "mednega", "--data", "x.csv"], "--source"),
        (["build", "mednega", "--limit", "0"], "limit"),
        (["zzz"], "no command 'zzz'\nknown: build, preview"),
        (["buidl"], "no command 'buidl'\ndid you mean 'build'?"),
        (["Validate", "x"], "did you mean 'validate'?"),
        (["recipes", "show", "nope"], "no such recipe"),
        (["report", "/nowhere"], "/nowhere"),
        (["audit", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_use_is_told_plainly(run: object, tmp_path: Path, args: list[str], said: str) -> None:
    done = run(*args, cwd=tmp_path)  # type: ignore[operator]
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_recipes_list_show_copy(run: object, tmp_path: Path) -> None:
    listed = run("recipes")  # type: ignore[operator]
    assert listed.returncode == 0 and "mednega" in listed.stdout
    assert "recipe: mednega" in run("recipes", "show", "mednega").stdout  # type: ignore[operator]
    copy = tmp_path / "mine.yaml"
    assert run("recipes", "copy", "mednega", str(copy)).returncode == 0  # type: ignore[operator]
    again = run("recipes", "copy", "mednega", str(copy))  # type: ignore[operator]
    assert again.returncode == 2 and "exists already" in again.stderr


def test_doctor_names_what_is_missing_and_the_remedy(run: object) -> None:
    done = run("doctor")  # type: ignore[operator]
    assert done.returncode == 0
    assert "13 conditions" in done.stdout and "not reviewed" in done.stdout


def test_examples_in_help_stand_on_lines_of_their_own() -> None:
    import click

    from nastdata.cli import cli

    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        told = command.get_help(click.Context(command, info_name=name))
        assert "\\b" not in told, name
        examples = [line for line in told.splitlines()[1:] if line.strip().startswith("nastdata ")]
        assert all(line.count("nastdata ") == 1 for line in examples), name
    build = cli.get_command(context, "build")
    assert build is not None and "\n  nastdata build mednega\n" in build.get_help(context)


def test_a_cache_that_is_not_there_yet_is_no_error(run: object, tmp_path: Path) -> None:
    place = tmp_path / "answers.sqlite"
    for command in ("list", "show"):
        done = run("cache", command, "--cache", str(place))  # type: ignore[operator]
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"no answers are kept yet ({place})\n")
    assert run("cache", "list", "--json", "--cache", str(place)).stdout == "[]\n"  # type: ignore[operator]
    done = run("cache", "clear", "--yes", "--cache", str(place))  # type: ignore[operator]
    assert done.returncode == 2 and "no answers are kept yet" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error", [MemoryError(), SystemError("error return without exception set")], ids=["told", "forgotten"]
)
def test_want_of_memory_is_said(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("nastdata.cli.cli.main", fail)
    with pytest.raises(SystemExit) as end:
        main(["sources"])
    assert end.value.code == 2
    assert "out of memory" in capsys.readouterr().err
    monkeypatch.setattr("nastdata.cli.cli.main", lambda **_: (_ for _ in ()).throw(SystemError("other")))
    with pytest.raises(SystemError, match="other"):
        main(["sources"])
