"""``nastdata validate``: check a dataset folder, or a table of captions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nastdata.validate.verdicts import Report


@click.command("validate", short_help="Check a dataset folder, or a table of captions.")
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
@click.option(
    "--failures",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where what did not hold is saved (parquet).  [default: DIR.failures.parquet]",
)
@click.option("--no-audit", is_flag=True, help="Leave out the blind solvers, which take most of the time.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Of the audit: ways to divide the folds.",
)
def command(path: Path, as_json: bool, failures: Path | None, no_audit: bool, seeds: int) -> None:
    r"""Check the dataset folder DIR: files, columns, rows, the round trip of every text, the blind audit.

    \b
    nastdata validate mednega
    nastdata validate mednega --json | jq .failed

    Exit code 1: something did not hold; the failing rows are saved beside the folder.
    """
    from nastdata.validate.gate import validate_folder

    report = validate_folder(path, audit=not no_audit, seeds=seeds)
    _finish(
        report, failures or path.absolute().with_name(path.absolute().name + ".failures.parquet"), as_json
    )


def _finish(report: Report, failures: Path, as_json: bool) -> None:
    """Save what failed, print the verdicts, and fail if one of them does."""
    from nastdata.errors import CheckFailedError

    saved = len(report.failures) > 0
    if saved:
        report.failures.write_parquet(failures)
    else:
        failures.unlink(missing_ok=True)
    if as_json:
        import json

        told = {**report.to_json(), "failures": str(failures) if saved else None}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print_table(report)
        if saved:
            click.echo(f"what did not hold: {failures}")
    if not report.passed:
        raise CheckFailedError("failed: " + ", ".join(report.failed_rules))


def _print_table(report: Report) -> None:
    """Print the verdicts: a table on a terminal, aligned plain lines elsewhere."""
    import sys

    head = ("rule", "config", "checked", "failed", "verdict", "note")
    rows = [
        (v.rule, v.config or "-", f"{v.checked:,}", f"{v.failed:,}", v.outcome, v.note)
        for v in report.verdicts
    ]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*head)
        styles = {"failed": "bold red", "warned": "yellow", "skipped": "dim"}
        for row in rows:
            table.add_row(*map(escape, row), style=styles.get(row[4]))
        Console().print(table)
        return
    widths = [max(len(r[i]) for r in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
