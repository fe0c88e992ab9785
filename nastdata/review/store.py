"""Answers in one SQLite file (WAL): nothing is ever changed, each answer is one committed line more.

The last line of a reviewer on an item is what counts; an undo is a line too. A process that is killed loses
nothing that the page has moved on from.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nastdata.errors import UserError
from nastdata.review.items import Item, load_item

FORMAT = "nastdata-review-1"
Role = Literal["reviewer", "adjudicator"]
Action = Literal["answer", "skip", "undo"]
TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (n INTEGER PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS reviewers (name TEXT PRIMARY KEY, role TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  item INTEGER NOT NULL REFERENCES items (n),
  reviewer TEXT NOT NULL REFERENCES reviewers (name),
  action TEXT NOT NULL,
  answers TEXT NOT NULL,
  comment TEXT NOT NULL,
  corrections TEXT NOT NULL,
  seconds INTEGER,
  at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_reviewer ON events (reviewer, item, id);
"""
LAST = """
SELECT id, item, reviewer, action, answers, comment, corrections, seconds, at FROM events
WHERE id IN (SELECT MAX(id) FROM events GROUP BY item, reviewer)
"""


@dataclass(frozen=True)
class Answer:
    """What one reviewer said of one item."""

    item: int
    reviewer: str
    values: dict[str, str]
    """Question -> yes, no or unsure; all of the item's questions, or none (skipped, undone)."""
    comment: str = ""
    corrections: dict[str, str] = field(default_factory=dict)
    """Slot -> a better text."""
    seconds: int | None = None
    """From showing the item to the answer; unknown in imports."""
    at: str = ""
    """UTC."""
    action: Action = "answer"
    event: int = 0

    @property
    def given(self) -> bool:
        """Whether it answers the questions."""
        return self.action == "answer"


class StaleError(Exception):
    """The item was answered elsewhere (another tab) since the page was shown."""


