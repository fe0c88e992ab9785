"""Options that several commands share, and how they become a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nastdata.cli.completion import complete, complete_recipe, list_sources, list_writers
from nastdata.errors import UserError

F = TypeVar("F", bound=Callable[..., Any])


def recipe_options(function: F) -> F:
    """Add the RECIPE argument and the options that change it."""
    decorators = [
        click.argument("recipe", required=False, shell_complete=complete_recipe),
        click.option(
            "--source",
            shell_complete=complete(list_sources),
            help="Corpora, or YAML files that describe your own tables, comma-separated "
            "(see `nastdata sources`).",
        ),
        click.option(
            "--data",
            multiple=True,
            metavar="PATH|SOURCE=PATH",
            help="Where the files of a corpus are. If not given, the usual places are searched.",
        ),
        click.option("--limit", help="Make at most this many items; balance is kept."),
        click.option("--seed", help="Seed of every random choice."),
        click.option(
            "--realizer",
            shell_complete=complete(list_writers),
            help="Who writes the texts: template, openai or local.",
        ),
        click.option("--engine", help="Where the work runs: local, or ray (RAY_ADDRESS for a cluster)."),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY.PATH=VALUE",
            help="Change any key of the recipe; may be given several times.",
        ),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def read_recipe(
    *,
    recipe: str | None,
    source: str | None,
    data: tuple[str, ...],
    limit: str | None,
    seed: str | None,
    realizer: str | None,
    engine: str | None,
    settings: tuple[str, ...],
) -> Any:
    """Load a recipe and apply the options.

    Raises:
        UserError: with every mistake at once.
    """
    from nastdata.recipe import BuildRecipe, list_builtin, load_recipe

    if recipe is None:
        known = ", ".join(p.stem for p in list_builtin())
        raise UserError("no RECIPE given", how=f"built-in ones: {known}; or the path of a YAML file")
    overrides: list[tuple[str, str]] = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError(
                "not of the form KEY.PATH=VALUE",
                where=f"--set {setting}",
                how="for example --set design=paper",
            )
        overrides.append((key, value))
    named = {"source": source, "limit": limit, "seed": seed, "writer.realizer": realizer, "engine": engine}
    overrides += [(key, value) for key, value in named.items() if value is not None]
    loaded = load_recipe(recipe, overrides)
    if not isinstance(loaded, BuildRecipe):
        raise UserError(
            f"a '{loaded.recipe}' recipe builds no dataset",
            where=recipe,
            how=f"nastdata {loaded.recipe} {recipe}",
        )
    return place_data(loaded, data)


def place_data(recipe: Any, data: tuple[str, ...]) -> Any:
    """Give each ``--data`` to the source that it names, or to the only one."""
    if not data:
        return recipe
    from nastdata.sources import get_source, is_own, list_sources

    given = {(get_source(s).name if is_own(s) else s): s for s in recipe.source} if len(data) else {}
    known = {*list_sources(), *given, *recipe.source}

    paths: dict[str, Path] = dict(recipe.data)
    for item in data:
        name, equals, path = item.partition("=")
        if equals and name in known:
            if name not in given and name not in recipe.source:
                raise UserError(f"'{name}' is not a source of this build", where=f"--data {item}")
            paths[given.get(name, name)] = Path(path)
        elif len(recipe.source) == 1:
            paths[recipe.source[0]] = Path(item)
        else:
            raise UserError(
                "several sources: say which one this is", where=f"--data {item}", how="--data SOURCE=PATH"
            )
    if "phantom" in paths:
        raise UserError(
            "the phantom source reads no files",
            where="--data",
            how="name the corpus with --source, e.g. chexpert",
        )
    return recipe.model_copy(update={"data": paths})


def read_image_root(item: str, option: str = "--image-root") -> tuple[str, Path]:
    """Read SOURCE=FOLDER.

    Raises:
        UserError: if it is not of that form.
    """
    source, equals, path = item.partition("=")
    if not equals or not source:
        raise UserError("not of the form SOURCE=FOLDER", where=f"{option} {item}")
    return source, Path(path)
