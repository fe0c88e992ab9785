"""``Dataset``: a dataset folder as a Python object, with everything that the commands do to one."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nastdata.errors import UserError, name_nearest

if TYPE_CHECKING:
    import polars as pl

    from nastdata.api.preview import Preview
    from nastdata.audit.run import AuditReport
    from nastdata.checks.verdicts import Report
    from nastdata.dataset.folder import DatasetFolder
    from nastdata.dataset.load import Attached
    from nastdata.exports.shared.summary import Account

PathName = str | PathLike[str]


class Dataset:
    """A dataset: its folder, its rows, and what can be done with them.

    ``nastdata.build`` and ``nastdata.load`` return one. Rows are read from the folder when asked for.

    Args:
        path: A folder that ``nastdata build`` wrote, or one that others made in the same columns.

    Raises:
        UserError: If there is no such folder, or no dataset in it.
    """

    def __init__(self, path: PathName) -> None:
        from nastdata.dataset.folder import read_dataset

        self._folder = read_dataset(Path(path))
        self._kept = True

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def folder(self) -> DatasetFolder:
        """The folder as the lower level reads it: lazy frames (``scan``), files by split."""
        return self._folder

    @property
    def manifest(self) -> dict[str, Any]:
        """What ``manifest.json`` holds: recipe, versions, inputs, counts, audit; empty without one."""
        return dict(self._folder.manifest or {})

    @property
    def configs(self) -> tuple[str, ...]:
        """Names of the configs that have rows, such as ``mednega`` or ``contextual_claims``."""
        return self._folder.configs

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Config -> split -> number of rows."""
        recorded = self.manifest.get("rows")
        if recorded:
            return {c: dict(rows) for c, rows in recorded.items() if c in self.configs}
        import polars as pl

        return {
            c: {s: int(self._folder.scan(c, s).select(pl.len()).collect().item()) for s in splits}
            for c, splits in self._folder.files.items()
        }

    @property
    def rejects(self) -> pl.DataFrame | None:
        """What was left out of the dataset, a row each with its reason; None if the folder keeps none."""
        return self._folder.read_rejects()

    @property
    def problems(self) -> list[str]:
        """Checks of the build that failed, in words; empty if all passed or none was made."""
        from nastdata.report.fitness import list_problems

        return list_problems(self.manifest)

    @property
    def summary(self) -> str:
        """Two lines: what the dataset holds, and whether it is fit for its purpose."""
        from nastdata.report.fitness import summarise

        return "\n".join(summarise(self.manifest, self.counts))

    def rows(self, config: str | None = None, split: str | None = None) -> pl.DataFrame:
        """Return rows as a polars frame.

        Args:
            config: Which config; may be left out where there is one only.
            split: ``train``, ``validation`` or ``test``; all three if None.

        Returns:
            The config's columns (``docs/reference/columns.md``) and ``split``, a row for each item, claim
            set, caption or pair.

        Raises:
            UserError: If there is no such config or split, or a file is damaged.
        """
        return self._folder.read(self._choose(config), split)

    def preview(self, n: int = 3, config: str | None = None, split: str | None = None) -> Preview:
        """Return the first rows as readable text: the right answer is starred.

        Args:
            n: Rows of each config.
            config: Which config; all if None.
            split: Which split; all if None.

        Returns:
            An object that prints as text, and as a table in a notebook.

        Raises:
            UserError: If there is no such config or split, or ``n`` is less than 1.
        """
        from nastdata.api.preview import Preview

        if n < 1:
            raise UserError("at least one row can be shown", where=f"n={n}", how="give n=1 or more")
        names = self.configs if config is None else (self._choose(config),)
        found = {c: self._folder.scan(c, split).head(n).collect().to_dicts() for c in names}
        return Preview(found)

    def validate(
        self,
        *,
        audit: bool = True,
        expectations: bool = True,
        image_roots: Mapping[str, PathName] | None = None,
        against: Sequence[PathName] = (),
        engine: Literal["local", "ray"] = "local",
    ) -> Report:
        """Check the whole folder: files, columns, rules across columns, the round trip of every text.

        Args:
            audit: Run the blind solvers too, which takes most of the time.
            expectations: Run the Great Expectations suites, where they are installed.
            image_roots: Source -> your copy of its images; names in their headers must not be in the dataset.
            against: The source's files, to compare every row with: paths, ``SOURCE=PATH``, or ``auto``.
            engine: Where texts are read back: here, or on a Ray cluster.

        Returns:
            The verdicts: ``passed``, ``failed_rules``, ``verdicts``, and ``failures``, a frame with a row for
            each thing that is wrong.

        Raises:
            UserError: If the folder is not readable any more.
        """
        from nastdata.checks.run import validate_folder

        return validate_folder(
            self.path,
            audit=audit,
            expectations=expectations,
            engine=engine,
            image_roots={s: Path(p) for s, p in (image_roots or {}).items()},
            against=tuple(str(a) for a in ([against] if isinstance(against, str | PathLike) else against)),
        )

    def audit(self, *, seeds: int = 3, folds: int = 5, write: bool = False) -> AuditReport:
        """Try to solve the dataset without its images.

        Args:
            seeds: Ways to divide the folds; accuracies are their means.
            folds: Parts that are held out in turn, whole groups and patients at a time.
            write: Put the figures into the manifest, the card and the report.

        Returns:
            For each blind solver its accuracy (a share, 0 to 1) with a 95 % interval, and the verdict.

        Raises:
            UserError: If a file can't be read, or ``write`` is asked of a folder without a manifest.
        """
        from nastdata.checks.audit_folder import audit_folder
        from nastdata.dataset.folder import read_dataset, update_dataset

        if write and self._folder.manifest is None:
            raise UserError(
                "no manifest.json to write the figures to", where=str(self.path), how="write=False"
            )
        report = audit_folder(self._folder, seeds=seeds, folds=folds)
        if write:
            from nastdata.images.store import open_store

            store = open_store(self._folder.recipe)
            update_dataset(
                self._folder, {"audit": report.to_json()}, store.read if store is not None else None
            )
            self._folder = read_dataset(self.path)
        return report

    def export(
        self,
        to: str,
        out: PathName,
        *,
        splits: Sequence[str] = (),
        image_roots: Mapping[str, PathName] | None = None,
        paths: Literal["absolute", "relative"] = "absolute",
    ) -> Account:
        """Write the dataset in another tool's format.

        Args:
            to: Name of the format, such as ``negbench`` or ``llamafactory`` (``docs/exports.md``).
            out: Folder to write; an earlier export there is replaced, anything else is refused.
            splits: Which to write; the format's usual ones if empty; ``("all",)`` for every one.
            image_roots: Source -> folder of its images.
            paths: How image paths are written; relative ones are relative to ``out``.

        Returns:
            What was written: ``files`` (name -> rows), ``left_out`` with reasons, and ``notes``.

        Raises:
            UserError: If format, split or folder is not usable, or nothing could be written.
        """
        from nastdata.exports import export_dataset

        chosen = (splits,) if isinstance(splits, str) else tuple(splits)
        roots = {s: Path(p) for s, p in (image_roots or {}).items()}
        return export_dataset(self._folder, to, Path(out), splits=chosen, roots=roots, paths=paths)

    def to_hf(self, config: str | None = None, split: str | None = None) -> Any:
        """Return the rows as Hugging Face ``datasets``.

        Args:
            config: Which config; may be left out where there is one only.
            split: Which split; all if None. ``"train[:100]"`` works as in ``load_dataset``.

        Returns:
            A ``datasets.DatasetDict``, or a ``datasets.Dataset`` if a split is named.

        Raises:
            UserError: If there is no such config or split.
        """
        from nastdata.api.quiet import silence_datasets
        from nastdata.dataset.load import load

        with silence_datasets():
            return load(self.path, self._choose(config), split)

    def attach_images(self, roots: Mapping[str, PathName], config: str | None = None) -> Attached:
        """Return rows with ``image_path``, the files in your own copy of a corpus.

        Args:
            roots: Source -> folder of its images.
            config: Which config; may be left out where there is one only.

        Returns:
            ``rows`` (a polars frame), and how many images were found and missing.

        Raises:
            UserError: If a folder is not there, or the images are in the dataset itself.
        """
        from nastdata.dataset.load import attach_images

        return attach_images(self.rows(config), {s: Path(p) for s, p in roots.items()})

    def save(self, out: PathName) -> Dataset:
        """Copy the folder to a place of your own, in one step.

        Args:
            out: Folder to write; a dataset of nastdata there is replaced, anything else is refused.

        Returns:
            The dataset at its new place.

        Raises:
            UserError: If the place can't be written, or is the dataset's own.
        """
        from nastdata.dataset.atomic import replace_folder
        from nastdata.dataset.folder import check_output

        place = Path(out)
        if place.absolute().is_relative_to(self.path.absolute()):
            raise UserError("lies in the dataset folder", where=str(out), how="name another folder")
        check_output(place)
        with replace_folder(place) as partial:
            shutil.copytree(self.path, partial, dirs_exist_ok=True)
        return Dataset(place)

    def remove_at_exit(self, folder: Path) -> None:
        """Remove a temporary folder when this object is no longer used, at the latest when Python ends."""
        self._kept = False
        weakref.finalize(self, shutil.rmtree, folder, True)

    @property
    def is_temporary(self) -> bool:
        """Whether the folder is removed with this object."""
        return not self._kept

    def __repr__(self) -> str:
        """Return the counts and the verdict in a few lines."""
        where = f"temporary: {self.path}" if self.is_temporary else str(self.path)
        return f"<nastdata.Dataset {where}>\n{self.summary}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from nastdata.api.html import show_dataset

        first = self.preview(1).rows
        return show_dataset(str(self.path), self.counts, self.summary, first, temporary=self.is_temporary)

    def _choose(self, config: str | None) -> str:
        if config is None:
            if len(self.configs) > 1:
                raise UserError(
                    "several configs: say which",
                    where=str(self.path),
                    how="config=" + " or ".join(self.configs),
                )
            return self.configs[0]
        if config not in self.configs:
            raise UserError(
                f"no config '{config}'", where=str(self.path), how=name_nearest(config, self.configs)
            )
        return config
