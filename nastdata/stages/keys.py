"""Keys of stages: hashes of all that a result follows from."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.ontology import Ontology
from nastdata.provenance import LIBRARIES, find_version
from nastdata.recipe import BuildRecipe, dump_recipe
from nastdata.resources import hash_code, hash_folders
from nastdata.sources.base import Source
from nastdata.stages.inputs import describe_source, hash_listing

AFTER_DESIGN = ("writer", "audit")
"""Parts of a recipe that the design knows nothing of."""
OF_A_SOURCE = ("seed", "phantom_patients", "strength", "closed_world", "reader", "ontology")
"""Parts of a recipe that a source may know (with ``images.views``)."""
ROWS = 50_000


def hash_parts(*parts: Any) -> str:
    """Return one hash of plain values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_frame(frame: pl.DataFrame) -> str:
    """Return a hash of a frame's columns, types and rows, in their order."""
    digest = hashlib.sha256(repr(frame.schema).encode())
    for part in frame.iter_slices(ROWS):
        digest.update(part.rechunk().write_ipc(None, compat_level=pl.CompatLevel.oldest()).getbuffer())
    return digest.hexdigest()


def hash_frames(*frames: pl.DataFrame | None) -> str:
    """Return one hash of several frames, of which some may be missing."""
    return hash_parts([None if f is None else hash_frame(f) for f in frames])


def hash_base(ontology: Ontology, sources: Iterable[Source]) -> str:
    """Return a hash of what every stage follows from: our code, plug-ins, libraries, the ontology."""
    plugins = sorted({m for s in sources if (m := _package_of(s)) != "nastdata"})
    return hash_parts(
        hash_code(),
        [(p, _hash_package(p)) for p in plugins],
        {name: find_version(name) for name in LIBRARIES},
        sys.version,
        ontology.fingerprint,
    )


def hash_source(base: str, recipe: BuildRecipe, source: Source) -> str:
    """Return a hash of what a source reads: its settings, and names, sizes and times of what it finds.

    The content of the files is compared when its result is taken up (``results.is_current``).
    """
    data = recipe.data.get(source.name)
    found, _ = source.find(data)
    settings = dump_recipe(recipe)
    return hash_parts(
        base,
        source.name,
        type(recipe).__name__,
        (source.description or b"").decode("utf-8", "replace"),
        {k: settings.get(k) for k in OF_A_SOURCE},
        recipe.images.views,
        str(data.absolute()) if data is not None else None,
        hash_listing(describe_source(found, data)),
    )


def hash_design(base: str, recipe: BuildRecipe, config: str, studies: str) -> str:
    """Return a hash of what a config's design follows from."""
    settings = {k: v for k, v in dump_recipe(recipe).items() if k not in AFTER_DESIGN}
    return hash_parts(base, config, settings, studies)


def hash_words(design: str, recipe: BuildRecipe) -> str:
    """Return a hash of what a config's worded rows follow from."""
    return hash_parts(design, dump_recipe(recipe)["writer"])


def hash_audit(recipe: BuildRecipe, rows: Mapping[str, str]) -> str:
    """Return a hash of what an audit follows from: the rows of each config, and the whole recipe."""
    return hash_parts(dict(rows), dump_recipe(recipe))


def _package_of(source: Source) -> str:
    module = getattr(source.load_facts, "__module__", None) or "nastdata"
    return str(module).partition(".")[0]


def _hash_package(name: str) -> str:
    module = import_module(name)
    folders = [Path(p) for p in getattr(module, "__path__", [])]
    if folders:
        return hash_folders(folders)
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else name
