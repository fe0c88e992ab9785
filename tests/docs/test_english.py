"""Plain English where a user looks: a list of words that must not be there, in strings, help texts and pages.

Looked at are all string literals of the package but docstrings of code that users never see, the help texts
of all commands, the templates of the report, and the pages of the documentation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pages import ROOT, list_pages

from nastdata.cli import cli

WORDS = {
    r"\bfilms?\b": "image, radiograph",
    r"\btold\b(?! apart)": "reported, shown, said",
    r"\btells\b": "shows, says",
    r"\bmend(?:s|ed|ing)?\b": "fix, correct",
    r"\bstands? (?:in(?! for)|beside|behind|here|there|for nothing)\b": "is in, is beside",
    r"\bstood\b": "was",
    r"\bhangs? on\b": "depends on",
    r"\bparted by\b": "separated by",
    r"\bhearsay\b": "report",
    r"\blicensed words?\b": "known word",
    r"\bclosed famil(?:y|ies)\b": "group in which each claim is true once",
    r"\bfor want of\b": "for lack of",
    r"\bit is not said\b": "is not named, is not stated",
    r"\bis no (?:number|list|label|name|answer|model name|question|reviewer)\b": "is not a ...",
    r"\bare no (?:numbers|hashes|pairs)\b": "are not ...",
    r"\banew\b": "again",
    r"\b1 (?:studies|questions|rows|mistakes|items|images|patients|files|facts|texts)\b": "1 study ...",
}
"""What must not be there -> what to write instead."""
PACKAGE = ROOT / "nastdata"
NOT_SHOWN = ("reading/registers", "writing/grammar", "ontologies", "sources/maps")
"""Folders of language data: their words are those of reports."""


KEPT = ("no patient stands behind any row",)
"""Terms of sources: folders that are built already hold them word for word."""


def find_words(text: str) -> list[str]:
    """The bad words of a text, with what to write instead."""
    for phrase in KEPT:
        text = text.replace(phrase, "")
    return [f"'{m[0]}': {better}" for p, better in WORDS.items() for m in re.finditer(p, text, re.I)]


def list_strings(path: Path) -> Iterator[tuple[int, str]]:
    """String literals of a module; docstrings only of commands, whose help they are."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for statement in body:
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    is_help = isinstance(node, ast.FunctionDef) and any(
                        "command" in ast.unparse(d) or "group" in ast.unparse(d) for d in node.decorator_list
                    )
                    if not is_help:
                        hidden.add(id(statement.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            yield node.lineno, node.value


def test_the_list_finds_what_it_should() -> None:
    assert find_words("The film was told.") and find_words("1 studies") and find_words("it stands in the row")
    assert not find_words("1 study; 21 studies; the standard; the filmy veil; texts can be told apart")


@pytest.mark.parametrize("part", sorted({p.relative_to(PACKAGE).parts[0] for p in PACKAGE.rglob("*.py")}))
def test_strings_of_the_package(part: str) -> None:
    found = []
    place = PACKAGE / part
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(NOT_SHOWN):
            continue
        for line, text in list_strings(path):
            if " " in text.strip():
                found += [f"{name}:{line}: {said}" for said in find_words(text)]
    assert not found, "\n".join(found)


def list_options(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Every option of a command and of those below it, with its help text."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None
            yield from list_options(below, f"{name} {word}")
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            yield f"{name} {option.opts[-1]}", option.help or ""


def test_every_option_says_in_a_sentence_what_it_does() -> None:
    options = dict(list_options(cli, "nastdata"))
    bare = [o for o, said in options.items() if not re.search(r"\w{3}.*[.)\]]$", said, re.S)]
    assert len(options) > 150 and not bare, bare


def test_templates_and_schemas() -> None:
    files = [*PACKAGE.rglob("*.j2"), *PACKAGE.rglob("*.js"), *(ROOT / "recipes").glob("*.yaml")]
    found = [
        f"{p.relative_to(ROOT)}: {said}" for p in files for said in find_words(p.read_text(encoding="utf-8"))
    ]
    assert len(files) > 8 and not found, "\n".join(found)


PAGES = [p for p in list_pages() if p.name not in ("style.md", "CHANGELOG.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`|^    .*$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    found = (
        [
            f"line {i}: {said}"
            for i, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
            for said in find_words(line)
            if line.strip()
        ]
        if find_words(text)
        else []
    )
    assert not found, "\n".join(found)
