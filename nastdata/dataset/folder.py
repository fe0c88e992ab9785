"""The dataset folder: written whole or not at all, read back lazily.

``README.md  croissant.json  manifest.json  report.html  rejects.parquet`` and
``data/<config>/<split>-00000-of-0000N.parquet``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import TemplateError

from nastdata.dataset import manifest as manifests
from nastdata.dataset.atomic import clear_stale, explain_os_error, replace_folder, write_file
from nastdata.dataset.binding import bind_images, bind_rows
from nastdata.dataset.documents import render_documents
from nastdata.dataset.kept import recall_recipe
from nastdata.dataset.parquet import Shards, Written, write_config, write_rejects
from nastdata.errors import UserError, name_nearest
from nastdata.images.embed import Embedder
from nastdata.images.find import ImageLoader, Tally
from nastdata.records import COLUMN_ORDER, SPLITS
from nastdata.text_input.plain_files import is_plain


@dataclass(frozen=True)
class DatasetFolder:
    """A folder on disk. ``manifest`` is None for a folder made by others in our columns."""

    path: Path
    manifest: dict[str, Any] | None
    files: dict[str, dict[str, tuple[Path, ...]]]
    """Config -> split -> its parquet files, in order."""
    notes: tuple[str, ...] = field(default=())
    """What a reader should be told: no manifest, folders that are no config of ours."""

    @property
    def recipe(self) -> dict[str, Any] | None:
        """The manifest's recipe, with the folder's own copy of the ontology as its ontology."""
        return recall_recipe(self.path, (self.manifest or {}).get("recipe"))

    @property
    def configs(self) -> tuple[str, ...]:
        """Names of the configs that have files."""
        return tuple(self.files)

    def scan(self, config: str, split: str | None = None) -> pl.LazyFrame:
        """Return a config's rows, with their ``split``, lazily.

        Raises:
            UserError: if there is no such config or split.
        """
        if config not in self.files:
            raise UserError("no such config", where=config, how=name_nearest(config, self.files))
        splits = self.files[config]
        if split is not None and split not in splits:
            raise UserError(f"no split '{split}'", where=config, how=name_nearest(split, splits))
        wanted = splits if split is None else {split: splits[split]}
        parts = [
            pl.scan_parquet(list(paths)).with_columns(pl.lit(name, pl.String).alias("split"))
            for name, paths in wanted.items()
        ]
        return pl.concat(parts)

    def read(self, config: str, split: str | None = None) -> pl.DataFrame:
        """Return a config's rows, with their ``split``.

        Raises:
            UserError: if there is no such config or split, or a file is damaged.
        """
        try:
            return self.scan(config, split).collect()
        except (pl.exceptions.PolarsError, OSError, ValueError, TypeError) as e:
            first = str(e).splitlines()[0]
            where = f"{self.path}: {config}"
            raise UserError(f"damaged or of different columns ({first})", where=where) from e

    def read_rejects(self) -> pl.DataFrame | None:
        """Return the rejects, or None if the folder has none.

        Raises:
            UserError: if the file is damaged.
        """
        path = self.path / "rejects.parquet"
        if not path.exists() and not path.is_symlink():
            return None
        check_plain([path])
        try:
            return pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as e:
            raise UserError(f"damaged ({str(e).splitlines()[0]})", where=str(path)) from e


def check_output(out: Path) -> None:
    """Refuse, before any work is done, a place where no dataset folder may or can be written.

    Also clears away what a killed build left beside it.

    Raises:
        UserError: if ``out`` is a file, a folder of something else, or its parent is not writable.
    """
    if out.exists() and not out.is_dir():
        raise UserError("a file of that name exists", where=str(out), how="choose another --out")
    parent = next(p for p in out.absolute().parents if p.exists())
    if not parent.is_dir():
        raise UserError("not a folder", where=str(parent), how="choose another --out")
    try:
        Path(tempfile.mkdtemp(prefix=f".{out.name}.try-", dir=parent)).rmdir()
        clear_stale(out)
        held = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
    except OSError as e:
        raise explain_os_error(e, parent) from e
    if held and not _is_ours(out):
        some = ", ".join(held[:3]) + (" ..." if len(held) > 3 else "")
        raise UserError(
            f"holds other things ({some}) and no dataset of ours",
            where=str(out),
            how="choose another --out, or empty it yourself",
        )


def write_dataset(
    out: Path,
    configs: Mapping[str, pl.DataFrame],
    rejects: pl.DataFrame,
    manifest: Mapping[str, Any],
    *,
    embedder: Embedder | None = None,
    image_loader: ImageLoader | None = None,
    kept: Mapping[str, bytes] | None = None,
    shards: Shards | None = None,
) -> Path:
    """Write a dataset folder in one step: a reader, or a crash, sees the old one or the new one.

    Args:
        out: the folder; one of ours that is there already is replaced.
        configs: config -> its columns (``records.COLUMN_ORDER``) plus ``split``.
        rejects: ``frames.REJECTS_SCHEMA``.
        manifest: the pipeline's account (``lineage.describe_build``); row counts and hashes are added.
        embedder: converted images, to be stored in the parquet files.
        image_loader: finds images, to show some in the report.
        kept: file name -> content of what the folder keeps of its origin (``kept.list_kept``).
        shards: parquet files that an interrupted build has finished.

    Raises:
        UserError: if the place is not ours or not writable, or the disk is full.
    """
    check_output(out)
    with replace_folder(out) as partial:
        written: dict[str, Written] = {}
        tally = Tally()
        for name, frame in configs.items():
            written[name] = write_config(partial / "data" / name, name, frame, embedder, shards)
            tally.merge(written[name].images)
        write_rejects(partial / "rejects.parquet", rejects)
        for name, content in (kept or {}).items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_bytes(content)
        embedded: dict[str, Any] | None = None
        if embedder is not None:
            embedded = {"embedded": tally.found, "missing": tally.missing, "examples": tally.examples}
            embedded |= embedder.describe()
        whole = manifests.finish_manifest(
            manifest,
            rows={name: w.rows for name, w in written.items()},
            arrow_bytes={name: w.arrow_bytes for name, w in written.items()},
            images=embedded,
        )
        whole["bindings"] = {
            name: {
                "rows": bind_rows(name, frame),
                "images": bind_images(_list_files(partial / "data" / name), name),
            }
            for name, frame in configs.items()
            if len(frame)
        }
        whole["outputs"] = manifests.hash_outputs(partial)
        _write_documents(partial, whole, configs, rejects, image_loader)
    return out


def read_dataset(path: Path | str) -> DatasetFolder:
    """Open a dataset folder, ours or somebody else's in our columns; rows are read when asked for.

    Raises:
        UserError: if there is no such folder, or no parquet file in it that belongs to a config.
    """
    folder = Path(path)
    if not folder.exists():
        clear_stale(folder)
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise UserError(what, where=str(folder), how="give the folder that `nastdata build` wrote")
    manifest = manifests.read_manifest(folder)
    notes: tuple[str, ...] = ()
    if manifest is None:
        notes = ("no manifest.json: made by others, or by hand; nothing to compare it with",)
    elif manifest.get("format") != manifests.FORMAT:
        old = f"format {manifest.get('format')}, from nastdata {manifest['nastdata']}"
        notes = (f"{old}: `nastdata migrate {folder}` brings it up to date",)
    files: dict[str, dict[str, tuple[Path, ...]]] = {}
    strange = []
    for sub in sorted(p for p in (folder / "data").glob("*") if p.is_dir()):
        if sub.name not in COLUMN_ORDER:
            strange.append(f"data/{sub.name} is no config of ours and is left alone")
            continue
        splits = {s: tuple(sorted(sub.glob(f"{s}-*.parquet"))) for s in SPLITS}
        files[sub.name] = {s: paths for s, paths in splits.items() if paths}
    check_plain(p for splits in files.values() for paths in splits.values() for p in paths)
    order = [*(manifest or {}).get("rows", {}), *files]
    files = {name: files[name] for name in dict.fromkeys(order) if files.get(name)}
    if not files:
        raise UserError(
            "no dataset: no data/<config>/<split>-*.parquet in it",
            where=str(folder),
            how="configs are " + ", ".join(COLUMN_ORDER),
        )
    return DatasetFolder(folder, manifest, files, (*notes, *strange))


def check_plain(paths: Iterable[Path]) -> None:
    """Refuse what is no plain file, before a reader that would wait for it, or read it without end.

    Raises:
        UserError: if one is a folder, a device, a pipe or a link to nothing.
    """
    for path in paths:
        if not is_plain(path):
            raise UserError("no plain file", where=str(path), how="remove it")


def update_dataset(
    folder: DatasetFolder,
    changes: Mapping[str, Any],
    image_loader: ImageLoader | None = None,
    kept: Mapping[str, bytes] | None = None,
    *,
    accept: Callable[[Path], None] = lambda partial: None,
) -> None:
    """Change manifest keys (``{"audit": ...}``) and write card, Croissant and report anew, in one step.

    Data files are linked, not copied, and keep the hashes that the manifest records for them, so that
    damage to them is not blessed. A folder without a manifest gets a report only. ``kept`` are files to add
    or to replace, by name, such as the records of a review. ``accept`` looks at the new folder before it
    takes its place, and keeps the old one by raising.

    Raises:
        UserError: if the folder can't be written or the disk is full.
    """
    frames = {name: folder.read(name) for name in folder.configs}
    rejects = folder.read_rejects()
    documents = {"README.md", "croissant.json", "report.html", manifests.NAME}
    if folder.manifest is None:
        page = _render({"nastdata": None, "rows": _count(frames)}, frames, rejects, image_loader)
        write_file(folder.path / "report.html", page["report.html"])
        return
    whole = {**folder.manifest, **changes}
    outputs = {k: v for k, v in whole.pop("outputs", {}).items() if k not in documents}
    outputs |= {name: manifests.hash_bytes(content) for name, content in (kept or {}).items()}
    whole["outputs"] = outputs
    with replace_folder(folder.path) as partial:
        _link_tree(folder.path, partial, leave=documents | set(kept or ()))
        for name, content in (kept or {}).items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_bytes(content)
        _write_documents(partial, whole, frames, rejects, image_loader)
        accept(partial)


def _write_documents(
    partial: Path,
    manifest: dict[str, Any],
    frames: Mapping[str, pl.DataFrame],
    rejects: pl.DataFrame | None,
    image_loader: ImageLoader | None,
) -> None:
    """Write card, Croissant, report, and at last the manifest with their hashes."""
    for name, content in _render(manifest, frames, rejects, image_loader).items():
        (partial / name).write_bytes(content)
        manifest["outputs"][name] = manifests.hash_bytes(content)
    manifest["outputs"] = dict(sorted(manifest["outputs"].items()))
    (partial / manifests.NAME).write_bytes(manifests.dump_manifest(manifest))


def _render(
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    rejects: pl.DataFrame | None,
    image_loader: ImageLoader | None,
) -> dict[str, bytes]:
    """Render card, Croissant and report; a manifest or rows of others may be of any form.

    Raises:
        UserError: if they hold what nastdata does not write, with what is wrong.
    """
    try:
        return render_documents(manifest, frames, rejects, image_loader)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as e:
        raise _explain(e) from e
    except (TemplateError, RecursionError, pl.exceptions.PolarsError) as e:
        raise _explain(e) from e


def _explain(e: Exception) -> UserError:
    what = f"manifest or rows hold other values than nastdata writes ({type(e).__name__}: {str(e)[:160]})"
    return UserError(what, how="nastdata validate DIR names what is wrong")


def _list_files(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return split -> the parquet files of one config's folder."""
    return {s: tuple(sorted(folder.glob(f"{s}-*.parquet"))) for s in SPLITS}


def _count(frames: Mapping[str, pl.DataFrame]) -> manifests.Rows:
    return {n: {s: int((f["split"] == s).sum()) for s in SPLITS} for n, f in frames.items()}


def _is_ours(out: Path) -> bool:
    try:
        return manifests.read_manifest(out) is not None
    except UserError:
        return False


def _link_tree(source: Path, to: Path, leave: set[str]) -> None:
    """Give every file of a folder a second name in another; copy where links aren't possible."""
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if name.as_posix() in leave:
            continue
        if path.is_dir():
            (to / name).mkdir(exist_ok=True)
            continue
        try:
            os.link(path, to / name)
        except OSError:
            shutil.copy2(path, to / name)
