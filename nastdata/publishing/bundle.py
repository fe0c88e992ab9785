"""Bundles: what rebuilds a dataset on a licensed user's machine, byte for byte, without its rows.

``bundle.json  recipe.yaml  ontology.yaml  wordings.parquet  README.md  SHA256SUMS.txt``; for own tables
``sources/NAME.yaml``; where
the terms allow ``ids.parquet``, and ``answers.jsonl`` where a language model wrote.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nastdata.dataset import manifest as manifests
from nastdata.dataset.atomic import replace_folder
from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.dataset.kept import SOURCES, find_kept_ontology
from nastdata.errors import UserError
from nastdata.exports import check_place
from nastdata.ontology import find_ontology_file, load_ontology
from nastdata.publishing.bundle_readme import describe_bundle, tell_bundle
from nastdata.terms import inherit_terms

NAME = "bundle.json"
SUMS = "SHA256SUMS.txt"
TEXTS = {
    "mednega": ("negated_choices", "affirmative_choices"),
    "contextual_claims": ("claims",),
    "contextual_captions": ("caption",),
    "probes": ("correct", "foil"),
    "opposition": ("prompt", "distractor_prompt"),
    "protocols": ("question", "choices"),
}
"""Config -> its columns of texts."""
IDS = ("source", "patient_id", "study_id", "image_id", "split")


@dataclass(frozen=True)
class Bundled:
    """A bundle that was written."""

    path: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]


def write_bundle(path: Path, out: Path, *, answers: Path | None = None) -> Bundled:
    """Pack recipe, ontology, wordings, and the identifiers that the terms allow.

    Args:
        path: a dataset folder that a build wrote.
        out: folder to write; an earlier bundle there is replaced, anything else refused.
        answers: the answer cache of a build by a language model; the user's own if None.

    Raises:
        UserError: if the folder has no manifest, or its ontology is no longer at hand as it was.
    """
    folder = _open(path)
    manifest = folder.manifest or {}
    _check_out(out, folder.path)
    if (manifest.get("review") or {}).get("applied"):
        raise UserError(
            "changed after a review: its recipe rebuilds the dataset as it was before",
            where=str(path),
            how="bundle the dataset that was reviewed, and pass on review/changes.json",
        )
    terms = inherit_terms(manifest.get("sources") or [])
    notes: list[str] = []
    with replace_folder(out) as partial:
        _write_recipe(partial, folder.path, manifest)
        _write_wordings(folder, partial / "wordings.parquet")
        if terms.may_publish == "yes":
            list_ids(folder).write_parquet(partial / "ids.parquet")
        else:
            notes.append(
                f"identifiers are left out: the terms of {', '.join(terms.strictest)} do not let them go"
            )
        notes += _write_answers(manifest, partial, answers)
        content = describe_bundle(manifest, hash_ids(folder), terms, notes)
        (partial / NAME).write_bytes(manifests.dump_json(content))
        (partial / "README.md").write_text(tell_bundle(content), encoding="utf-8")
        write_sums(partial)
    files = tuple(sorted(p.name for p in out.iterdir()))
    return Bundled(out, files, tuple(notes))


def write_physionet(path: Path, out: Path) -> Bundled:
    """Copy a whole dataset folder, with a checksum file and the terms, as PhysioNet takes submissions.

    Raises:
        UserError: if the folder is not as its manifest records it, or ``out`` holds other things.
    """
    from nastdata.publishing.publish import list_files

    folder = _open(path)
    _check_out(out, folder.path)
    terms = inherit_terms((folder.manifest or {}).get("sources") or [])
    names = list_files(folder)
    with replace_folder(out) as partial:
        for name in names:
            target = partial / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.path / name, target)
        text = f"{terms.licence_name}\n\n{terms.statement}\n" + "".join(f"{u}\n" for u in terms.licence_links)
        (partial / "LICENSE.txt").write_text(text, encoding="utf-8")
        about = {
            "nastdata_bundle": 1,
            "kind": "physionet",
            "fingerprint": (folder.manifest or {})["fingerprint"],
        }
        (partial / NAME).write_bytes(manifests.dump_json(about))
        write_sums(partial)
    return Bundled(
        *(out, (*sorted(names), "LICENSE.txt", NAME, SUMS)),
        ("it holds the rows: hand it to PhysioNet only, under the agreement of its sources",),
    )


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS.txt``, which ``sha256sum -c`` reads."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SUMS)
    lines = [f"{manifests.hash_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def list_ids(folder: DatasetFolder) -> pl.DataFrame:
    """Return the distinct studies of a dataset, sorted."""
    parts = [folder.scan(name).select(*IDS, pl.lit(name).alias("config")) for name in folder.configs]
    return pl.concat(parts).unique().sort("config", *IDS).collect()


def hash_ids(folder: DatasetFolder) -> dict[str, str]:
    """Return config -> sha256 of its whole list of studies, which tells only whether two lists are one."""
    ids = list_ids(folder)
    out: dict[str, str] = {}
    for name in folder.configs:
        digest = hashlib.sha256()
        for row in ids.filter(pl.col("config") == name).select(IDS).iter_rows():
            digest.update(("\x1f".join(map(str, row)) + "\n").encode())
        out[name] = digest.hexdigest()
    return out


def _open(path: Path) -> DatasetFolder:
    folder = read_dataset(path)
    if folder.manifest is None or not folder.manifest.get("recipe"):
        raise UserError(
            "has no manifest with a recipe, so nothing can rebuild it",
            where=str(path),
            how="bundle a folder that `nastdata build` wrote",
        )
    return folder


def _check_out(out: Path, dataset: Path) -> None:
    if (out / NAME).is_file() and not out.absolute().is_relative_to(dataset.absolute()):
        return
    if out.is_dir() and (out / "export.json").is_file():
        raise UserError("holds an export", where=str(out), how="choose another --out")
    check_place(out, dataset)


def _write_recipe(partial: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the recipe, its ontology, which must be as it was, and the descriptions of own tables."""
    recipe = manifest["recipe"]
    name = find_kept_ontology(folder, recipe)
    ontology = load_ontology(name)
    if ontology.fingerprint != manifest["ontology"]["sha256"]:
        raise UserError(
            "the ontology has changed since the build",
            where=str(name),
            how=f"use the nastdata {manifest['nastdata']} that built it, or build again",
        )
    shutil.copyfile(find_ontology_file(name), partial / "ontology.yaml")
    if (folder / SOURCES).is_dir():
        shutil.copytree(folder / SOURCES, partial / SOURCES)
    text = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)
    (partial / "recipe.yaml").write_text(text, encoding="utf-8")


