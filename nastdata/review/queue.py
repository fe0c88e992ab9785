"""What a person sees next, how far they are, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from nastdata.review.items import Item
from nastdata.review.outcomes import find_disagreements
from nastdata.review.store import Answer, ReviewStore, Role

PACE = 40
"""Answers that the time left is reckoned from."""
LONGEST = 600
"""Seconds that an answer counts for at most: whoever went for a coffee doesn't read so slowly."""


@dataclass(frozen=True)
class Progress:
    """How far one person is."""

    total: int
    answered: int
    skipped: int
    next: int | None
    """Number of the next item; None when all are answered."""
    seconds_left: int | None
    """None until three answers tell the pace."""

    @property
    def left(self) -> int:
        """Items without an answer."""
        return self.total - self.answered


def list_queue(
    items: Mapping[int, Item], answers: Sequence[Answer], roles: Mapping[str, Role], name: str
) -> list[int]:
    """Return the items that a person is to answer: all, or for the adjudicator those readers disagree on."""
    return list(items) if roles[name] == "reviewer" else find_disagreements(items, answers, roles)


def find_progress(store: ReviewStore, items: Mapping[int, Item], name: str) -> Progress:
    """Return how far a person is and what comes next: first what was never seen, then what was skipped."""
    roles = store.read_reviewers()
    mine = {a.item: a for a in store.read_last(name).values()}
    answers = store.read_answers() if roles[name] == "adjudicator" else []
    queue = list_queue(items, answers, roles, name)
    answered = [n for n in queue if n in mine and mine[n].given]
    skipped = sorted((n for n in queue if n in mine and not mine[n].given), key=lambda n: mine[n].event)
    unseen = [n for n in queue if n not in mine]
    upcoming = next(iter([*unseen, *skipped]), None)
    paces = [min(a.seconds, LONGEST) for a in mine.values() if a.given and a.seconds is not None]
    left = len(queue) - len(answered)
    pace = median(paces[-PACE:]) if len(paces) >= 3 else None
    return Progress(
        len(queue), len(answered), len(skipped), upcoming, None if pace is None else round(pace * left)
    )


def tell_time(seconds: int | None) -> str:
    """Return the time left in words."""
    if seconds is None:
        return ""
    if seconds < 90:
        return "about 1 minute left" if seconds else ""
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} minutes left"
    return f"about {minutes / 60:.1f} hours left"
