"""``nastdata export``: a dataset folder in the format of another tool."""

from __future__ import annotations

from pathlib import Path

import click

from nastdata.cli.completion import complete, list_formats
from nastdata.errors import UserError
from nastdata.registry import list_adapters


class FormatOption(click.Option):
    """An option whose help lists the formats that are installed, plug-ins with their package."""

    def make_metavar(self, ctx: click.Context) -> str:
        """Return the names, found without importing any format."""
        return "|".join(list_adapters("nastdata.exports"))

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Add where the formats of plug-ins come from."""
        record = super().get_help_record(ctx)
        others = [a for a in list_adapters("nastdata.exports").values() if not a.built_in]
        if record is None or not others:
            return record
        origins = "; ".join(f"{a.name} is a plug-in of {a.package} {a.version}" for a in others)
        return record[0], f"{record[1]}. {origins}"


@click.command("export", short_help="Write a dataset in the format of another tool.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "to",
    cls=FormatOption,
    required=True,
    shell_complete=complete(list_formats),
    help="Which tool's format to write.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="train|validation|test|all",
    help="Which splits; may be given several times.  [default: test to evaluate, train and validation to "
    "train, all for nast]",
)
@click.option(
    "--image-root",
    "roots",
    multiple=True,
    metavar="[SOURCE=]FOLDER",
    help="Folder of your copy of a corpus's images; may be given several times. Phantom images are drawn.",
)
@click.option("--relative", is_flag=True, help="Write paths of written images relative to the folder.")
def command(
    folder: Path, to: str, out: Path, splits: tuple[str, ...], roots: tuple[str, ...], relative: bool
) -> None:
    """Write the dataset folder DIR in the format that another tool reads, with the command that reads it.

    \b
    nastdata export mednega --format negbench --out mednega-negbench
    nastdata export contextual --format openclip --image-root chexpert=/data/CheXpert --out pairs

    README.md in the new folder has the commands; export.json has the counts of what was written and left out.
    """
    from nastdata.dataset.folder import read_dataset
    from nastdata.exports import export_dataset

    opened = read_dataset(folder)
    for note in opened.notes:
        click.echo(f"nastdata: {note}", err=True)
    sources = [s["name"] for s in (opened.manifest or {}).get("sources") or []]
    account = export_dataset(
        opened,
        to,
        out,
        splits=splits,
        roots=dict(_read_root(item, sources) for item in roots),
        paths="relative" if relative else "absolute",
    )
    for name, rows in sorted(account.files.items()):
        click.echo(f"{out / name}: {rows:,} rows")
    for where, reasons in sorted(account.left_out.items()):
        for reason, n in sorted(reasons.items()):
            click.echo(f"left out of {where}: {reason}, {n:,}", err=True)
    for note in account.notes:
        click.echo(f"nastdata: {note}", err=True)
    click.echo(f"commands: {out / 'README.md'}")


def _read_root(item: str, sources: list[str]) -> tuple[str, Path]:
    """Read SOURCE=FOLDER, or FOLDER alone where there is one source."""
    source, equals, path = item.partition("=")
    if equals and source and (not sources or source in sources):
        return source, Path(path)
    if not equals and len(sources) == 1:
        return sources[0], Path(item)
    how = f"SOURCE=FOLDER; sources of this dataset: {', '.join(sources) or 'unknown'}"
    raise UserError("no known source is named for these images", where=f"--image-root {item}", how=how)
