"""``nastdata report``: write the report page of a dataset folder again."""

from __future__ import annotations

from pathlib import Path

import click

from nastdata.cli.options import read_image_root


@click.command("report", short_help="Write the report page of a dataset folder.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--images",
    multiple=True,
    metavar="SOURCE=FOLDER",
    help="Folder of a source's images, to show them with the examples; may be given several times.",
)
def command(folder: Path, images: tuple[str, ...]) -> None:
    """Write DIR/report.html again from the rows and the manifest; card and Croissant with it.

    Data files are not touched. In a folder without a manifest, made by others in our columns, the page is
    all that is written.
    """
    roots = dict(read_image_root(item, "--images") for item in images)
    from nastdata.dataset.folder import read_dataset, update_dataset
    from nastdata.images.store import open_store

    opened = read_dataset(folder)
    for note in opened.notes:
        click.echo(f"nastdata: {note}", err=True)
    store = open_store(opened.recipe, roots)
    update_dataset(opened, {}, store.read if store is not None else None)
    click.echo(f"report: {folder / 'report.html'}")
