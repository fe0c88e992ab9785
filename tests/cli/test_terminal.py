"""How the command line speaks: first hour, quiet and verbose, colour, bars, log, completion, suggestions."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nastdata.cli import COMMANDS, FIRST_HOUR
from nastdata.extras import EXTRAS, list_missing, need_extra
from nastdata.progress import Event, Progress
from nastdata.report.fitness import summarise

SMALL = ("--limit", "24", "--set", "phantom_patients=240", "--set", "audit.enabled=false")


def test_alone_it_shows_five_commands_that_are_there(run: Any) -> None:
    done = run()
    assert done.returncode == 0 and done.stderr == ""
    shown = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  nastdata ")]
    assert shown == [line.split()[1] for line, _ in FIRST_HOUR] and len(shown) == 5
    assert set(shown) <= set(COMMANDS)


def test_every_command_is_quiet_or_verbose_if_asked(run: Any) -> None:
    for name in ("build", "validate", "sources", "trace", "parse"):
        text = run(name, "--help").stdout
        assert "--quiet" in text and "--verbose" in text, name
    assert "--quiet" in run("sources", "check", "--help").stdout


def test_quiet_keeps_results_and_warnings(run: Any, tmp_path: Path) -> None:
    usual = run("build", "mednega", *SMALL, "--out", "a", cwd=tmp_path)
    quiet = run("build", "mednega", *SMALL, "--out", "a", "--quiet", cwd=tmp_path)
    verbose = run("build", "mednega", *SMALL, "--out", "a", "--verbose", cwd=tmp_path)
    assert usual.returncode == quiet.returncode == verbose.returncode == 0
    assert usual.stdout == quiet.stdout == verbose.stdout
    assert "design" in usual.stderr and "design" not in quiet.stderr
    assert re.search(r"\d s  design +\.\.\.", verbose.stderr)
    warned = [line for line in usual.stderr.splitlines() if line.startswith("warning:")]
    assert quiet.stderr.splitlines() == warned


def test_a_build_ends_with_a_verdict_and_leaves_a_log(run: Any, tmp_path: Path) -> None:
    done = run("build", "mednega", *SMALL, "--out", "deep/a", cwd=tmp_path)
    *_, verdict, limits = done.stdout.splitlines()
    assert verdict.startswith("not fit to test a model: the test split has") and limits.startswith("limits: ")
    log = (tmp_path / "deep" / "a.log").read_text()
    for part in ("build mednega --limit 24", "design", "words", verdict, "done"):
        assert part in log
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in log.splitlines())


def test_wrong_use_leaves_no_log(run: Any, tmp_path: Path) -> None:
    done = run("build", "mednega", "--source", "chexpert", "--data", "nowhere", "--out", "a", cwd=tmp_path)
    assert done.returncode == 2 and list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "x.log").mkdir()
    with Progress().log_to(tmp_path / "x.log"):
        pass
    assert "warning: no log file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("buidl",), "did you mean 'build'"),
        (("build", "mednga"), "did you mean 'mednega'"),
        (("build", "mednega", "--sorce", "x"), "--source"),
        (("build", "mednega", "--source", "chexprt"), "did you mean 'chexpert'"),
        (("build", "mednega", "--set", "writter.model=x"), "did you mean 'writer'"),
        (("build", "mednega", "--set", "images=embd"), "did you mean 'embed'"),
        (("build", "mednega", "--engine", "rray"), "did you mean 'ray'"),
        (("build", "mednega", "--realizer", "tempalte"), "did you mean 'template'"),
        (("sources", "nwe", "x"), "new"),
        (("recipes", "show", "contextul"), "did you mean 'contextual'"),
        (("prompts", "pneumothrax"), "did you mean 'Pneumothorax'"),
        (("validate", "x", "--engine", "loca"), "did you mean 'local'"),
        (("completion", "bsh"), "did you mean 'bash'"),
        (("examples", "copy", "lables.csv"), "did you mean 'labels.csv'"),
        (("ontology", "show", "chest_xry"), "did you mean 'chest_xray'"),
    ],
)
def test_mistyped_names_get_the_nearest(run: Any, words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) <= 2, done.stderr
    assert list(tmp_path.iterdir()) == []


def complete(words: str) -> list[str]:
    env = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    env["_NASTDATA_COMPLETE"] = "bash_complete"
    command = [sys.executable, "-c", "from nastdata.cli import main; main()"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_the_shell_completes_names(run: Any) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run("completion", shell)
        assert done.returncode == 0 and "_NASTDATA_COMPLETE" in done.stdout
    assert complete("nastdata va") == ["validate"]
    assert complete("nastdata build con") == ["contextual"]
    assert "chexpert,nih" in complete("nastdata build --source chexpert,ni")
    assert "negbench" in complete("nastdata export --format ne")
    assert "--engine" in complete("nastdata build --en")


def on_terminal(*words: str, env: dict[str, str] | None = None) -> str:
    """Run a command whose stdout and stderr are a terminal."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "nastdata", *words]
    done = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env={**os.environ, **(env or {})}
    )
    os.close(follower)
    out = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(leader)
    done.wait(timeout=60)
    return out.decode(errors="replace")


