"""``nastdata build``: from a recipe to a dataset folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nastdata import __version__
from nastdata.cli.options import read_recipe, recipe_options

ROOT = "image_root="


@click.command("build", short_help="Build a dataset from a recipe.")
@recipe_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write  [default: nast-RECIPE-SOURCE]."
)
@click.option(
    "--from-bundle",
    "bundle",
    type=click.Path(path_type=Path),
    help="Rebuild the dataset of a bundle (see `nastdata bundle`), and compare.",
)
@click.option(
    "--dry-run", is_flag=True, help="Count the questions to a language model and their price; write nothing."
)
@click.option("--fresh", is_flag=True, help="Ask language models again instead of using cached answers.")
def command(out: Path | None, bundle: Path | None, dry_run: bool, fresh: bool, **given: Any) -> None:
    """Build a dataset from RECIPE: a built-in name (see `nastdata recipes`) or a YAML file.

    \b
    nastdata build mednega
    nastdata build mednega --source chexpert --out mednega
    nastdata build contextual --source padchest,openi --data padchest=/data/padchest.csv.gz
    nastdata build mednega --source mydata.yaml
    nastdata build --from-bundle mednega-bundle --data /data/CheXpert --out mednega

    An existing dataset folder is replaced in one step when the new one is complete; a folder that holds
    anything else is refused. Exit code 1: built, but a check failed.
    """
    recipe = read_recipe(**given) if bundle is None else _recall(bundle, **given)
    if dry_run:
        from nastdata.cli.cost import tell_cost

        return tell_cost(recipe, fresh=fresh)
    from nastdata.errors import CheckFailedError
    from nastdata.pipeline import build
    from nastdata.progress import Progress
    from nastdata.report.fitness import summarise, tell_fallback

    folder = out or _name_folder(recipe)
    progress = Progress()
    log = folder.with_name(f"{folder.name}.log")
    with progress.log_to(log):
        progress.record(f"nastdata {__version__}: {' '.join(sys.argv[1:])}")
        built = build(recipe, folder, progress, fresh=fresh)
        verdict, limits = summarise(built.manifest, count_rows(built.configs))
        progress.record(f"{verdict}\n{limits}")
    if said := tell_fallback(built.manifest):
        click.secho(said, fg="red", err=True)
    for name, splits in count_rows(built.configs).items():
        frame = built.configs[name]
        click.echo(
            f"{name}: {len(frame):,} rows (" + ", ".join(f"{s} {n:,}" for s, n in splits.items()) + ")"
        )
        writers = built.manifest["counts"]["written_by"][name]
        if recipe.writer.realizer != "template" and writers:
            shares = (f"{writer} {n / len(frame):.1%}" for writer, n in writers.items())
            click.echo(f"  written by {', '.join(shares)}")
    for name, why in built.empty.items():
        click.echo(f"{name}: none: {why}")
    click.echo(f"rejected: {len(built.rejects):,} (reasons in {folder / 'rejects.parquet'})")
    if bundle is not None:
        _compare(bundle, folder)
    click.echo(f"dataset: {folder}")
    click.echo(f"report:  {folder / 'report.html'}")
    click.echo(f"log:     {log}")
    click.echo(f"next:    nastdata validate {folder}   |   nastdata audit {folder}")
    click.secho(verdict, fg="green" if verdict.startswith("fit") else "yellow", bold=True)
    click.echo(limits)
    if built.problems:
        raise CheckFailedError("built, but a check failed: " + "; ".join(built.problems))


def count_rows(configs: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return config -> split -> rows."""
    splits = ("train", "validation", "test")
    return {name: {s: int((f["split"] == s).sum()) for s in splits} for name, f in configs.items()}


def _name_folder(recipe: Any) -> Path:
    from nastdata.sources import get_source, is_own

    names = [get_source(s).name if is_own(s) else s for s in recipe.source]
    return Path(f"nast-{recipe.recipe}-{'-'.join(names)}")


def _recall(bundle: Path, *, data: tuple[str, ...], **given: Any) -> Any:
    """Return the recipe of a bundle, which nothing but the place of the data may change."""
    from nastdata.cli.options import place_data
    from nastdata.errors import UserError
    from nastdata.publishing.rebuild import read_bundle, recall_recipe

    settings = given.pop("settings", ())
    places = [s.removeprefix(ROOT) for s in settings if s.startswith(ROOT)]
    given["settings"] = [s for s in settings if not s.startswith(ROOT)]
    changed = sorted(name for name, value in given.items() if value and name != "engine")
    if changed:
        raise UserError(
            f"a bundle has its own recipe, which is not to be changed ({', '.join(changed)})",
            where=f"--from-bundle {bundle}",
            how="only --data, --out, --engine and --set image_root=FOLDER may go with it",
        )
    recipe = place_data(recall_recipe(read_bundle(bundle)), data)
    if places:
        recipe = recipe.model_copy(update={"image_root": Path(places[-1])})
    engine = given.get("engine")
    return recipe.model_copy(update={"engine": engine}) if engine else recipe


def _compare(bundle: Path, folder: Path) -> None:
    """Say whether a rebuild is the original, byte for byte; fail if it is not."""
    from nastdata.errors import CheckFailedError
    from nastdata.publishing.rebuild import compare, explain, read_bundle

    read = read_bundle(bundle)
    different = compare(read, folder)
    if different:
        some = ", ".join(different[:3]) + (" ..." if len(different) > 3 else "")
        raise CheckFailedError(f"rebuilt, but not the same bytes: {some}\n{explain(read, folder)}")
    click.echo(f"rebuilt: the same bytes as the original ({len(read.outputs)} files compared)")