class ReviewStore:
    """A review's file.

    Args:
        path: of the SQLite file; made if it is not there.

    Raises:
        UserError: if it is no review, or can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            known = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master")}
            if known and "events" not in known:
                raise UserError("not a review", where=str(path), how="give the file of a review with --db")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.executescript(TABLES)
        except sqlite3.Error as e:
            how = "give another file with --db, or remove it"
            raise UserError(f"not a usable SQLite file ({e})", where=str(path), how=how) from e

    def close(self) -> None:
        """Close the file; the WAL goes back into it."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as e:
                raise UserError(f"can't be written ({e})", where=str(self.path)) from e

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as e:
                raise UserError(f"can't be read ({e})", where=str(self.path)) from e

    @property
    def about(self) -> dict[str, Any]:
        """What the review is of: ``format``, ``subject``, ``plan``, ``strata`` ...; empty in a new file."""
        return {name: json.loads(value) for name, value in self._read("SELECT name, value FROM meta")}

    def start(self, about: Mapping[str, Any], items: Sequence[Item]) -> None:
        """Enter what the review is of, and its items; once.

        Raises:
            UserError: if the file holds a review already.
        """
        with self._transaction() as db:
            if db.execute("SELECT COUNT(*) FROM meta").fetchone()[0]:
                raise UserError("holds a review already", where=str(self.path))
            lines = [(k, json.dumps(v, ensure_ascii=False)) for k, v in about.items()]
            db.executemany("INSERT INTO meta VALUES (?, ?)", lines)
            db.executemany("INSERT INTO items VALUES (?, ?)", [(i.n, i.dump()) for i in items])

    def read_items(self) -> dict[int, Item]:
        """Return number -> item."""
        return {n: load_item(text) for n, text in self._read("SELECT n, content FROM items ORDER BY n")}

    def add_reviewer(self, name: str, role: Role) -> None:
        """Enter a reviewer.

        Raises:
            UserError: if the name is taken in another role.
        """
        with self._transaction() as db:
            known = db.execute("SELECT role FROM reviewers WHERE name = ?", (name,)).fetchone()
            if known and known[0] != role:
                raise UserError(
                    f"'{name}' takes part as {known[0]} already", how="a third person adjudicates"
                )
            db.execute("INSERT OR IGNORE INTO reviewers VALUES (?, ?)", (name, role))

    def read_reviewers(self) -> dict[str, Role]:
        """Return name -> role, in the order in which they came."""
        return dict(self._read("SELECT name, role FROM reviewers ORDER BY rowid"))

    def save(self, answer: Answer, seen: int | None = None) -> int:
        """Commit one line; return its number.

        Args:
            answer: of one reviewer to one item.
            seen: number of the last line on this item that the reviewer's page knew of; None not to ask.

        Raises:
            StaleError: if there is a newer one.
        """
        with self._transaction() as db:
            return _insert(db, answer, seen)

    def save_all(self, answers: Iterable[Answer], reviewers: Mapping[str, Role]) -> None:
        """Commit many lines at once, or none."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO reviewers VALUES (?, ?)", list(reviewers.items()))
            for answer in answers:
                _insert(db, answer, None)

    def read_last(self, reviewer: str | None = None) -> dict[tuple[int, str], Answer]:
        """Return (item, reviewer) -> what counts: the last answer or skip; what was undone is not there."""
        query, values = LAST, ()
        if reviewer is not None:
            query = (
                "SELECT id, item, reviewer, action, answers, comment, corrections, seconds, at FROM events "
                "WHERE id IN (SELECT MAX(id) FROM events WHERE reviewer = ? GROUP BY item)"
            )
            values = (reviewer,)  # type: ignore[assignment]
        found = map(_load, self._read(query + " ORDER BY item, reviewer", values))
        return {(a.item, a.reviewer): a for a in found if a.action != "undo"}

    def read_answers(self) -> list[Answer]:
        """Return all answers that count, by item and reviewer."""
        return [a for a in self.read_last().values() if a.given]

    def find_last(self, item: int, reviewer: str) -> Answer | None:
        """Return the last line of a reviewer on an item, an undo too, or None."""
        query = (
            "SELECT id, item, reviewer, action, answers, comment, corrections, seconds, at FROM events "
            "WHERE item = ? AND reviewer = ? ORDER BY id DESC LIMIT 1"
        )
        found = self._read(query, (item, reviewer))
        return _load(found[0]) if found else None

    def find_earlier(self, item: int, reviewer: str) -> Answer | None:
        """Return the last answer of a reviewer to an item, also if it was undone."""
        query = (
            "SELECT id, item, reviewer, action, answers, comment, corrections, seconds, at FROM events "
            "WHERE item = ? AND reviewer = ? AND action = 'answer' ORDER BY id DESC LIMIT 1"
        )
        found = self._read(query, (item, reviewer))
        return _load(found[0]) if found else None

    def undo(self, reviewer: str) -> int | None:
        """Take back a reviewer's latest answer or skip; return its item, or None if there is none."""
        latest = max(self.read_last(reviewer).values(), key=lambda a: a.event, default=None)
        if latest is None:
            return None
        self.save(Answer(latest.item, reviewer, {}, at=now(), action="undo"), latest.event)
        return latest.item


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _insert(db: sqlite3.Connection, answer: Answer, seen: int | None) -> int:
    if seen is not None:
        query = "SELECT COALESCE(MAX(id), 0) FROM events WHERE item = ? AND reviewer = ?"
        if db.execute(query, (answer.item, answer.reviewer)).fetchone()[0] != seen:
            raise StaleError
    done = db.execute(
        "INSERT INTO events (item, reviewer, action, answers, comment, corrections, seconds, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(answer.item, answer.reviewer, answer.action, json.dumps(answer.values), answer.comment),
            *(json.dumps(answer.corrections, ensure_ascii=False), answer.seconds, answer.at or now()),
        ),
    )
    return int(done.lastrowid or 0)


def _load(row: tuple[Any, ...]) -> Answer:
    event, item, reviewer, action, values, comment, corrections, seconds, at = row
    return Answer(
        item, reviewer, json.loads(values), comment, json.loads(corrections), seconds, at, action, event
    )
