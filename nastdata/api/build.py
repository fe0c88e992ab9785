"""``nastdata.build``: from a recipe to a dataset, in one call."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from nastdata.api.dataset import Dataset
from nastdata.api.settings import list_settings
from nastdata.errors import UserError, name_nearest
from nastdata.progress import Callback, Progress

PathName = str | PathLike[str]


class CheckWarning(UserWarning):
    """A dataset was built, but a check on it failed; see ``Dataset.problems``."""


def build(
    recipe: PathName = "mednega",
    source: PathName | Sequence[PathName] | None = None,
    *,
    data: PathName | Mapping[str, PathName] | None = None,
    out: PathName | None = None,
    fresh: bool = False,
    progress: Callback | None = None,
    **overrides: Any,
) -> Dataset:
    """Build a dataset from a recipe.

    The method is that of arXiv 2602.12498 (NAST) and arXiv 2512.17121 (CON); ``docs/designs.md`` and
    ``docs/contextual.md`` say where it departs from them.

    Args:
        recipe: A built-in name (``mednega``, ``contextual``, ``protocols``, ``probes``, ``opposition``)
            or the path of a YAML file.
        source: A corpus by name (``nastdata sources`` lists them), the YAML description of your own labels or
            reports, or several of these. The recipe's own if None: made-up patients ("phantom").
        data: Where the corpus is: a file or folder, or a mapping from source to one. Looked for in the usual
            places if None.
        out: Folder to write; a dataset of nastdata that is there already is replaced in one step. If None,
            the dataset is in a temporary folder that is removed with the returned object; ``save`` keeps it.
        fresh: Put questions to a language model again instead of using kept answers.
        progress: Called with every ``Event`` of the build; nothing is printed.
        **overrides: Keys of the recipe: ``limit=200``, ``seed=1``, ``writer={"wordings": 8}``, or with two
            underscores for a dot, ``writer__wordings=8``. ``docs/reference/recipes.md`` lists all keys.

    Returns:
        The dataset. Rows are read from its folder when asked for.

    Raises:
        UserError: If a key, a value, a source or the place to write is not usable; nothing is written then.
        NothingMadeError: If the data are sound, but no row could be made of them (a ``UserError`` too).

    Warns:
        CheckWarning: If the dataset was built but fails a check, such as the blind audit.

    Example:
        >>> import nastdata
        >>> dataset = nastdata.build("mednega", limit=40, phantom_patients=400)
        >>> dataset.counts["mednega"]
        {'train': 36, 'validation': 0, 'test': 4}
    """
    from nastdata.pipeline import build as build_folder
    from nastdata.recipe import BuildRecipe, load_recipe

    name = fspath(recipe)
    settings = list_settings(overrides)
    if source is not None:
        named = [source] if isinstance(source, str | PathLike) else list(source)
        settings.append(("source", ",".join(fspath(s) for s in named)))
    loaded = load_recipe(name, settings)
    if not isinstance(loaded, BuildRecipe):
        raise UserError(
            f"a '{loaded.recipe}' recipe builds no dataset", where=name, how="nastdata.train(...)"
        )
    if data is not None:
        loaded = loaded.model_copy(update={"data": _place(data, loaded.source)})
    temporary = Path(tempfile.mkdtemp(prefix="nastdata-")) if out is None else None
    folder = temporary / f"nast-{loaded.recipe}" if temporary else Path(fspath(out or ""))
    try:
        built = build_folder(loaded, folder, Progress(quiet=True, callback=progress), fresh=fresh)
        dataset = Dataset(folder)
    except BaseException:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        raise
    if temporary:
        dataset.remove_at_exit(temporary)
    if built.problems:
        warnings.warn("built, but a check failed: " + "; ".join(built.problems), CheckWarning, stacklevel=2)
    return dataset


def _place(data: PathName | Mapping[str, PathName], sources: Sequence[str]) -> dict[str, Path]:
    """Return source -> where its files are, as the recipe takes it."""
    from nastdata.sources import get_source, is_own

    if isinstance(data, str | PathLike):
        if len(sources) != 1:
            raise UserError(
                "several sources: say which one this is", where="data", how='data={"SOURCE": PATH}'
            )
        given: Mapping[str, PathName] = {sources[0]: data}
    else:
        given = data
    own = {get_source(s).name: s for s in sources if is_own(s)}
    given = {own.get(name, name): path for name, path in given.items()}
    for name in given:
        if name not in sources:
            raise UserError(
                f"'{name}' is not a source of this build", where="data", how=name_nearest(name, sources)
            )
    if "phantom" in given:
        raise UserError(
            "the phantom source reads no files", where="data", how='name a corpus: source="chexpert"'
        )
    return {name: Path(path) for name, path in given.items()}
