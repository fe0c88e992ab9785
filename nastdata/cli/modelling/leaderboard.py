"""``nastdata leaderboard``: the results of many runs in one table."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("leaderboard", short_help="Merge the results of many evaluations into a table.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, help="A column; may be given several times.")
@click.option("--sort", help="Metric by which models are ordered.  [default: the first column]")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write a CSV file too.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write an HTML page too.")
def command(
    folders: tuple[Path, ...],
    metrics: tuple[str, ...],
    sort: str | None,
    csv_file: Path | None,
    html_file: Path | None,
) -> None:
    """Merge what `nastdata evaluate` wrote to DIR... into one table, printed as Markdown.

    \b
    nastdata leaderboard runs/* --html leaderboard.html
    nastdata leaderboard runs/a runs/b --metric mcq_negated --metric mcq_gap --csv table.csv

    All runs must be of the same version of the data, the same split and the same limit; others are refused.
    """
    from nastdata.dataset.atomic import write_file
    from nastdata.evaluation import leaderboard as lb

    board = lb.read_board(folders, metrics, sort)
    for path, write in ((csv_file, lb.write_csv), (html_file, lb.write_html)):
        if path is not None:
            write_file(path, write(board).encode())
            click.echo(f"written: {path}", err=True)
    click.echo(lb.write_markdown(board), nl=False)
