"""Pages of the documentation, and their blocks of commands and code."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = "<!-- made from the code"
FENCE = re.compile(
    r"(?:^[ ]*<!-- no-run: (?P<why>[^\n]+?) -->\n)?(?:^[ ]*<!-- exit: (?P<exit>\d) -->\n)?"
    r"^(?P<indent>[ ]*)```(?P<kind>bash|python|console|pycon)\n(?P<text>.*?)^[ ]*```$",
    re.S | re.M,
)
SIMPLE = re.compile(r"nastdata [^|<>&;$`(]*")
"""A command line that needs no shell."""
BUILDS = ("mednega", "contextual", "protocols", "probes", "opposition")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    kind: str
    text: str
    why_not: str | None
    """Why it can't be run by a test."""
    code: int = 0
    """The exit code of its last command."""


def list_pages() -> list[Path]:
    """Every page that people write."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    return sorted(p for p in pages if not p.read_text(encoding="utf-8").startswith(MADE))


def list_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for m in FENCE.finditer(page.read_text(encoding="utf-8")):
        text = re.sub(rf"^{m['indent']}", "", m["text"], flags=re.M)
        found.append(Block(page, m["kind"], text, m["why"], int(m["exit"] or 0)))
    return found


def list_lines(text: str) -> list[str]:
    """The command lines of a block of commands: no comments, continued lines joined."""
    lines = text.replace("\\\n", " ").splitlines()
    return [re.split(r"\s+#\s", line)[0].strip() for line in lines if line.strip() and line[0] != "#"]


@dataclass
class Reader:
    """Runs blocks in order, in one folder, as a reader would."""

    folder: Path
    small: str
    """What is added to a build of made-up patients."""

    def __post_init__(self) -> None:
        tools = self.folder / ".bin"
        tools.mkdir()
        shim = tools / "nastdata"
        shim.write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} -m nastdata "$@"\n')
        shim.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        self.names: dict[str, object] = {"__name__": "page"}

    def run(self, block: Block) -> None:
        """Run a block; a failure is an AssertionError with what was printed."""
        if block.kind == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, str(block.page), "exec"), self.names)
        elif block.kind == "pycon":
            self._run_session(block)
        elif block.kind == "console":
            self._compare(block)
        else:
            lines = list_lines(block.text)
            for line in lines if all(SIMPLE.fullmatch(x) for x in lines) else [block.text]:
                self._expect(line, block.code if line in (lines[-1], block.text) else 0, block)

    def _run_session(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, {}, block.page.name, str(block.page), 0)
        said = io.StringIO()
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=said.write)
        assert runner.failures == 0, said.getvalue()

    def _compare(self, block: Block) -> None:
        """``$ command`` lines, each followed by what it prints; ``...`` is anything."""
        parts = re.split(r"^\$ ", block.text.replace("\\\n", " "), flags=re.M)[1:]
        for i, part in enumerate(parts):
            command, _, wanted = part.partition("\n")
            code = block.code if i == len(parts) - 1 else 0
            out, err = self._expect(re.split(r"\s+#\s", command)[0], code, block)
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            same = any(doctest.OutputChecker().check_output(wanted, x, flags) for x in (out, out + err))
            assert same or not wanted.strip(), (
                f"{block.page.name}: {command}\n{out}{err}\ninstead of\n{wanted}"
            )

    def _expect(self, line: str, code: int, block: Block) -> tuple[str, str]:
        line = "\n".join(self._shrink(x) for x in line.splitlines())
        simple = SIMPLE.fullmatch(line)
        got, out, err = self._call(shlex.split(line)[1:]) if simple else self._shell(line)
        assert got == code, f"{block.page.name}: exit code {got}\n{line}\n{out}{err}"
        return out, err

    def _shrink(self, line: str) -> str:
        words = line.split()
        is_build = words[:1] == ["nastdata"] and words[1:2] in (["build"], ["preview"])
        if is_build and words[2:3] and words[2] in BUILDS and "--source" not in words:
            head = " ".join(words[:3])
            return f"{head} {self.small} {line[line.index(words[2]) + len(words[2]) :]}"
        return line

    def _call(self, args: list[str]) -> tuple[int, str, str]:
        """Run a command in this process, which saves its imports."""
        from nastdata.cli import main

        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(args)
        except SystemExit as e:
            return int(e.code or 0), out.getvalue(), err.getvalue()
        finally:
            os.chdir(before)
        raise AssertionError("a command ends with an exit code")

    def _shell(self, text: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr
