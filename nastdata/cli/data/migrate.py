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

    Adds the ontology, digests of the rows, and the recipe's new keys; writes card and report again. Every
    text is read back with today's reader. Exit code 1: up to date now, but rows do not pass today's rules.
    """
    from nastdata.checks.migration import migrate
    from nastdata.errors import CheckFailedError

    failed = []
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
        if found.failed_rules:
            failed.append(f"{folder}: {', '.join(found.failed_rules)}")
    if failed:
        raise CheckFailedError(
            "rows do not pass today's rules: "
            + "; ".join(failed)
            + "\n`nastdata validate` shows them; build again to "
            "have rows of today's quality"
        )
