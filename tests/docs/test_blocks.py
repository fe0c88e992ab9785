"""Every command in the docs exists with its options; every block that can be run is run, page by page."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import click
import pytest
from pages import ROOT, Block, Reader, list_blocks, list_pages

import nastdata
from nastdata.cli import COMMANDS, cli
from nastdata.errors import UserError

PAGES = list_pages()
COMMAND = re.compile(r"(?:^|[`(]|\| )\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(nastdata [a-z][^\n`]*)", re.M)
GUIDES = [p for p in PAGES if p.parent.name in ("howto", "reference") or p.name == "tutorial.md"]
SMALL = "--limit 40 --set phantom_patients=400 --set audit.enabled=false"
"""What the fast mode adds to a build of made-up patients."""


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
    """Run a page's blocks in order, in one folder, as a reader would who has no extra ``quality``."""
    reader = Reader(folder, small)
    for block in (b for b in list_blocks(page) if b.why_not is None):
        try:
            reader.run(block)
        except UserError as e:
            pytest.fail(f"{page.name}:\n{block.text}\n{e}")


def runnable(page: Path) -> bool:
    return any(b.why_not is None for b in list_blocks(page))


HEAVY = ("evaluate-clip", "evaluate")
"""Pages that take longer: run with ``-m slow``."""


def mark(pages: list[Path]) -> list[object]:
    """The pages with something to run, as parameters."""
    return [
        pytest.param(
            p,
            marks=[pytest.mark.slow] if p.stem in HEAVY else [],
            id=str(p.relative_to(ROOT)).removesuffix(".md"),
        )
        for p in pages
        if runnable(p)
    ]


def needs_models(page: Path) -> bool:
    run = "\n".join(b.text for b in list_blocks(page) if b.why_not is None)
    return any(word in run for word in ("evaluate", "open_clip", "build probes"))


@pytest.mark.parametrize("page", mark(GUIDES))
def test_a_guide_works_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder. The fast mode: builds of made-up patients are small."""
    if needs_models(page):
        pytest.importorskip("open_clip")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    run_page(page, tmp_path, SMALL)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No block touches the answer cache, or anything else, of whoever runs the tests."""
    (tmp_path / ".home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / ".home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".home"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for granted: small datasets, a table of labels, captions of a model."""
    folder = tmp_path_factory.mktemp("prepared")
    reader = Reader(folder, "")
    few = "--set audit.enabled=false --set phantom_patients="
    for line in (
        f"nastdata build mednega --limit 80 {few}400 --out mednega",
        f"nastdata build contextual --limit 60 {few}200 --out contextual",
        f"nastdata build protocols --limit 40 {few}100 --out protocols",
        "nastdata examples copy labels.csv",
        "nastdata examples copy captions.csv",
    ):
        reader.run(Block(folder, "bash", line, None))
    shutil.rmtree(folder / ".bin")
    return folder


@pytest.mark.parametrize("page", mark([p for p in PAGES if p not in GUIDES]))
def test_the_blocks_of_a_page_work(
    page: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside datasets ``mednega``, ``contextual`` and ``protocols``, ``labels.csv``, ``captions.csv``."""
    if needs_models(page):
        pytest.importorskip("open_clip")
    folder = tmp_path / "here"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    run_page(page, folder, SMALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_are_in_fences(page: Path) -> None:
    """Indented lines are not run, so commands are not written like that."""
    if page.name == "benchmarks.md":
        pytest.skip("written by `make bench`")
    text = re.sub(r"^[ ]*```.*?^[ ]*```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    left = re.findall(r"^ {4,}(?:\$ )?(?:nastdata [a-z]+ |>>>|python |pip |make )[^\n]*", text, flags=re.M)
    assert not left, "\n".join(left)


def test_the_runner_sees_what_is_wrong(tmp_path: Path) -> None:
    reader = Reader(tmp_path, SMALL)
    for kind, text in (
        ("bash", "nastdata recipes show nothing\n"),
        ("bash", "echo x | nastdata nothing\n"),
        ("console", "$ nastdata --version\nnastdata, version 0.0.0\n"),
        ("pycon", ">>> 1 + 1\n3\n"),
        ("python", "assert False\n"),
    ):
        with pytest.raises(AssertionError):
            reader.run(Block(tmp_path, kind, text, None))
    reader.run(Block(tmp_path, "bash", "nastdata recipes show nothing  # there is none\n", None, 2))
    reader.run(Block(tmp_path, "console", "$ nastdata --version\nnastdata...\n", None))
    with pytest.raises(AssertionError):
        reader.run(Block(tmp_path, "bash", "nastdata recipes show mednega\n", None, 1))


@pytest.mark.slow
def test_the_tutorial_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(ROOT / "docs" / "tutorial.md", tmp_path, "")
    assert (tmp_path / "mednega" / "report.html").is_file()
