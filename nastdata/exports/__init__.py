"""Exports: a dataset folder in the formats that other people's tools read, one format a module.

In: a dataset folder.
Out: files that another tool reads, with a README and counts.
May import: dataset, images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa

from nastdata.dataset.atomic import replace_folder
from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.engines import open_engine
from nastdata.errors import UserError, name_nearest
from nastdata.exports.base import Export
from nastdata.exports.job import Job
from nastdata.exports.shared.advice import advise_on_images, explain_nothing
from nastdata.exports.shared.summary import Account, describe_export, write_account
from nastdata.images.export import Paths, place_images
from nastdata.registry import get_adapter, list_adapters

IMAGE_NAMES = ("source", "image", "image_id", "distractor_image", "distractor_image_id")
GROUP = "nastdata.exports"
"""Entry points: the name of ``--format`` -> an ``Export``."""


def list_formats() -> list[str]:
    """Return the names of all formats, the built-in ones first."""
    return list(list_adapters(GROUP))


def export_dataset(
    source: DatasetFolder | Path | str,
    to: str,
    out: Path,
    *,
    splits: tuple[str, ...] = (),
    roots: Mapping[str, str | Path] | None = None,
    paths: Paths = "absolute",
) -> Account:
    """Write a dataset folder in another tool's format, in one step.

    Args:
        source: a dataset folder.
        to: name of the format (``list_formats``).
        out: folder to write; an earlier export there is replaced, anything else refused.
        splits: which to write; the format's usual ones if empty.
        roots: source -> folder of its images.
        paths: how image paths are written; relative ones are relative to ``out``.

    Returns:
        What was written and what was left out, as in ``out/export.json``.

    Raises:
        UserError: if format, split, folder or image root is not usable, or nothing could be written.
    """
    form: Export = get_adapter(GROUP, to)
    folder = source if isinstance(source, DatasetFolder) else read_dataset(source)
    chosen = _choose_splits(folder, form, splits)
    check_place(out, folder.path)
    with _in_words(folder), replace_folder(out) as partial, open_engine("local") as engine:
        account = Account()
        images = place_images(
            folder.recipe, partial, out.absolute(), roots or {}, paths, partial_frames(folder)
        )
        job = Job(folder, partial, chosen, images, account, engine)
        form.write(job)
        reasons = {reason for some in account.left_out.values() for reason in some}
        advice = advise_on_images(folder, images, reasons)
        if not account.files:
            why = account.tell_why()
            raise explain_nothing(folder, chosen, to, form.needs, why, missing=advice)
        if advice:
            account.note(f"images were not found; {advice}")
        account.note_images(images)
        write_account(partial, describe_export(folder, to, chosen, account), form.how, out.absolute())
    return account


@contextmanager
def _in_words(folder: DatasetFolder) -> Iterator[None]:
    """Report rows of others that no export can be made of: other columns, types or values than ours."""
    try:
        yield
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        ArithmeticError,
        RecursionError,
    ) as e:
        raise _explain(folder, e) from e
    except (pl.exceptions.PolarsError, pa.ArrowException) as e:
        raise _explain(folder, e) from e


def _explain(folder: DatasetFolder, e: Exception) -> UserError:
    what = f"rows hold other values than nastdata writes ({type(e).__name__}: {str(e)[:160]})"
    return UserError(what, where=str(folder.path), how=f"nastdata validate {folder.path} names them")


def partial_frames(folder: DatasetFolder) -> Callable[[], Mapping[str, pl.DataFrame]]:
    """Return what reads the columns that name images, when names are asked for."""

    def read() -> Mapping[str, pl.DataFrame]:
        out = {}
        for config in folder.configs:
            scan = folder.scan(config)
            names = [c for c in IMAGE_NAMES if c in scan.collect_schema().names()]
            frame = scan.select(names).unique(maintain_order=True).collect()
            out[config] = frame.select(c for c in names if not isinstance(frame.schema[c], pl.Struct))
        return out

    return read


def check_place(out: Path, dataset: Path) -> None:
    """Refuse a place that holds anything but an earlier export, before any work is done.

    Raises:
        UserError: if it does, or is the dataset folder, or within it.
    """
    if out.absolute().is_relative_to(dataset.absolute()):
        raise UserError("lies in the dataset folder", where=str(out), how="choose another --out")
    if out.exists() and not out.is_dir():
        raise UserError("a file of that name exists", where=str(out), how="choose another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / "export.json").is_file():
        raise UserError(
            "holds other things and no export of ours", where=str(out), how="choose another --out"
        )


def _choose_splits(folder: DatasetFolder, form: Export, wanted: tuple[str, ...]) -> tuple[str, ...]:
    there = list(dict.fromkeys(s for splits in folder.files.values() for s in splits))
    if not wanted:
        usual = tuple(s for s in form.splits if s in there)
        if not usual:
            raise UserError(
                f"no rows in the usual split of this format ({', '.join(form.splits)})",
                where=str(folder.path),
                how="--split all, or --split " + " --split ".join(there),
            )
        return usual
    if "all" in wanted:
        return tuple(there)
    for split in wanted:
        if split not in there:
            raise UserError(f"no split '{split}'", where=str(folder.path), how=name_nearest(split, there))
    return tuple(s for s in there if s in wanted)


__all__ = ["GROUP", "Account", "Export", "Job", "check_place", "export_dataset", "list_formats"]
