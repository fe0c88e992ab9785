"""One review at work: its subject, its file, its items; what all parts of the command share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nastdata.dataset.folder import DatasetFolder, read_dataset
from nastdata.errors import UserError
from nastdata.images.store import ImageStore, open_store
from nastdata.ontology import Ontology, find_ontology_file, load_ontology
from nastdata.review.exchange.rows import check_name
from nastdata.review.items import Item
from nastdata.review.opening import Opened, open_or_begin, open_review, place_review
from nastdata.review.queue import find_progress
from nastdata.review.sample import Plan
from nastdata.review.store import ReviewStore

UNNAMED = ("R1", "R2")
"""Readers of a review that names nobody."""


@dataclass(frozen=True)
class Session:
    """An opened review."""

    title: str
    store: ReviewStore
    items: dict[int, Item]
    plan: Plan
    begun: bool
    folder: DatasetFolder | None = None
    images: ImageStore | None = None
    ontology: Ontology | None = None
    ontology_file: Path | None = None
    notes: list[str] = field(default_factory=list)

    def tell_sample(self) -> str:
        """Say how the sample was drawn."""
        strata = self.store.about["strata"]
        used = sum(s["drawn"] > 0 for s in strata)
        size = f"{self.plan.items} items" if self.plan.items else f"a margin of {self.plan.margin:.1%}"
        left = f", {len(strata) - used} strata have none" if used < len(strata) else ""
        return f"{used} strata, {size}, seed {self.plan.seed}{left}"

    def tell_progress(self, person: str) -> str:
        """Say how far a person is."""
        progress = find_progress(self.store, self.items, person)
        return f"{progress.answered:,} of {progress.total:,} answered"


def open_session(
    folder: Path | None,
    ontology: str | None,
    *,
    db: Path | None = None,
    plan: Plan | None = None,
    roots: Mapping[str, Path] | None = None,
    fresh: bool = False,
    begin: bool = True,
) -> Session:
    """Open the review of a folder or of an ontology, or begin it.

    Args:
        folder: of the dataset; None for an ontology.
        ontology: built-in name or path; None for a dataset.
        db: the review's file; None for the usual place.
        plan: of the sample; None for that of the review, or the defaults.
        roots: source -> folder of its images.
        fresh: lay a review that was begun aside.
        begin: whether a review may be begun.

    Raises:
        UserError: if there is no such thing, or the review in the file is of another one.
    """
    if ontology is not None:
        return _open_ontology(ontology, db, plan, fresh, begin)
    assert folder is not None
    dataset = read_dataset(folder)
    images = open_store(dataset.recipe, roots or {})
    opened = open_review(db or place_review(folder), dataset, plan, images, fresh=fresh, begin=begin)
    return Session(
        folder.resolve().name,
        opened.store,
        opened.items,
        opened.plan,
        opened.begun,
        dataset,
        images,
        notes=_list_notes(opened),
    )


def enrol(session: Session, reviewers: Sequence[str], adjudicators: Sequence[str]) -> list[str]:
    """Enter those who take part; return everybody who gets a link.

    Raises:
        UserError: if a name can't be used, or is taken in another role.
    """
    known = session.store.read_reviewers()
    if not reviewers and "reviewer" not in known.values():
        reviewers = UNNAMED
        session.notes.append("nobody is named: --reviewer AB --reviewer CD names the readers")
    for names, role in ((reviewers, "reviewer"), (adjudicators, "adjudicator")):
        for name in names:
            try:
                session.store.add_reviewer(check_name(name), role)  # type: ignore[arg-type]
            except ValueError as e:
                raise UserError(str(e), where=f"--{role}") from e
    return list(session.store.read_reviewers())


def serve_session(
    session: Session, people: list[str], host: str, port: int, announce: Callable[[str, str], None]
) -> None:
    """Serve the page until it is interrupted.

    Raises:
        UserError: if the address can't be had, or the dataset's terms forbid it.
    """
    from nastdata.review.pictures import ReviewPictures
    from nastdata.review.web.app import ReviewApp
    from nastdata.review.web.guard import Keys
    from nastdata.review.web.serve import check_host, serve

    check_host(host, session.folder)
    place = session.folder.path if session.folder else Path()

    def make_app(cookie: str) -> ReviewApp:
        pictures = ReviewPictures(place, session.items, session.images)
        return ReviewApp(
            session.title, session.store, session.items, pictures, session.plan.seed, Keys(), cookie
        )

    serve(make_app, people, host, port, announce)


def _open_ontology(name: str, db: Path | None, plan: Plan | None, fresh: bool, begin: bool) -> Session:
    from nastdata.review.ontology.statements import describe_ontology, draw_statements

    ontology, file = load_ontology(name), find_ontology_file(name)
    built_in = file != Path(name)
    place = Path.cwd() / f"{name}.review.sqlite" if built_in else file.resolve().with_suffix(".review.sqlite")
    opened = open_or_begin(
        db or place,
        describe_ontology(ontology),
        plan,
        lambda p: draw_statements(ontology, p),
        fresh=fresh,
        begin=begin,
    )
    return Session(
        f"ontology {ontology.name}",
        opened.store,
        opened.items,
        opened.plan,
        opened.begun,
        ontology=ontology,
        ontology_file=None if built_in else file,
    )


def _list_notes(opened: Opened) -> list[str]:
    without = [i for i in opened.items.values() if i.no_picture]
    if not without:
        return []
    said = without[0].no_picture
    return [f"{len(without):,} of {len(opened.items):,} items have no image to show ({said})"]
