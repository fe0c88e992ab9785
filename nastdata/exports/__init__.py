"""Exports: a dataset folder in the formats that other people's tools read, one format a module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from nastdata.dataset.atomic import replace_folder
from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.errors import UserError, name_nearest
from nastdata.exports.job import Job
from nastdata.exports.summary import Account, describe_export, write_account
from nastdata.images.export import Paths, place_films

FORMATS: dict[str, str] = {
    "nast": "NAST's own JSON",
    "negbench": "NegBench: MCQ, binary, retrieval, negated retrieval, affirmation controls",
    "neat": "NEAT: NegBench's files and retrieval with positive, negative and inverted captions",
    "ccneg": "CC-Neg / CoN-CLIP: saved dict, distractor mapping, quadruplets",
    "negclip": "NegCLIP: TSV with hard negative captions and images",
    "openclip": "open_clip training: CSV of filepath and title",
    "webdataset": "open_clip training: tar shards",
}
"""Format -> what reads it; each is a module of this package with an ``export`` and a ``HOW``."""
SPLITS_OF = {"nast": ("train", "validation", "test"), "negbench": ("test",), "neat": ("test",)}
"""Splits that a format holds unless told otherwise; training formats hold what is trained on."""
TRAINING = ("train", "validation")


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
        to: name of the format (``FORMATS``).
        out: folder to write; an earlier export there is replaced, anything else refused.
        splits: which to write; the format's usual ones if empty.
        roots: source -> folder of its images.
        paths: how image paths are written; relative ones are relative to ``out``.

    Returns:
        What was written and what was left out, as in ``out/export.json``.

    Raises:
        UserError: if format, split, folder or image root is not usable, or nothing could be written.
    """
    if to not in FORMATS:
        raise UserError("no such format", where=to, how=name_nearest(to, FORMATS))
    folder = source if isinstance(source, DatasetFolder) else read_dataset(source)
    chosen = _choose_splits(folder, to, splits)
    check_place(out, folder.path)
    module = import_module(f"nastdata.exports.{to}")
    with replace_folder(out) as partial:
        account = Account()
        films = place_films(folder, partial, out.absolute(), roots or {}, paths)
        job = Job(folder, partial, chosen, films, account)
        module.export(job)
        if not account.files:
            raise UserError(
                "nothing could be exported" + account.tell_why(),
                where=f"{folder.path} ({', '.join(chosen)})",
                how=f"--split all, or another format; {to} needs: {module.NEEDS}",
            )
        account.note_films(films)
        write_account(partial, describe_export(folder, to, chosen, account), module.HOW, out.absolute())
    return account


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


def _choose_splits(folder: DatasetFolder, to: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    there = list(dict.fromkeys(s for splits in folder.files.values() for s in splits))
    if not wanted:
        usual = tuple(s for s in SPLITS_OF.get(to, TRAINING) if s in there)
        if not usual:
            raise UserError(
                f"no rows in the usual split of this format ({', '.join(SPLITS_OF.get(to, TRAINING))})",
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


__all__ = ["FORMATS", "Account", "Job", "check_place", "export_dataset"]
