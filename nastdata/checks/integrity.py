"""Is the folder whole: files, hashes, columns, row counts, and a manifest that agrees with itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastdata import __version__
from nastdata.checks.verdicts import Bad, Ledger
from nastdata.dataset import manifest as manifests
from nastdata.dataset.folder import DatasetFolder, check_plain
from nastdata.dataset.kept import find_kept_ontology
from nastdata.errors import UserError, name_nearest
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Ontology, load_ontology
from nastdata.provenance import find_revision
from nastdata.records import COLUMN_ORDER, SPLITS

SHARD = re.compile(r"(?P<split>[a-z]+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.parquet")
OLDER = (1,)
"""Formats of older versions that are read as they are."""
DOCUMENTS = ("README.md", "croissant.json", "report.html", "rejects.parquet")
IMAGE_COLUMNS = ("image", "distractor_image")
"""Hold a path, or the image itself."""


@dataclass(frozen=True)
class Opened:
    """A folder and what may be said of its rows."""

    folder: DatasetFolder
    frames: dict[str, pl.DataFrame]
    """Config -> its rows without images, with ``split`` and ``key``; only those whose columns are right."""
    ontology: Ontology
    recipe: dict[str, Any]
    """The recipe of the manifest; empty without one."""

    def setting(self, *path: str) -> Any:
        """Return a setting of the recipe, or None."""
        value: Any = self.recipe
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value


def open_folder(path: Path, ledger: Ledger) -> Opened:
    """Open a folder, enter the verdicts on its files, and read what can be read.

    Raises:
        UserError: if there is no such folder, or no parquet file in it that belongs to a config.
    """
    if not path.is_dir():
        what = "not a folder" if path.exists() else "no such folder"
        raise UserError(what, where=str(path), how="give the folder that `nastdata build` wrote")
    files = _find_files(path)
    if not files:
        raise UserError(
            "no dataset: no data/<config>/<split>-*.parquet in it",
            where=str(path),
            how="configs are " + ", ".join(COLUMN_ORDER),
        )
    check_plain(p for splits in files.values() for paths in splits.values() for p in paths)
    broken: list[Bad] = []
    try:
        manifest = manifests.read_manifest(path)
    except UserError as e:
        manifest = None
        broken.append(Bad(e.what, manifests.NAME))
    folder = DatasetFolder(path, manifest, files)
    recipe = (manifest or {}).get("recipe")
    recipe = recipe if isinstance(recipe, dict) else {}
    ontology = _check_manifest(ledger, path, manifest, recipe, broken)
    _check_files(ledger, folder)
    _check_hashes(ledger, folder)
    frames = {
        config: frame for config in files if (frame := _read_config(ledger, folder, config)) is not None
    }
    _check_rejects(ledger, folder)
    return Opened(folder, frames, ontology, recipe)


def _find_files(path: Path) -> dict[str, dict[str, tuple[Path, ...]]]:
    out: dict[str, dict[str, tuple[Path, ...]]] = {}
    for config in COLUMN_ORDER:
        splits: dict[str, tuple[Path, ...]] = {
            s: tuple(sorted((path / "data" / config).glob(f"{s}-*.parquet"))) for s in SPLITS
        }
        if any(splits.values()):
            out[config] = {s: p for s, p in splits.items() if p}
    return out


def _check_manifest(
    ledger: Ledger, path: Path, manifest: dict[str, Any] | None, recipe: dict[str, Any], bad: list[Bad]
) -> Ontology:
    """Check what the manifest says of itself; return the ontology that the rows are to be read with."""
    name = find_kept_ontology(path, recipe)
    if manifest is None:
        if bad:
            ledger.add("manifest", None, 1, bad)
        else:
            ledger.skip("manifest", None, "no manifest.json: made by others, or by hand")
        return load_ontology(name)
    from nastdata.recipe import check_recipe, fingerprint

    try:
        ontology = load_ontology(name)
    except UserError as e:
        ledger.add("manifest", None, 1, [*bad, Bad(str(e), "recipe.ontology")])
        return load_ontology("chest_xray")
    doubts: list[Bad] = []
    made = manifest.get("format")
    if made in OLDER:
        doubts.append(
            Bad(f"format {made}, of nastdata 0.1: bring it up to date with `nastdata migrate`", "format")
        )
    elif made != manifests.FORMAT:
        bad.append(Bad(f"format {made!r} is not {manifests.FORMAT}", "format"))
    try:
        if not recipe:
            bad.append(Bad("no recipe", "recipe"))
        elif fingerprint(check_recipe(recipe, where="recipe")) != manifest.get("fingerprint"):
            doubts.append(Bad("the recipe is not the one of the fingerprint", "fingerprint"))
    except (UserError, KeyError) as e:
        doubts.append(Bad(f"no valid recipe ({e})", "recipe"))
    if (manifest.get("nastdata"), manifest.get("git_revision")) == (__version__, find_revision()):
        bad += doubts
        doubts = []
    if recipe and recipe.get("seed") != manifest.get("seed"):
        bad.append(Bad("the seed is not the recipe's", "seed"))
    names = [s.get("name") for s in manifest.get("sources", ()) if isinstance(s, dict)]
    if recipe and names != list(recipe.get("source", ())):
        bad.append(Bad("the sources are not the recipe's", "sources"))
    bad += [
        Bad(f"no '{key}'", key) for key in ("rows", "outputs", "counts", "libraries") if not manifest.get(key)
    ]
    bad += _check_counts(manifest)
    ledger.add("manifest", None, 11, bad)
    about = manifest.get("ontology")
    if not isinstance(about, dict) or about.get("sha256") != ontology.fingerprint:
        doubts.append(Bad("the ontology of today is another one than it was built with", "ontology"))
    if doubts:
        # Another version may have other keys and another way to take the fingerprint: no proof of an edit.
        ledger.add("manifest", None, 2, doubts, warn=True)
    return ontology


def _check_counts(manifest: dict[str, Any]) -> list[Bad]:
    """Rows that were accepted have to be the rows that are there."""
    counts, rows = manifest.get("counts"), manifest.get("rows")
    texts = counts.get("text") if isinstance(counts, dict) else None
    if not isinstance(texts, dict) or not isinstance(rows, dict):
        return []
    return [
        Bad(
            f"{config}: {report['accepted']} rows accepted, but {sum(rows[config].values())} recorded",
            "counts",
        )
        for config, report in texts.items()
        if isinstance(report, dict)
        and isinstance(rows.get(config), dict)
        and report.get("accepted", sum(rows[config].values())) != sum(rows[config].values())
    ]


def _check_files(ledger: Ledger, folder: DatasetFolder) -> None:
    found = {
        p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*") if p.is_file() or p.is_symlink()
    } - {manifests.NAME}
    bad = [Bad("not a config of ours", name) for name in sorted(found) if _is_strange(name)]
    bad += [Bad("link to another place", n) for n in sorted(found) if (folder.path / n).is_symlink()]
    for config, splits in folder.files.items():
        for split, paths in splits.items():
            bad += _check_shards(f"data/{config}", split, paths)
    if folder.manifest is None:
        ledger.add("files", None, len(found), bad, note="shards only: no manifest names the files")
        return
    named = set(_outputs(folder))
    bad += [Bad("missing", name) for name in sorted(named - found)]
    bad += [Bad("not in the manifest", name) for name in sorted(found - named) if not _is_strange(name)]
    ledger.add("files", None, len(named | found), bad)


def _is_strange(name: str) -> bool:
    """Whether a file under ``data/`` belongs to no config and split."""
    parts = name.split("/")
    if parts[0] != "data":
        return False
    match = SHARD.fullmatch(parts[-1])
    return len(parts) != 3 or parts[1] not in COLUMN_ORDER or not match or match["split"] not in SPLITS


def _check_shards(where: str, split: str, paths: tuple[Path, ...]) -> list[Bad]:
    """Every shard of N has to be there, once."""
    matches = [m for p in paths if (m := SHARD.fullmatch(p.name))]
    counts = {int(m["count"]) for m in matches}
    if len(counts) > 1:
        return [Bad("shards of several numberings", f"{where}/{split}", split)]
    there = {int(m["number"]) for m in matches}
    return [
        Bad("missing shard", f"{where}/{split}-{i:05d}-of-{n:05d}.parquet", split)
        for n in counts
        for i in range(n)
        if i not in there
    ]


def _check_hashes(ledger: Ledger, folder: DatasetFolder) -> None:
    if folder.manifest is None:
        ledger.skip("hashes", None, "no manifest records any")
        return
    named = {n: h for n, h in _outputs(folder).items() if (folder.path / n).is_file()}
    bad = [
        Bad("another sha256 than recorded", name)
        for name, wanted in named.items()
        if manifests.hash_file(folder.path / name) != wanted
    ]
    ledger.add("hashes", None, len(named), bad)


def _outputs(folder: DatasetFolder) -> dict[str, str]:
    named = (folder.manifest or {}).get("outputs")
    return named if isinstance(named, dict) else {}


def _read_config(ledger: Ledger, folder: DatasetFolder, config: str) -> pl.DataFrame | None:
    """Check a config's columns and row counts; return its rows if they can be used."""
    schema = config_schema(config)
    paths = [(split, p) for split, ps in folder.files[config].items() for p in ps]
    wrong: list[Bad] = []
    unreadable: list[Bad] = []
    usable = True
    parts = []
    for split, path in paths:
        name = path.relative_to(folder.path).as_posix()
        try:
            found = dict(pl.read_parquet_schema(path))
            old = [c for c, t in schema.items() if _is_older(found.get(c), t)]
            found |= {c: schema[c] for c in old}
            reasons, fit = _compare_columns(found, schema)
            wrong += [Bad(reason, name, split) for reason in reasons]
            usable &= fit
            if fit:
                wanted = [c for c in schema if c not in IMAGE_COLUMNS]
                part = pl.read_parquet(path, columns=wanted).with_columns(pl.lit(split).alias("split"))
                parts.append(part.with_columns(_add_fields(part.schema[c], c, schema[c]) for c in old))
        except (pl.exceptions.PolarsError, OSError) as e:
            unreadable.append(Bad(f"damaged ({str(e).splitlines()[0][:120]})", name, split))
    ledger.add("readable", config, len(paths), unreadable)
    ledger.add("columns", config, len(paths), wrong)
    if unreadable or not usable or not parts:
        return None
    columns = [*(c for c in COLUMN_ORDER[config] if c not in IMAGE_COLUMNS), "split"]
    frame = pl.concat([p.select(columns) for p in parts]).with_columns(pl.col(columns[0]).alias("key"))
    _check_rows(ledger, folder, config, frame)
    return frame


