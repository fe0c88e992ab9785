"""Rebuilding from a bundle: the recipe as it was, one's own copy of the data, and the comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nastdata.dataset import manifest as manifests
from nastdata.dataset.kept import SOURCES
from nastdata.errors import UserError
from nastdata.ontology import load_ontology
from nastdata.publishing.bundle import NAME, SUMS
from nastdata.recipe import check_recipe
from nastdata.text_input.yaml_files import read_yaml


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and is whole."""

    path: Path
    content: dict[str, Any]

    @property
    def outputs(self) -> dict[str, str]:
        """Data files that a rebuild must give, with their sha256s."""
        return dict(self.content["outputs"])


def read_bundle(path: Path) -> Bundle:
    """Open a bundle and check it against its checksums.

    Raises:
        UserError: if it is none, is damaged, or is one that holds the rows themselves.
    """
    if not (path / NAME).is_file():
        raise UserError("no bundle (no bundle.json in it)", where=str(path), how="see nastdata bundle --help")
    try:
        content = json.loads((path / NAME).read_text(encoding="utf-8"))
        sums = (path / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as e:
        raise UserError(f"not a readable bundle ({str(e).splitlines()[0]})", where=str(path)) from e
    if content.get("kind") != "rebuild":
        raise UserError("holds the rows themselves: there is nothing to rebuild", where=str(path))
    for line in sums:
        sha, _, name = line.partition("  ")
        if not (path / name).is_file() or manifests.hash_file(path / name) != sha:
            raise UserError("damaged: not as SHA256SUMS.txt records it", where=str(path / name))
    return Bundle(path, content)


def recall_recipe(bundle: Bundle) -> Any:
    """Return the recipe of a bundle, with its ontology, and its answers where a language model wrote.

    Raises:
        UserError: if the recipe is not one of this nastdata.
    """
    where = bundle.path / "recipe.yaml"
    data = read_yaml(where)
    data["ontology"] = _choose_ontology(bundle, str(data["ontology"]))
    own = {n: bundle.path / SOURCES / f"{n}.yaml" for n in data.get("source", ())}
    data["source"] = [str(p) if p.is_file() else n for n, p in own.items()]
    answers = bundle.path / "answers.jsonl"
    if answers.is_file():
        data["writer"]["cache"] = str(_restore_answers(bundle, answers))
    return check_recipe(data, where=str(where))


def compare(bundle: Bundle, built: Path) -> list[str]:
    """Return the data files of a rebuild that are missing, too many, or differ from the original's."""
    wanted = bundle.outputs
    found = {
        n: sha
        for n, sha in manifests.hash_outputs(built).items()
        if n.startswith("data/") or n == "rejects.parquet"
    }
    return sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))


def explain(bundle: Bundle, built: Path) -> str:
    """Return why a rebuild differs, as far as the two manifests tell: inputs first, then versions."""
    made = manifests.read_manifest(built) or {}
    inputs = {f["name"]: f["sha256"] for s in bundle.content["sources"] for f in s["files"]}
    mine = {f["name"]: f["sha256"] for s in made.get("sources", []) for f in s["files"]}
    other = sorted(n for n in inputs if mine.get(n) != inputs[n])
    if other:
        return f"other input files than the original's: {', '.join(other)}"
    versions = {"nastdata": bundle.content["nastdata"], **bundle.content["libraries"]}
    own = {"nastdata": made.get("nastdata"), **made.get("libraries", {})}
    changed = [f"{n} {own.get(n)} (was {v})" for n, v in versions.items() if own.get(n) != v]
    return f"other versions: {', '.join(changed)}" if changed else "inputs and versions are the same"


def _choose_ontology(bundle: Bundle, name: str) -> str:
    """Return the name where that ontology is the same, so that the manifest is too; else the file."""
    own = str(bundle.path / "ontology.yaml")
    try:
        same = load_ontology(name).fingerprint == bundle.content["ontology"]["sha256"]
    except UserError:
        return own
    return name if same else own


def _restore_answers(bundle: Bundle, answers: Path) -> Path:
    """Put a bundle's answers into an answer cache of its own in the user's cache folder."""
    from nastdata.llm.base import Answer
    from nastdata.llm.cache import AnswerCache, find_cache

    place = find_cache(None).with_name(f"bundle-{manifests.hash_file(answers)[:16]}.sqlite")
    store = AnswerCache(place)
    with answers.open(encoding="utf-8") as lines:
        entries = map(json.loads, lines)
        store.add_answers((entry["key"], Answer(**entry["answer"])) for entry in entries)
    store.close()
    return place
