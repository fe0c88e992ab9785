"""The ``Source`` that a YAML file describes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.own.read_yaml import read_settings, write_settings
from nastdata.sources.own.settings import OwnSettings
from nastdata.sources.views import Views
from nastdata.terms import Terms

ONE_EACH = "Patients are not told apart: each study counts as one patient, and splits are by study."
NOT_SAID = "Its owner has said nothing on licence and use: nothing is allowed."


def open_own(path: Path, reserved: tuple[str, ...] = ()) -> Source:
    """Open the source that a YAML file describes; its data are not read yet.

    Args:
        path: The YAML file.
        reserved: Names of built-in corpora, which no own table may carry.

    Raises:
        UserError: with every problem of the file.
    """
    settings = read_settings(path)
    taken = {r.casefold() for r in reserved}
    if settings.name.casefold() in taken:
        raise UserError(
            f"'{settings.name}' is the name of a built-in source, with its own terms and citation",
            where=f"{path}: name",
            how="give your data a name of their own",
        )
    return make_source(settings, path)


def make_source(settings: OwnSettings, path: Path) -> Source:
    """Return the source of checked settings."""

    def base(data: Path | None) -> tuple[Path, OwnSettings]:
        if data is None:
            return path.parent, settings
        if not data.exists():
            raise UserError("no such file or folder", where=f"--data {data}")
        if data.is_file():
            return data.parent, settings.model_copy(update={"files": (data.name,)})
        return data, settings

    def find(data: Path | None) -> tuple[list[Path], list[str]]:
        from nastdata.sources.own.files.tables import find_files

        place, own = base(data)
        if own.reports is not None and own.reports.folder is not None:
            folder = place / own.reports.folder
            return ([folder] if folder.is_dir() else []), [str(folder)]
        try:
            return find_files(own.files, place), [str(place)]
        except UserError:
            return [], [str(place)]

    def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
        from nastdata.sources.own import load, reports

        place, own = base(data)
        if own.reports is not None:
            return reports.load_labels(own, place, ontology, options)
        return load.load_labels(own, place, ontology, options)

    def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
        from nastdata.sources.own import load, reports

        place, own = base(data)
        if own.reports is not None:
            return reports.load_facts(own, place, ontology, options)
        return load.load_facts(own, place, ontology, options)

    return Source(
        name=settings.name,
        title=settings.full_title,
        terms=make_terms(settings),
        needs=tuple(settings.files),
        find=find,
        load_labels=load_labels,
        load_facts=load_facts,
        description=write_settings(settings),
        ontology=_find_beside(settings.ontology, path),
        image_root=path.parent / settings.image_root if settings.image_root else None,
        max_rejected=settings.max_rejected,
        has_reports=settings.reports is not None,
        views=get_args(Views) if settings.columns.view and settings.labels else ("frontal",),
        tolerate=lambda: make_source(settings.model_copy(update={"max_rejected": 1.0}), path),
    )


def _find_beside(ontology: str | None, path: Path) -> str | None:
    """Return the ontology that the file names: one beside it, or a built-in name."""
    if ontology is None:
        return None
    beside = path.parent / Path(ontology).expanduser()
    return str(beside) if beside.is_file() else ontology


def make_terms(settings: OwnSettings) -> Terms:
    """Return the terms that the owner states; what is not stated is not allowed."""
    r = settings.rights
    notes = [r.note.rstrip(".") + "." if r.note else ""]
    if r.licence == "not stated":
        notes.append(NOT_SAID)
    if settings.columns.patient is None and settings.reports is None:
        notes.append(ONE_EACH)
    return Terms(
        licence=r.licence,
        may_leave_machine=r.may_leave_machine,
        may_publish=r.may_publish,
        citation=r.citation,
        url=r.url,
        note=" ".join(n for n in notes if n),
    )
