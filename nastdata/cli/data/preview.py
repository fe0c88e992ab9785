"""``nastdata preview``: a few rows in the terminal, nothing written."""

from __future__ import annotations

from typing import Any

import click

from nastdata.cli.options import read_recipe, recipe_options

ENOUGH, EACH = 100, 20
"""Items that a preview designs at least, and for each row that it shows."""


@click.command("preview", short_help="Show a few rows of what a recipe would make.")
@recipe_options
@click.option("-n", "count", default=5, show_default=True, type=click.IntRange(1), help="Rows to show.")
def command(count: int, **given: Any) -> None:
    """Make RECIPE in memory and show its first rows; nothing is written.

    The rows are the first of `nastdata build RECIPE --limit 100` (20 times -n, if that is more): a preview
    designs no more than it needs. --limit sets another number.
    """
    recipe = read_recipe(**given)
    from nastdata.pipeline import make
    from nastdata.progress import Progress
    from nastdata.report.terminal import show_row

    changes: dict[str, Any] = {"audit": recipe.audit.model_copy(update={"enabled": False})}
    if recipe.limit is None:
        changes["limit"] = max(ENOUGH, EACH * count)
    recipe = recipe.model_copy(update=changes)
    built = make(recipe, Progress())
    for config, frame in built.configs.items():
        for row in frame.head(count).to_dicts():
            click.echo(show_row(config, row))
            click.echo()