def _compare_columns(found: dict[str, Any], schema: dict[str, pl.DataType]) -> tuple[list[str], bool]:
    """Return what is wrong with a file's columns, and whether its rows can be used all the same."""
    lacking = [c for c in schema if c not in found]
    wrong = [c for c, t in schema.items() if c in found and found[c] != t and not _is_image(c, found[c])]
    out = [f"no column '{c}' ({name_nearest(c, found)})" for c in lacking]
    out += [f"column '{c}' is {found[c]}, not {schema[c]}" for c in wrong]
    out += [f"column '{c}' is none of ours" for c in found if c not in schema]
    if not out and list(found) != list(schema):
        out.append("columns in another order")
    return out, not wrong and not any(c not in IMAGE_COLUMNS for c in lacking)


def _is_older(found: Any, wanted: pl.DataType) -> bool:
    """Whether a struct lacks only fields at its end, added later and null in older folders."""
    if not (isinstance(found, pl.Struct) and isinstance(wanted, pl.Struct)):
        return False
    n = len(found.fields)
    return n < len(wanted.fields) and found.fields == wanted.fields[:n]


def _add_fields(found: Any, column: str, wanted: Any) -> pl.Expr:
    there = [pl.col(column).struct.field(f.name) for f in found.fields]
    added = [pl.lit(None, f.dtype).alias(f.name) for f in wanted.fields[len(found.fields) :]]
    return pl.struct(*there, *added).alias(column)


