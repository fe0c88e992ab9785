"""``nastdata build``: from a recipe to a dataset folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nastdata.cli.options import read_recipe, recipe_options


@click.command("build", short_help="Build a dataset from a recipe.")
@recipe_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write  [default: nast-RECIPE-SOURCE]."
)
@click.option("--fresh", is_flag=True, help="Ask language models again instead of using cached answers.")
def command(out: Path | None, fresh: bool, **given: Any) -> None:
    r"""Build a dataset from RECIPE: a built-in name (see `nastdata recipes`) or a YAML file.

    \b
    nastdata build mednega
    nastdata build mednega --source chexpert --out mednega
    nastdata build contextual --source padchest,openi --data padchest=/data/padchest.csv.gz

    An existing dataset folder is replaced in one step when the new one is complete; a folder that holds
    anything else is refused. Exit code 1: built, but a check failed.
    """
    recipe = read_recipe(**given)
    from nastdata.errors import CheckFailedError
    from nastdata.pipeline import build
    from nastdata.progress import Progress

    folder = out or Path(f"nast-{recipe.recipe}-{'-'.join(recipe.source)}")
    progress = Progress()
    built = build(recipe, folder, progress, fresh=fresh)
    for name, frame in built.configs.items():
        splits = {s: int((frame["split"] == s).sum()) for s in ("train", "validation", "test")}
        click.echo(
            f"{name}: {len(frame):,} rows (" + ", ".join(f"{s} {n:,}" for s, n in splits.items()) + ")"
        )
    click.echo(f"rejected: {len(built.rejects):,} (reasons in {folder / 'rejects.parquet'})")
    click.echo(f"dataset: {folder}")
    click.echo(f"report:  {folder / 'report.html'}")
    click.echo(f"next:    nastdata validate {folder}   |   nastdata audit {folder}")
    if built.problems:
        raise CheckFailedError("built, but a check failed: " + "; ".join(built.problems))
