"""Every command in the docs exists with its options; every block that can be run is run, page by page."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from pages import ROOT, Block, list_blocks, list_pages

import nastdata
from nastdata.cli import COMMANDS, cli
from nastdata.errors import UserError

PAGES = list_pages()
COMMAND = re.compile(r"(?:^|[`(]|\| )\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(nastdata [a-z][^\n`]*)", re.M)
GUIDES = [p for p in PAGES if p.parent.name in ("howto", "reference") or p.name == "tutorial.md"]
SMALL = "--limit 40 --set phantom_patients=400 --set audit.enabled=false"
"""What the fast mode adds to a build of made-up patients."""
SHIM = """#!/bin/bash
case "$1 $2" in
  "build mednega"|"build contextual"|"preview mednega")
    [[ "$*" == *--source* ]] || exec {python} -m nastdata "$@" {small} ;;
esac
exec {python} -m nastdata "$@"
"""


def list_commands(page: Path) -> list[str]:
    """Every command line of a page, whatever it stands in; prose behind two blanks is cut off."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [m[1] for m in COMMAND.finditer(text)]
    return [re.split(r"\s{2,}|\s#|\s\|\s|\s>|;|&&|\|\|", line)[0].strip() for line in found]


def check_names(line: str) -> str | None:
    """Return what is wrong with a command's name or options, or None."""
    words = re.sub(r"[\[\]]", " ", line).replace("...", " ").replace("'", " ").replace('"', " ").split()[1:]
    if not words or words[0] not in COMMANDS:
        return None if not words or not re.fullmatch(r"[a-z]+", words[0]) else f"no command {words[0]}"
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    rest = words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    given = [w.split("=")[0].rstrip(".,:)") for w in rest if re.match(r"--?[a-z]", w)]
    wrong = [g for g in given if g not in known]
    return f"{line}: no {wrong}" if wrong else None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        pytest.skip("history")
    wrong = [said for line in list_commands(page) if (said := check_names(line))]
    assert not wrong, "\n".join(wrong)


def test_the_check_sees_what_is_wrong() -> None:
    assert check_names("nastdata build mednega --sorce x")
    assert check_names("nastdata biuld mednega")
    assert check_names("nastdata sources new x --out y") is None
    assert check_names("nastdata export DIR --format F [--image-root [SOURCE=]FOLDER] --out O") is None
    lines = [line for p in PAGES for line in list_commands(p)]
    assert len(lines) > 200


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks_are_python_with_names_that_exist(page: Path) -> None:
    for block in list_blocks(page):
        if block.kind == "python":
            compile(block.text, str(page), "exec")
            for name in re.findall(r"\bnastdata\.(\w+)\(", block.text):
                assert hasattr(nastdata, name), f"{page.name}: nastdata.{name}"


def test_blocks_are_run_or_say_why_not() -> None:
    blocks = [b for page in GUIDES for b in list_blocks(page)]
    left = [b for b in blocks if b.why_not]
    assert len(blocks) > 30 and len(left) < len(blocks) / 2
    assert all(len(b.why_not or "") > 5 for b in left)


def run_page(page: Path, folder: Path, small: str) -> None:
    """Run a page's blocks in order, in an empty folder, as a reader would."""
    tools = folder / ".bin"
    tools.mkdir()
    shim = tools / "nastdata"
    shim.write_text(SHIM.format(python=shlex.quote(sys.executable), small=small))
    shim.chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    names: dict[str, object] = {"__name__": "page"}
    for block in (b for b in list_blocks(page) if b.why_not is None):
        if block.kind == "python":
            run_python(block, names)
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text],
                cwd=folder,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{page.name}:\n{block.text}\n{done.stdout}{done.stderr}"


def run_python(block: Block, names: dict[str, object]) -> None:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block.text, str(block.page), "exec"), names)
    except UserError as e:
        pytest.fail(f"{block.page.name}:\n{block.text}\n{e}")


def runnable(page: Path) -> bool:
    return any(b.why_not is None for b in list_blocks(page))


HEAVY = ("evaluate-clip", "evaluate-generative", "publish", "review")
"""Guides that take longer: run with ``-m slow``."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=[pytest.mark.slow] if p.stem in HEAVY else [], id=p.stem)
        for p in GUIDES
        if runnable(p)
    ],
)
def test_a_guide_works_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast mode: builds of made-up patients are small."""
    if any("evaluate" in b.text or "open_clip" in b.text for b in list_blocks(page) if b.kind == "python"):
        pytest.importorskip("open_clip")
    monkeypatch.chdir(tmp_path)
    run_page(page, tmp_path, SMALL)


@pytest.mark.slow
def test_the_tutorial_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(ROOT / "docs" / "tutorial.md", tmp_path, "")
    assert (tmp_path / "mednega" / "report.html").is_file()
