"""The command line: one module per command, imported when that command is called.

In: command lines.
Out: files, and lines for people or JSON.
May import: everything, when a command is called.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

from nastdata import __version__
from nastdata.errors import CheckFailedError, UserError, plain
from nastdata.offline import offline

COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("nastdata.cli.data.build", "Build a dataset from a recipe."),
    "preview": ("nastdata.cli.data.preview", "Show a few rows of what a recipe would make."),
    "recipes": ("nastdata.cli.data.recipes", "List, show or copy the built-in recipes."),
    "sources": ("nastdata.cli.data.sources", "List corpora; describe and check labels of your own."),
    "ontology": ("nastdata.cli.data.ontology", "Write, check or show an ontology: findings, places, grades."),
    "images": ("nastdata.cli.data.images", "Show how images are read, in a page of small pictures."),
    "parse": ("nastdata.cli.checking.parse", "Read sentences or reports and print the facts they state."),
    "prompts": ("nastdata.cli.data.prompts", "Print the 99 retrieval prompts of a condition."),
    "validate": (
        "nastdata.cli.checking.validate",
        "Check a dataset folder, or captions that others generated.",
    ),
    "audit": ("nastdata.cli.checking.audit", "Try to solve a dataset without its images."),
    "migrate": ("nastdata.cli.data.migrate", "Bring a folder that nastdata 0.1 built up to date."),
    "review": (
        "nastdata.cli.checking.review",
        "Have people review a sample of a dataset, or an ontology.",
    ),
    "diff": ("nastdata.cli.checking.diff", "Say what changed between two dataset folders."),
    "report": ("nastdata.cli.checking.report", "Write the report page of a dataset folder."),
    "export": ("nastdata.cli.sharing.export", "Write a dataset in the format of another tool."),
    "publish": ("nastdata.cli.sharing.publish", "Push a dataset to a hub, if its terms allow."),
    "bundle": ("nastdata.cli.data.bundle", "Pack what rebuilds a dataset, without its rows."),
    "cache": ("nastdata.cli.data.cache", "List, explain or clear what is kept on this machine."),
    "trace": ("nastdata.cli.modelling.trace", "Trace negation through a model's text encoder."),
    "train": ("nastdata.cli.modelling.train", "Fine-tune a model's text encoder on a dataset."),
    "evaluate": (
        "nastdata.cli.modelling.evaluate",
        "Evaluate models on datasets: accuracy, recall, AUC, gaps.",
    ),
    "leaderboard": (
        "nastdata.cli.modelling.leaderboard",
        "Merge the results of many evaluations into a table.",
    ),
    "explain": ("nastdata.cli.modelling.explain", "Explain how models read negation."),
    "examples": ("nastdata.cli.data.examples", "List or copy notebooks and sample tables."),
    "doctor": ("nastdata.cli.doctor", "Show which parts of nastdata work on this machine."),
    "completion": ("nastdata.cli.completion", "Print the script that completes commands in your shell."),
}
"""Command -> (module with a ``command``, its one-line help)."""

FIRST_HOUR = (
    ("nastdata build mednega", "a first dataset, from made-up patients; nothing is downloaded"),
    ("nastdata preview mednega -n 2", "what its questions look like"),
    ("nastdata validate nast-mednega-phantom", "check every file, row and sentence"),
    ("nastdata sources", "which corpora you can build from, and what each needs"),
    ("nastdata sources new FILE -o mydata.yaml", "start with labels or reports of your own"),
)
"""What ``nastdata`` alone shows: five commands of a first hour."""


ONLINE = ("publish",)
"""Commands that talk to a hub; for all others downloads and telemetry of libraries are off (``offline``)."""


class LazyGroup(click.Group):
    """A click group whose help needs none of its commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return command names in the order of the contract."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            from nastdata.errors import name_nearest

            raise UserError(f"no command '{cmd_name}'", how=name_nearest(cmd_name, COMMANDS))
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        from nastdata.cli.manner import add_manner, reset_manner

        reset_manner()
        return add_manner(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table above, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True
)
@click.version_option(__version__, prog_name="nastdata")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Build, check and publish datasets that test and teach negation in medical vision-language models.

    Every command takes --help, --quiet (warnings only) and --verbose (each step with its time).
    """
    if ctx.invoked_subcommand is None:
        show_first_hour()


def show_first_hour() -> None:
    """Print the five commands of a first hour."""
    click.echo("nastdata builds datasets that test and teach negation in medical vision-language models.\n")
    click.echo("Five commands for the first hour:\n")
    width = max(len(line) for line, _ in FIRST_HOUR)
    for line, what in FIRST_HOUR:
        click.echo(f"  {click.style(line.ljust(width), bold=True)}  {what}")
    click.echo("\nAll commands: nastdata --help. Notebooks and sample tables: nastdata examples")


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end (SIGTERM): it ends as cleanly as after Ctrl-C."""


@contextmanager
def _end_cleanly() -> Iterator[None]:
    """Let SIGTERM end the process as Ctrl-C does; a second one ends it at once."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a check failed, 2 wrong use, 130 interrupted, 143 ended."""
    try:
        words = sys.argv[1:] if argv is None else argv
        color = False if os.environ.get("NO_COLOR") else None
        with offline(unless=bool(words) and words[0] in ONLINE), _end_cleanly():
            cli.main(args=argv, prog_name="nastdata", standalone_mode=False, color=color)
    except UserError as e:
        _fail(str(e), e.exit_code)
    except CheckFailedError as e:
        _fail(str(e), 1)
    except click.ClickException as e:
        from nastdata.cli.manner import explain_wrong_use

        _fail(explain_wrong_use(e), 2)
    except (click.Abort, KeyboardInterrupt) as e:
        if isinstance(e, Terminated) or isinstance(e.__cause__, Terminated):
            _fail("ended by SIGTERM; run the same command again to go on", 143)
        _fail("interrupted; run the same command again to go on", 130)
    except (MemoryError, SystemError) as e:
        # A library that gets no memory may report a failure and forget the exception: SystemError.
        known = isinstance(e, MemoryError) or "without exception set" in str(e)
        if not known:
            raise
        _fail("out of memory\nlower --limit, or use a machine with more memory", 2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        _fail(plain(f"{where}{e.strerror or e}", 1_000), 2)
    sys.exit(0)


def _fail(message: str, code: int) -> None:
    click.echo(f"nastdata: {message}", err=True)
    sys.exit(code)