def _is_image(column: str, dtype: Any) -> bool:
    embedded = pl.Struct({"bytes": pl.Binary(), "path": pl.String()})
    return column in IMAGE_COLUMNS and dtype == embedded


def _check_rows(ledger: Ledger, folder: DatasetFolder, config: str, frame: pl.DataFrame) -> None:
    recorded = (folder.manifest or {}).get("rows")
    recorded = recorded.get(config) if isinstance(recorded, dict) else None
    if not isinstance(recorded, dict):
        ledger.skip("rows", config, "no manifest records any")
        return
    found = dict(frame["split"].value_counts().iter_rows())
    bad = [
        Bad(f"{found.get(s, 0)} rows, not {recorded.get(s, 0)}", f"{config}/{s}", s)
        for s in dict.fromkeys([*SPLITS, *recorded])
        if found.get(s, 0) != recorded.get(s, 0)
    ]
    ledger.add("rows", config, len(frame), bad)


def _check_rejects(ledger: Ledger, folder: DatasetFolder) -> None:
    """Every reject has a reason, and they are as many as the manifest counts."""
    try:
        rejects = folder.read_rejects()
    except UserError as e:
        ledger.add("rejects", None, 1, [Bad(e.what, "rejects.parquet")])
        return
    if rejects is None:
        ledger.skip("rejects", None, "no rejects.parquet")
        return
    if dict(rejects.schema) != REJECTS_SCHEMA:
        ledger.add("rejects", None, 1, [Bad("other columns than ours", "rejects.parquet")])
        return
    blank = rejects.filter(pl.col("reason").fill_null("").str.strip_chars() == "")
    bad = [Bad("no reason", key) for key in blank["key"]]
    counts = (folder.manifest or {}).get("counts")
    recorded = counts.get("rejects") if isinstance(counts, dict) else None
    if isinstance(recorded, dict):
        found = dict(rejects["reason"].drop_nulls().value_counts().iter_rows())
        reasons = sorted({*found, *recorded})
        bad += [
            Bad(f"{found.get(r, 0)} rejects, not {recorded.get(r, 0)}", r)
            for r in reasons
            if found.get(r, 0) != recorded.get(r, 0)
        ]
    ledger.add("rejects", None, len(rejects), bad)
