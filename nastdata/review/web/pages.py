"""From items and answers to HTML: Jinja templates with every value escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nastdata.review.items import Item, Line
from nastdata.review.questions import load_labels, load_questions
from nastdata.review.queue import Progress, tell_time
from nastdata.review.store import Answer
from nastdata.seeded import draw_int, shuffle

if TYPE_CHECKING:
    from jinja2 import Environment, Template

HERE = Path(__file__).resolve().parent / "page"
STATIC = {"style.css": "text/css; charset=utf-8", "script.js": "text/javascript; charset=utf-8"}
"""The only files that are served, by name."""


@dataclass(frozen=True)
class View:
    """What one page shows."""

    title: str
    """Name of the dataset or ontology."""
    person: str
    adjudicating: bool
    progress: Progress
    notice: str = ""
    problem: str = ""


def render_item(
    view: View,
    item: Item,
    seed: int,
    *,
    seen: int,
    given: Mapping[str, str],
    comment: str,
    corrections: Mapping[str, str],
    others: Sequence[Answer] = (),
) -> str:
    """Return the page of one item.

    Args:
        view: what surrounds it.
        item: to be shown.
        seed: of the review: which wording stands left is drawn for each person and item.
        seen: number of the person's last line on this item.
        given: question -> answer to be shown as chosen.
        comment: to be shown in its field.
        corrections: slot -> better text to be shown in its field.
        others: for the adjudicator, the readers' answers.
    """
    known = load_questions()
    readers = shuffle(list(others), seed, "readers", item.n)
    return _load("item.html.j2").render(
        view=view,
        item=item,
        time_left=tell_time(view.progress.seconds_left),
        lines=[(line, _order(line, seed, view.person, item.n)) for line in item.lines],
        questions=[known[q] for q in item.questions],
        labels=load_labels(),
        seen=seen,
        given=given,
        comment=comment,
        corrections=corrections,
        others=list(enumerate(readers, 1)),
    )


def render_done(view: View) -> str:
    """Return the page that is shown when nothing is left."""
    return _load("done.html.j2").render(view=view)


def render_message(title: str, text: str) -> str:
    """Return a page that says one thing."""
    return _load("message.html.j2").render(title=title, text=text)


@cache
def load_static(name: str) -> bytes:
    """Return the content of one of ``STATIC``."""
    if name not in STATIC:
        raise KeyError(name)
    return (HERE / name).read_bytes()


def _order(line: Line, seed: int, person: str, n: int) -> list[tuple[str, str]]:
    """Return a line's texts; which of two wordings comes first is drawn, alike for all lines of an item."""
    texts = list(line.texts.items())
    return texts[::-1] if len(texts) == 2 and draw_int(seed, "sides", person, n) % 2 else texts


def _load(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
