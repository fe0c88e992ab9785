"""``nastdata publish``: push a dataset to a hub, if its terms allow."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("publish", short_help="Push a dataset to a hub, if its terms allow.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--repo", required=True, metavar="ORG/NAME", help="Dataset repository; it is made if it does not exist."
)
@click.option("--private", is_flag=True, help="Make it a private repository.")
@click.option("--dry-run", is_flag=True, help="Check everything and show what would be pushed; send nothing.")
@click.option(
    "--image-root",
    "image_roots",
    multiple=True,
    metavar="SOURCE=DIR",
    help="Images of a source: names in their headers must not be in the dataset.",
)
@click.option("--tag", help="Name of the version.  [default: package version and content]")
def command(
    folder: Path, repo: str, private: bool, dry_run: bool, image_roots: tuple[str, ...], tag: str | None
) -> None:
    """Push the dataset folder DIR to the Hugging Face Hub: one commit or none, read back, compared, tagged.

    \b
    nastdata publish mednega --repo my-lab/mednega --dry-run
    nastdata publish mednega --repo my-lab/mednega

    The folder must validate, and the terms of its sources must allow it. Ids and paths of your own
    tables must name nobody. HF_TOKEN and HF_ENDPOINT are used.
    If the line breaks, run the same command again: what was uploaded is not sent twice.
    """
    from nastdata.cli.options import read_image_root
    from nastdata.publishing.publish import plan_push, push

    def say(text: str) -> None:
        click.echo(text, err=True)

    roots = dict(read_image_root(item) for item in image_roots)
    plan = plan_push(folder, repo, private=private, tag=tag, image_roots=roots, say=say)
    if dry_run:
        click.echo(f"would push to {repo} ({'private' if private else 'public'}), version {plan.tag}:")
        for name, (size, sha) in plan.files.items():
            click.echo(f"{size:>14,}  {sha[:12]}  {name}")
        click.echo(f"{plan.size:>14,}  bytes in {len(plan.files)} files")
        click.echo(f"terms: {plan.terms.statement}")
        return
    done = push(plan, say=say)
    click.echo(f"published: {done.url}" + ("" if done.changed else " (it held just this already)"))
    click.echo(f"version: {done.tag} ({done.commit[:12]}), read back and compared: {len(plan.files)} files")
    click.echo(f"load it: load_dataset('{repo}', '{plan.folder.configs[0]}', revision='{done.tag}')")
