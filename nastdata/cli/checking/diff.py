"""``nastdata diff``: what changed between two dataset folders."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("diff", short_help="Say what changed between two dataset folders.")
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page as well.")
@click.option(
    "--examples",
    type=click.IntRange(0, 10_000),
    default=20,
    show_default=True,
    help="Rows of each kind of change in JSON and page.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is any difference.")
def command(
    before: Path, after: Path, as_json: bool, html: Path | None, examples: int, exit_code: bool
) -> None:
    """Compare the dataset folders A (before) and B (after).

    \b
    nastdata diff mednega-1 mednega-2
    nastdata diff mednega-1 mednega-2 --html changes.html
    nastdata diff mednega mednega-copy --json | jq '.rows.mednega.truth'

    Rows are matched by what they are about (study, image, finding), then by texts, id and truth; their order
    does not matter. Truths that changed come first, in red.
    """
    from nastdata.compare.run import compare_folders

    found = compare_folders(before, after, examples=examples)
    if html is not None:
        from nastdata.compare.page import render_page
        from nastdata.dataset.atomic import write_file

        write_file(html, render_page(found).encode())
    if as_json:
        import json

        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        from nastdata.compare.terminal import list_lines

        for line in list_lines(found):
            click.echo(line)
        if html is not None:
            click.echo(f"page: {html}")
    if exit_code and found.differ:
        from nastdata.errors import CheckFailedError

        raise CheckFailedError("the folders differ")
