"""``nastdata completion``: commands, options and names completed by the shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
WHERE = {
    "bash": "~/.local/share/bash-completion/completions/nastdata",
    "zsh": "~/.zfunc/_nastdata   (with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc)",
    "fish": "~/.config/fish/completions/nastdata.fish",
}
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command("completion", short_help="Print the script that completes commands in your shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of SHELL, to be saved where your shell looks for such scripts.

    \b
    nastdata completion bash > ~/.local/share/bash-completion/completions/nastdata
    nastdata completion zsh  > ~/.zfunc/_nastdata
    nastdata completion fish > ~/.config/fish/completions/nastdata.fish

    Then TAB completes commands, options, recipes, corpora and formats. For zsh, put `fpath+=~/.zfunc` before
    `compinit` in ~/.zshrc.
    """
    from nastdata.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "nastdata", "_NASTDATA_COMPLETE").source())
    click.echo(f"save this as {WHERE[shell]}", err=True)


def complete(names: Callable[[], Iterable[str]]) -> Complete:
    """Return a completion of names; what comes before the last comma is kept.

    Args:
        names: Returns the known names when asked.
    """

    def find(ctx: click.Context, parameter: click.Parameter, given: str) -> list[CompletionItem]:
        before, comma, word = given.rpartition(",")
        return [CompletionItem(before + comma + n) for n in names() if n.startswith(word)]

    return find


def complete_recipe(ctx: click.Context, parameter: click.Parameter, given: str) -> list[CompletionItem]:
    """Complete built-in recipes, and files."""
    from nastdata.recipe import list_builtin

    found = [CompletionItem(p.stem) for p in list_builtin() if p.stem.startswith(given)]
    return found or [CompletionItem(given, type="file")]


def list_sources() -> Iterable[str]:
    """Return the names of all corpora."""
    from nastdata.sources import list_sources as names

    return names()


def list_writers() -> Iterable[str]:
    """Return the names of all writers."""
    from nastdata.registry import list_adapters

    return list_adapters("nastdata.writers")


def list_formats() -> Iterable[str]:
    """Return the names of all export formats."""
    from nastdata.registry import list_adapters

    return list_adapters("nastdata.exports")