def test_colour_on_terminals_only(run: Any) -> None:
    assert "\x1b[" not in run().stdout
    assert "\x1b[" in on_terminal(env={"TERM": "xterm-256color", "NO_COLOR": ""})
    assert "\x1b[" not in on_terminal(env={"TERM": "xterm-256color", "NO_COLOR": "1"})


def test_bars_show_rate_and_time_left() -> None:
    script = (
        "import time\nfrom nastdata.progress import Progress\n"
        "with Progress().stage('design') as stage:\n"
        "    for i in range(1, 31):\n        stage.count(i, 60)\n        time.sleep(0.05)\n"
    )
    leader, follower = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    subprocess.run([sys.executable, "-c", script], stdout=follower, stderr=follower, env=env, check=True)
    os.close(follower)
    time.sleep(0.1)
    out = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(leader, 1_000_000).decode(errors="replace"))
    os.close(leader)
    assert re.search(r"\d+ of 60", out)
    assert re.search(r"\d+/s, \d+ s left", out), out[-500:]


def test_events_reach_a_callback_in_order() -> None:
    seen: list[Event] = []
    with Progress(quiet=True, callback=seen.append).stage("words") as stage:
        stage.count(1, 2)
        stage.count(2, 2)
        stage.tell("2 texts")
    assert [(e.done, e.finished) for e in seen] == [(None, False), (1, False), (2, False), (None, True)]
    assert seen[-1].message == "2 texts"


def test_extras_are_those_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = set(project["optional-dependencies"]) - {"dev", "docs", "all"}
    assert declared == set(EXTRAS)
    inside = re.search(r"\[(.*)\]", project["optional-dependencies"]["all"][0])
    assert inside and set(inside[1].split(",")) == declared - {"llamacpp"}
    monkeypatch.setattr("nastdata.extras.find_spec", lambda name: None)
    for extra in EXTRAS:
        assert list_missing(extra)
        with pytest.raises(Exception, match=r"pip install 'nastdata\[" + extra):
            need_extra(extra, "this")


def test_the_verdict_in_two_lines() -> None:
    source = [{"name": "chexpert"}]
    solver = {"config": "mednega", "accuracy": 0.251, "chance": 0.25, "above_chance": False}
    good = {"sources": source, "audit": {"solvers": [solver], "verdict": {"passed": True, "warnings": []}}}
    first, second = summarise(good, {"mednega": {"train": 800, "test": 400}})
    assert first.startswith("fit to test a model: ") and "about 5 points" in first and "25.1%" in first
    assert second == "limits: the build found none"
    first, second = summarise({**good, "audit": None}, {"mednega": {"test": 400}})
    assert first.startswith("fit") and "audit was off" in second
    failures = ["mednega (all): without the image, 'structure' gets 83.0%"]
    bad = {"sources": source, "audit": {"solvers": [], "verdict": {"passed": False, "failures": failures}}}
    first, _ = summarise(bad, {"mednega": {"test": 400}})
    assert first.startswith("not fit to test a model: mednega (all)")
    first, _ = summarise(good, {"mednega": {"train": 5, "test": 1}})
    assert "1 question (" in first
    first, _ = summarise(good, {"probes": {"train": 400}})
    assert first.startswith("fit to trace a model")
    _, second = summarise({"sources": [{"name": "phantom"}]}, {"mednega": {"test": 400}})
    assert "made up" in second
