"""``nastdata audit``: try to solve a dataset without its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("audit", short_help="Try to solve a dataset without its images.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Ways to divide the folds; accuracies are their means.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 50),
    default=5,
    show_default=True,
    help="Parts that are held out in turn, whole groups and patients at a time.",
)
@click.option("--no-write", is_flag=True, help="Leave the folder as it is.")
def command(folder: Path, as_json: bool, seeds: int, folds: int, no_write: bool) -> None:
    """Train blind solvers on the texts of the dataset folder DIR, and check its balance and splits.

    \b
    nastdata audit mednega
    nastdata audit mednega --json | jq .verdict

    The figures go into DIR/manifest.json, the card and the report. Exit code 1: a dataset that promises to
    be blind-proof is not, or a patient or a group is in two splits.
    """
    from polars.exceptions import PolarsError

    from nastdata.checks.audit_folder import audit_folder
    from nastdata.dataset.folder import read_dataset, update_dataset
    from nastdata.errors import CheckFailedError, UserError
    from nastdata.images.store import open_store

    dataset = read_dataset(folder)
    try:
        report = audit_folder(dataset, seeds=seeds, folds=folds)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, PolarsError) as e:
        what = f"rows hold other values than nastdata writes ({type(e).__name__}: {str(e)[:160]})"
        raise UserError(what, where=str(folder), how=f"nastdata validate {folder} names them") from e
    written = dataset.manifest is not None and not no_write
    if written:
        store = open_store(dataset.recipe)
        update_dataset(dataset, {"audit": report.to_json()}, store.read if store is not None else None)
    if as_json:
        import json

        click.echo(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        _print_table(report.to_json())
        click.echo(report.summary())
        if not written:
            click.echo("the folder was left as it is", err=True)
    failures = report.verdict["failures"]
    if failures:
        raise CheckFailedError("the audit found: " + "; ".join(failures))


def _print_table(found: dict[str, Any]) -> None:
    """Print solvers and warnings: a table on a terminal, aligned plain lines elsewhere."""
    import sys

    head = ("config", "subset", "solver", "reads", "accuracy", "95 % interval", "chance", "n")
    rows = [
        (
            *(s["config"], s["subset"], s["name"], s["reads"], f"{s['accuracy']:.1%}"),
            *(f"{s['low']:.1%} - {s['high']:.1%}", f"{s['chance']:.1%}", f"{s['n']:,}"),
        )
        for s in found["solvers"]
    ]
    if rows and sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*head, title="Answers without the image", title_justify="left")
        for row, s in zip(rows, found["solvers"], strict=True):
            table.add_row(*row, style="bold" if s["above_chance"] else "")
        Console().print(table)
    elif rows:
        widths = [max(len(r[i]) for r in (head, *rows)) for i in range(len(head))]
        for row in (head, *rows):
            click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    for config, crossing in found["leakage"].items():
        told = ", ".join(f"{what.replace('_', ' ')}: {n}" for what, n in crossing.items())
        click.echo(f"{config}: {told}")
    for warning in found["verdict"]["warnings"]:
        click.echo(f"warning: {warning}")
