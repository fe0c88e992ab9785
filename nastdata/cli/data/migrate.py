"""``nastdata migrate``: folders of version 0.1, brought up to date."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("migrate", short_help="Bring a folder that nastdata 0.1 built up to date.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(folders: tuple[Path, ...]) -> None:
    """Bring the dataset folders DIR, built by nastdata 0.1, up to date. Rows are not changed.

    \b
    nastdata migrate mednega

    Adds the ontology, digests of the rows, and the recipe's new keys; writes card and report anew. The new
    folder has to pass `nastdata validate` (without the audit) before it takes the old one's place.
    """
    from nastdata.checks.migration import migrate

    for folder in folders:
        found = migrate(folder)
        if not found.done:
            click.echo(f"{folder}: up to date (format {found.after})")
            continue
        click.echo(f"{folder}: format {found.before} -> {found.after}; new: {', '.join(found.added)}")
        if found.ontology_changed:
            click.echo(
                "  the ontology has changed since; every text was read back with today's, which is now in "
                "the folder"
            )
