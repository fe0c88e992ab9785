"""What a dataset folder keeps of what it was made from, so that it is complete wherever it is moved.

``ontology.yaml`` is the ontology; ``sources/NAME.yaml`` describes each own table, without local paths.
Both are hashed in the manifest's ``outputs`` like every other file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nastdata.ontology import Ontology, find_ontology_file, load_ontology
from nastdata.resources import find_resource
from nastdata.sources.base import Source

ONTOLOGY = "ontology.yaml"
SOURCES = "sources"


def list_kept(ontology: str, sources: Sequence[Source]) -> dict[str, bytes]:
    """Return file name -> content of what a build of these is to keep.

    Args:
        ontology: Built-in name or path, as the recipe gives it.
        sources: Of the build; only own tables have a description.
    """
    kept = {ONTOLOGY: find_ontology_file(ontology).read_bytes()}
    kept |= {f"{SOURCES}/{s.name}.yaml": s.description for s in sources if s.description is not None}
    return kept


def find_kept_source(folder: Path, name: str) -> str:
    """Return the description of an own table that a folder keeps, or the name of a built-in source."""
    kept = folder / SOURCES / f"{name}.yaml"
    return str(kept) if kept.is_file() else name


def find_kept_ontology(folder: Path | None, recipe: Mapping[str, Any] | None) -> str:
    """Return the folder's own ontology file, or for a folder without one what its recipe names.

    Where a built-in ontology is the same file, its name is returned.
    """
    name = str((recipe or {}).get("ontology") or "chest_xray")
    if folder is None or not (folder / ONTOLOGY).is_file():
        return name
    built_in = find_resource("ontologies") / f"{name}.yaml"
    same = built_in.is_file() and built_in.read_bytes() == (folder / ONTOLOGY).read_bytes()
    return name if same else str(folder / ONTOLOGY)


def load_kept_ontology(folder: Path | None, recipe: Mapping[str, Any] | None) -> Ontology:
    """Load the ontology that a folder's rows are to be read with.

    Raises:
        UserError: if there is none, or it holds mistakes.
    """
    return load_ontology(find_kept_ontology(folder, recipe))


def recall_recipe(folder: Path | None, recipe: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a manifest's recipe with the folder's own ontology in the place of its name."""
    return None if recipe is None else {**recipe, "ontology": find_kept_ontology(folder, recipe)}
