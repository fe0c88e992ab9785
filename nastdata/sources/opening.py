"""The sources of a recipe, opened: built-in corpora and own tables, each under its own name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.recipe import BuildRecipe
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Loader, Options, Source

DEFAULT_ONTOLOGY = "chest_xray"


def open_sources(recipe: BuildRecipe) -> tuple[BuildRecipe, list[Source]]:
    """Open a recipe's sources.

    Returns:
        The recipe with names of sources where it had paths of YAML files, with their data under these
        names, and with the ontology that an own table names where the recipe leaves it open; the sources.

    Raises:
        UserError: if there is no such source, or two have one name.
    """
    sources = [get_source(name) for name in recipe.source]
    names = tuple(s.name for s in sources)
    for given, name in zip(recipe.source, names, strict=True):
        if names.count(name) > 1:
            raise UserError(
                f"two sources of this build are called '{name}'",
                where=given,
                how="give each a name of its own",
            )
    data = {
        s.name: path
        for given, s in zip(recipe.source, sources, strict=True)
        if (path := recipe.data.get(given) or recipe.data.get(s.name)) is not None
    }
    named = list(dict.fromkeys(s.ontology for s in sources if s.ontology))
    if len(named) > 1 and recipe.ontology == DEFAULT_ONTOLOGY:
        raise UserError(f"sources with different ontologies ({', '.join(named)})", how="--set ontology=FILE")
    ontology = named[0] if named and recipe.ontology == DEFAULT_ONTOLOGY else recipe.ontology
    changes: dict[str, Any] = {"source": names, "data": data, "ontology": ontology}
    roots = {s.name: s.image_root for s in sources if s.image_root is not None}
    if roots and recipe.image_root is None:
        changes["image_root"] = roots
    return recipe.model_copy(update=changes), sources


def load_own(load: Loader, source: Source, data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load a corpus's own data; other people's are not passed off as its, with its name, terms and citation.

    Raises:
        UserError: as the loader does, or if the ontology's conditions are not the corpus's labels; where the
            user named the data, with the way to describe data of one's own.
    """
    advice = f"if these are not {source.title}'s files: nastdata sources new {data} -o mydata.yaml"
    known = source.labels
    foreign = [c.name for c in ontology.conditions if known is not None and c.name not in known]
    if foreign:
        shown = ", ".join(f"'{f}'" for f in foreign[:3]) + (" ..." if len(foreign) > 3 else "")
        raise UserError(
            f"{source.title} has no label {shown}",
            where=f"ontology {ontology.name}",
            how=advice
            if data
            else "choose an ontology of its labels, or describe your own data: "
            "nastdata sources new FILE -o mydata.yaml",
        )
    try:
        return load(data, ontology, options)
    except UserError as e:
        if data is None or source.description is not None or not data.exists():
            raise
        raise UserError(e.what, where=e.where, how=f"{e.how}; {advice}" if e.how else advice) from e
