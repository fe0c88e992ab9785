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
    help="How many times the data are divided into folds; accuracies are means.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 50),
    default=5,
    show_default=True,
    help="Parts that are held out in turn, with whole groups and patients.",
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
            click.echo("the folder was not changed", err=True)
    failures = report.verdict["failures"]
    if failures:
        raise CheckFailedError("the audit found: " + "; ".join(failures))


def _print_table(found: dict[str, Any]) -> None:
    """Print solvers and warnings: a table on a terminal, aligned plain lines elsewhere."""
    from nastdata.cli.tables import print_table

    head = ("config", "subset", "solver", "reads", "accuracy", "95 % interval", "chance", "n")
    rows = [
        (
            *(s["config"], s["subset"], s["name"], s["reads"], f"{s['accuracy']:.1%}"),
            *(f"{s['low']:.1%} - {s['high']:.1%}", f"{s['chance']:.1%}", f"{s['n']:,}"),
        )
        for s in found["solvers"]
    ]
    if rows:
        styles = {i: "bold" for i, s in enumerate(found["solvers"]) if s["above_chance"]}
        numbers = ("accuracy", "chance", "n")
        print_table(head, rows, title="Answers without the image", styles=styles, numbers=numbers)
    for config, crossing in found["leakage"].items():
        told = ", ".join(f"{what.replace('_', ' ')}: {n}" for what, n in crossing.items())
        click.echo(f"{config}: {told}")
    for warning in found["verdict"]["warnings"]:
        click.echo(f"warning: {warning}")
