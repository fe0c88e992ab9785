"""``nastdata recipes``: the built-in recipes."""

from __future__ import annotations

from pathlib import Path

import click

from nastdata.errors import UserError


@click.group("recipes", invoke_without_command=True, short_help="List, show or copy the built-in recipes.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show or copy the built-in recipes; a copy is yours to change."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command.command("list")
def list_() -> None:
    """List the built-in recipes with what each makes."""
    from nastdata.recipe import list_builtin

    for path in list_builtin():
        first = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        click.echo(f"{path.stem:<12} {first}")


@command.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Print a recipe file."""
    from nastdata.recipe import find_recipe

    click.echo(find_recipe(name).read_text(encoding="utf-8"), nl=False)


@command.command("copy")
@click.argument("name")
@click.argument("to", type=click.Path(path_type=Path))
def copy(name: str, to: Path) -> None:
    """Copy a recipe file to TO, which must not exist."""
    from nastdata.recipe import find_recipe

    text = find_recipe(name).read_text(encoding="utf-8")
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError("exists already", where=str(to), how="name another file") from None
    click.echo(f"{to}: now change it, and run `nastdata build {to}`")
