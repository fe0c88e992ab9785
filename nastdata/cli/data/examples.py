"""``nastdata examples``: notebooks and tables to try things with, from inside the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from nastdata.errors import UserError, name_nearest


@click.group("examples", invoke_without_command=True, short_help="List or copy notebooks and sample tables.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the examples, or copy one into your folder. All patients in them are made up.

    \b
    nastdata examples
    nastdata examples copy labels.csv
    nastdata examples copy first_dataset.ipynb
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command.command("list")
def list_() -> None:
    """List the examples with what each is."""
    for name, what in read_list().items():
        click.echo(f"{name:<24} {what}")


@command.command("copy")
@click.argument("name")
@click.argument("to", type=click.Path(path_type=Path), required=False)
def copy(name: str, to: Path | None) -> None:
    """Copy an example to TO, or into this folder under its own name; nothing is replaced."""
    from nastdata.resources import find_resource

    known = read_list()
    if name not in known:
        raise UserError("no such example", where=name, how=name_nearest(name, known))
    source = find_resource("examples") / name
    place = Path(name) if to is None else to / name if to.is_dir() else to
    if place.exists():
        raise UserError(
            "exists already", where=str(place), how="name another file: nastdata examples copy NAME TO"
        )
    if source.is_dir():
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, place)
    click.echo(str(place))


def read_list() -> dict[str, str]:
    """Return name -> what it is, from the table in the examples' README."""
    from nastdata.resources import find_resource

    text = (find_resource("examples") / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`/ "): what.replace("`", "") for name, what in rows}