def _write_wordings(folder: DatasetFolder, path: Path) -> None:
    """Write the distinct texts of every config: words about the vocabulary, tied to no patient."""
    parts = []
    for config in folder.configs:
        for column in TEXTS[config]:
            texts = folder.scan(config).select(column)
            if isinstance(texts.collect_schema()[column], pl.List):
                texts = texts.explode(column)
            texts = (
                texts.rename({column: "text"})
                .unique()
                .with_columns(pl.lit(config).alias("config"), pl.lit(column).alias("column"))
            )
            parts.append(texts.select("config", "column", "text"))
    pl.concat(parts).sort("config", "column", "text").collect().write_parquet(path)


def _write_answers(manifest: Mapping[str, Any], partial: Path, cache: Path | None) -> list[str]:
    """Write the language model's answers that the build used; return what is missing in words."""
    writer = manifest["recipe"].get("writer") or {}
    if writer.get("realizer", "template") == "template":
        return []
    if writer.get("per_item"):
        return ["answers are left out: they were asked study by study; a rebuild asks the model again"]
    from nastdata.llm.cache import AnswerCache, find_cache

    place = find_cache(cache)
    digest = (manifest.get("ledger") or {}).get("answers_sha256")
    keys: list[str] = []
    found: dict[str, Any] = {}
    if digest and place.is_file():
        store = AnswerCache(place)
        keys = store.list_answers(digest)
        found = {k: asdict(a) for k, a in store.get_many(keys).items()}
        store.close()
    lines = [json.dumps({"key": k, "answer": found[k]}, ensure_ascii=False) + "\n" for k in sorted(found)]
    (partial / "answers.jsonl").write_text("".join(lines), encoding="utf-8")
    if keys and len(found) == len(keys):
        return []
    return [
        f"not all answers of the build are in {place.name} ({len(found):,}): a rebuild asks for the others"
    ]
