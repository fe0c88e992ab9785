"""Folders of older versions, brought up to date: ``nastdata migrate``.

Rows are not touched. What is new in the folder (``ontology.yaml``, digests of the rows, keys of the recipe)
is added. The result has to be sound in itself (``SOUND``) before it takes the old folder's place; what else
does not pass today's rules, which may be stricter than those of its time, is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nastdata import __version__
from nastdata.checks.run import validate_folder
from nastdata.dataset.binding import bind_images, bind_rows
from nastdata.dataset.folder import DatasetFolder, read_dataset, update_dataset
from nastdata.dataset.kept import ONTOLOGY, find_kept_ontology
from nastdata.dataset.manifest import FORMAT, hash_file
from nastdata.errors import UserError
from nastdata.images.store import open_store
from nastdata.ontology import find_ontology_file, load_ontology
from nastdata.recipe import check_recipe, dump_recipe, fingerprint

MEANT: dict[str, dict[str, Any]] = {
    "contextual": {"claims": {"max_share": None, "k_least": None}, "captions": {"max_share": None}},
}
"""Kind of recipe -> what version 0.1 did where the key did not exist and today's default is another."""


SOUND = frozenset(
    {
        "readable",
        "manifest",
        "files",
        "hashes",
        "columns",
        "binding",
        "provenance",
        "splits",
        "keys",
        "patients",
    }
)
"""Rules that say whether a folder is what its manifest says; the others say how good its rows are."""


@dataclass(frozen=True)
class Migrated:
    """What a migration did."""

    before: int
    after: int
    added: tuple[str, ...]
    """Files, and keys of the manifest and the recipe, that are new."""
    ontology_changed: bool
    """Whether the ontology of today is another one than the folder was built with."""
    failed_rules: tuple[str, ...] = ()
    """Rules of today that its rows do not pass."""

    @property
    def done(self) -> bool:
        """Whether there was anything to do."""
        return self.before != self.after


def migrate(path: Path) -> Migrated:
    """Bring a folder of an older version up to date, in one step.

    Raises:
        UserError: if it has no manifest, files were changed since it was built, or its rows do not pass
            today's rules; the folder is left as it is.
    """
    folder = read_dataset(path)
    manifest = folder.manifest
    if manifest is None:
        raise UserError(
            "no manifest.json: nothing says what to migrate from",
            where=str(path),
            how="folders without a manifest can be read without one; build the dataset again for a manifest",
        )
    before = manifest.get("format")
    if before == FORMAT:
        return Migrated(FORMAT, FORMAT, (), ontology_changed=False)
    if before != 1:
        raise UserError(f"format {before!r} is not known", where=str(path), how="known: 1, 2")
    _check_hashes(folder, manifest)
    changes, added, ontology_changed = _renew(folder, manifest)
    failed: list[str] = []
    store = open_store(folder.recipe)
    update_dataset(
        folder,
        changes,
        store.read if store is not None else None,
        kept=added,
        accept=lambda partial: failed.extend(_judge(partial, path)),
    )
    new = [
        *added,
        *(k for k in changes if k not in manifest),
        *_list_new(manifest["recipe"], changes["recipe"]),
    ]
    return Migrated(1, FORMAT, tuple(new), ontology_changed, tuple(failed))


def _check_hashes(folder: DatasetFolder, manifest: Mapping[str, Any]) -> None:
    """Refuse a folder whose files are not those that the manifest names."""
    outputs = manifest.get("outputs") or {}
    changed = [
        n for n, h in outputs.items() if not (folder.path / n).is_file() or hash_file(folder.path / n) != h
    ]
    if changed or not outputs:
        what = f"{changed[0]} is not the file that was built" if changed else "the manifest names no files"
        raise UserError(
            what,
            where=str(folder.path),
            how="a migration keeps what was built; build the dataset again instead",
        )


def _renew(
    folder: DatasetFolder, manifest: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, bytes], bool]:
    """Return new manifest keys, new files, and whether the ontology has changed since."""
    given = manifest.get("recipe")
    if not isinstance(given, dict) or "recipe" not in given:
        raise UserError("the manifest has no recipe", where=str(folder.path), how="build the dataset again")
    recipe = check_recipe(_merge(MEANT.get(given["recipe"], {}), given), where=f"{folder.path}: recipe")
    name = find_kept_ontology(folder.path, given)
    file, ontology = find_ontology_file(name), load_ontology(name)
    recipe = recipe.model_copy(update={"ontology": ontology.name})
    was = (manifest.get("ontology") or {}).get("sha256")
    frames = {config: folder.read(config) for config in folder.configs}
    written = {
        config: dict(sorted(frame["realizer"].str.replace_all(r"#[^,]*", "").value_counts().iter_rows()))
        for config, frame in frames.items()
        if "realizer" in frame.columns
    }
    changes: dict[str, Any] = {
        "format": FORMAT,
        "recipe": dump_recipe(recipe),
        "fingerprint": fingerprint(recipe),
        "ontology": {
            **(manifest.get("ontology") or {}),
            "name": ontology.name,
            "version": ontology.version,
            "sha256": ontology.fingerprint,
            "review": ontology.review.model_dump(mode="json"),
            "file": ONTOLOGY,
        },
        "counts": {**(manifest.get("counts") or {}), "written_by": written},
        "warnings": list(manifest.get("warnings") or []),
        "empty_configs": dict(manifest.get("empty_configs") or {}),
        "migrated": {
            "from_format": 1,
            "by_nastdata": __version__,
            "fingerprint": manifest.get("fingerprint"),
            "ontology_sha256": was,
        },
        "bindings": {
            config: {"rows": bind_rows(config, frame), "images": bind_images(folder.files[config], config)}
            for config, frame in frames.items()
            if len(frame)
        },
    }
    return changes, {ONTOLOGY: file.read_bytes()}, was != ontology.fingerprint


def _judge(partial: Path, path: Path) -> tuple[str, ...]:
    """Return the rules that the rows do not pass; refuse a folder that is not sound in itself."""
    report = validate_folder(partial, audit=False, expectations=False)
    for verdict in report.verdicts:
        if verdict.outcome == "failed" and verdict.rule in SOUND:
            raise UserError(
                f"it does not pass the rule '{verdict.rule}' ({verdict.note}); left as it was",
                where=str(path),
                how=f"nastdata validate {path} shows all; build the dataset again to have it up to date",
            )
    return report.failed_rules


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which ``above`` wins, key by key."""
    out = dict(below)
    for key, value in above.items():
        inner = out.get(key)
        out[key] = (
            _merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
        )
    return out


def _list_new(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "recipe.") -> list[str]:
    out = []
    for key, value in new.items():
        if key not in old:
            out.append(prefix + key)
        elif isinstance(value, Mapping) and isinstance(old[key], Mapping):
            out += _list_new(old[key], value, f"{prefix}{key}.")
    return out
