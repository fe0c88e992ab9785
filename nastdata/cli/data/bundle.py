"""``nastdata bundle``: pack what rebuilds a dataset, without its rows."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("bundle", short_help="Pack what rebuilds a dataset, without its rows.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: DIR-bundle]")
@click.option("--physionet", is_flag=True, help="Copy the rows too, with checksums, for PhysioNet only.")
@click.option(
    "--answers",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Answer cache of a build with a language model.  [default: your own]",
)
def command(folder: Path, out: Path | None, physionet: bool, answers: Path | None) -> None:
    """Pack recipe, ontology and wordings of the dataset folder DIR; identifiers too where the terms allow.

    \b
    nastdata bundle mednega --out mednega-bundle
    nastdata build --from-bundle mednega-bundle --data /data/CheXpert --out mednega

    Whoever has the sources' data rebuilds the same bytes from it.
    """
    from nastdata.publishing.bundle import write_bundle, write_physionet

    place = out or folder.absolute().with_name(
        folder.absolute().name + ("-physionet" if physionet else "-bundle")
    )
    done = write_physionet(folder, place) if physionet else write_bundle(folder, place, answers=answers)
    for note in done.notes:
        click.echo(f"nastdata: {note}", err=True)
    click.echo(f"bundle: {done.path} ({len(done.files)} files)")
    if not physionet:
        click.echo(f"rebuild: nastdata build --from-bundle {done.path}")
