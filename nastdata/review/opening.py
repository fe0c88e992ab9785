"""Open a review that was begun, or draw its sample and begin it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nastdata import __version__
from nastdata.dataset.folder import DatasetFolder
from nastdata.errors import UserError
from nastdata.images.store import ImageStore
from nastdata.review.dataset_items import describe_subject, make_items
from nastdata.review.items import Item
from nastdata.review.sample import Plan, draw_sample, read_plan
from nastdata.review.store import FORMAT, ReviewStore


@dataclass(frozen=True)
class Opened:
    """A review at work."""

    store: ReviewStore
    items: dict[int, Item]
    plan: Plan
    begun: bool
    """Whether it was begun just now."""


def place_review(folder: Path) -> Path:
    """Return the file of a folder's review: ``DIR.review.sqlite``, beside it."""
    whole = folder.resolve()
    return whole.with_name(f"{whole.name}.review.sqlite")


def open_review(
    path: Path,
    folder: DatasetFolder,
    plan: Plan | None,
    store: ImageStore | None,
    *,
    fresh: bool = False,
    begin: bool = True,
) -> Opened:
    """Open the review of a dataset folder; begin it if there is none.

    Args:
        path: of the review's file.
        folder: the dataset.
        plan: as asked for; None takes that of the review, or the defaults.
        store: finds images.
        fresh: lay the old file aside (``.1``, ``.2`` ...) and draw a new sample.
        begin: whether a review may be begun.

    Raises:
        UserError: if the dataset or the plan is another one than the review's, or there is none to open.
    """
    subject = describe_subject(folder)

    def draw(plan: Plan) -> tuple[Sequence[Mapping[str, Any]], list[Item]]:
        sample = draw_sample(folder, plan)
        return sample.strata, make_items(folder, sample, store)

    return open_or_begin(path, subject, plan, draw, fresh=fresh, begin=begin)


def open_or_begin(
    path: Path,
    subject: Mapping[str, Any],
    plan: Plan | None,
    draw: Callable[[Plan], tuple[Sequence[Mapping[str, Any]], list[Item]]],
    *,
    fresh: bool,
    begin: bool,
) -> Opened:
    """Open the review in a file, or draw the items of a new one.

    Raises:
        UserError: as ``open_review``.
    """
    if not path.exists() and not begin:
        raise UserError("no review was begun", where=str(path), how=f"nastdata review {subject['name']}")
    if path.exists() and fresh:
        lay_aside(path)
    if path.exists():
        kept = ReviewStore(path)
        about = kept.about
        if about:
            _compare(path, about, subject, plan)
            return Opened(kept, kept.read_items(), read_plan(about["plan"]), begun=False)
        kept.close()
    plan = plan or Plan()
    strata, items = draw(plan)
    kept = ReviewStore(path)
    kept.start(
        {
            "format": FORMAT,
            "nastdata": __version__,
            "subject": dict(subject),
            "plan": plan.to_json(),
            "strata": list(strata),
        },
        items,
    )
    return Opened(kept, {i.n: i for i in items}, plan, begun=True)


def lay_aside(path: Path) -> Path:
    """Rename a review's file, so that nothing is lost; return its new name."""
    ReviewStore(path).close()
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    return aside


def _compare(path: Path, about: Mapping[str, Any], subject: Mapping[str, Any], plan: Plan | None) -> None:
    again = "--fresh lays the old review aside and draws a new sample"
    if about.get("format") != FORMAT:
        raise UserError(f"made by another version ({about.get('format')})", where=str(path), how=again)
    held = about["subject"]
    if {k: held.get(k) for k in ("kind", "files", "content")} != {
        k: subject.get(k) for k in ("kind", "files", "content")
    }:
        raise UserError(
            f"the review was begun on other data than '{subject['name']}' holds now",
            where=str(path),
            how=again,
        )
    if plan is not None and plan != read_plan(about["plan"]):
        was = ", ".join(f"{k} {v}" for k, v in about["plan"].items() if v not in (None, []))
        raise UserError(f"its sample was drawn with {was}", where=str(path), how=again)
