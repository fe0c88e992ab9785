"""``nastdata validate``: check a dataset folder, or a table of captions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nastdata.checks.verdicts import Report


@click.command("validate", short_help="Check a dataset folder, or a table of captions.")
@click.argument("path", metavar="DIR|FILE", type=click.Path(path_type=Path))
@click.option("--text", metavar="COLUMN", help="Of a FILE: the captions.")
@click.option("--condition", metavar="COLUMN", help="Of a FILE: what each caption is about.")
@click.option("--existence", metavar="COLUMN", help="Of a FILE: present or absent (1, 0, yes, no ...).")
@click.option("--location", metavar="COLUMN", help="Of a FILE: place, where one is stated.")
@click.option("--severity", metavar="COLUMN", help="Of a FILE: grade, where one is stated.")
@click.option("--ontology", metavar="NAME|FILE", default="chest_xray", show_default=True, help="Of a FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
@click.option(
    "--failures",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where what did not hold is saved (parquet).  [default: DIR.failures.parquet]",
)
@click.option(
    "--against",
    multiple=True,
    metavar="auto|PATH|SOURCE=PATH",
    help="Compare every row with its source's files, read once more; may be given several times.",
)
@click.option("--no-audit", is_flag=True, help="Leave out the blind solvers, which take most of the time.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Of the audit: ways to divide the folds.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where texts are read back: here, or on a Ray cluster (RAY_ADDRESS).",
)
def command(
    path: Path,
    text: str | None,
    condition: str | None,
    existence: str | None,
    location: str | None,
    severity: str | None,
    ontology: str,
    as_json: bool,
    failures: Path | None,
    no_audit: bool,
    seeds: int,
    engine: str,
    against: tuple[str, ...],
) -> None:
    """Check the dataset folder DIR: files, columns, rows, the round trip of every text, the blind audit.

    \b
    nastdata validate mednega
    nastdata validate mednega --json | jq .failed_rules
    nastdata validate mednega --against /data/CheXpert
    nastdata validate captions.csv --text caption --condition finding --existence label

    A FILE (csv, tsv, parquet, JSON lines) of captions of whatever origin is checked against its own columns.
    Exit code 1: something did not hold; what did not is saved beside the folder or file.
    """
    from nastdata.errors import UserError

    named = {"text": text, "condition": condition, "existence": existence}
    if path.is_dir() or not path.exists():
        if any((*named.values(), location, severity)):
            what = "columns are named, but this is " + ("a folder" if path.is_dir() else "no file")
            raise UserError(what, where=str(path), how="--text and the like are for a table of captions")
        from nastdata.checks.run import validate_folder

        report = validate_folder(path, audit=not no_audit, seeds=seeds, engine=engine, against=against)
    else:
        from nastdata.checks.table_file import Columns, validate_table
        from nastdata.ontology import load_ontology

        lacking = [f"--{k} COLUMN" for k, v in named.items() if v is None]
        if text is None or condition is None or existence is None:
            what = "a table of captions needs " + ", ".join(lacking)
            raise UserError(what, where=str(path), how="a dataset is given as its folder")
        columns = Columns(text, condition, existence, location, severity)
        report = validate_table(path, columns, load_ontology(ontology), engine)
    beside = path.absolute()
    _finish(report, failures, beside.with_name(beside.name + ".failures.parquet"), as_json)


def _finish(report: Report, failures: Path | None, default: Path, as_json: bool) -> None:
    """Save what failed, print the verdicts, and fail if one of them does."""
    from nastdata.errors import CheckFailedError, UserError

    where = failures or default
    saved = len(report.failures) > 0
    if saved:
        try:
            report.failures.write_parquet(where)
        except OSError as e:
            raise UserError(
                f"can't be written ({e.strerror or e})", where=str(where), how="--failures PATH"
            ) from e
    elif failures is None:
        # What an earlier run left there is no longer true.
        where.unlink(missing_ok=True)
    if as_json:
        import json

        told = {**report.to_json(), "failures": str(where) if saved else None}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print_table(report)
        if saved:
            click.echo(f"what did not hold: {where}")
    if not report.passed:
        raise CheckFailedError("failed: " + ", ".join(report.failed_rules))


def _print_table(report: Report) -> None:
    """Print the verdicts: a table on a terminal, aligned plain lines elsewhere."""
    import sys

    head = ("rule", "config", "checked", "failed", "verdict", "note")
    rows: list[tuple[str, ...]] = [
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
