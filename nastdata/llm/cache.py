"""Answers on disk: paid work is never lost, and never paid twice.

SQLite in WAL mode with full synchronisation: an answer is on the disk before it is used. The key covers the
whole request (provider, model, revision, messages, form, sampling, attempt); an answer is used again only for
the server's address that gave it.

Unusable answers (blank, cut off, not JSON, refused) are no answers and are kept in a table of their own, with
what was asked, to be looked at. While a build is under way, and when one that succeeded is repeated, they
count as asked, so that the same words come again; once a build has failed on them they are asked for anew.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nastdata.errors import UserError
from nastdata.llm.base import Answer, Request
from nastdata.resources import find_caches

SCHEMA = """
create table if not exists answers (
    key text not null, endpoint text not null, answer text not null, primary key (key, endpoint)
) without rowid;
create table if not exists unusable (
    key text not null, endpoint text not null, answer text not null, model text not null,
    question text not null, counts integer not null, primary key (key, endpoint)
) without rowid;
create table if not exists batches (key text primary key, state text not null) without rowid;
create table if not exists sets (digest text primary key, keys text not null) without rowid;
create table if not exists runs (id integer primary key, account text not null);
"""
ANYWHERE = ""
"""Endpoint of answers that came with a bundle: they are good for every server."""


def find_cache(path: Path | None) -> Path:
    """Return the cache file: the one given, or ``answers.sqlite`` in the user's cache folder."""
    if path is not None:
        return path
    return find_caches() / "answers.sqlite"


class _DamagedError(ValueError):
    """An answer is not what was kept."""


def _pack(answer: Answer) -> str:
    """Return an answer as it is kept: JSON, with a check sum of the rest."""
    said = asdict(answer)
    return json.dumps({**said, "sum": _sum(said)})


def _unpack(kept: str) -> Answer:
    """Return the answer; caches from before 0.2 have no check sums."""
    said = json.loads(kept)
    expected = said.pop("sum", None)
    if expected is not None and expected != _sum(said):
        raise _DamagedError("an answer differs from its check sum")
    return Answer(**said)


def _sum(said: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Row:
    """An answer on its way to the disk."""

    request: Request
    answer: Answer
    replace: bool
    committed: bool = False

    def write(self, db: sqlite3.Connection) -> None:
        """Insert it where it belongs."""
        key, endpoint, said = self.request.key, self.request.endpoint, _pack(self.answer)
        if self.answer.outcome == "ok":
            how = "replace" if self.replace else "ignore"
            db.execute(f"insert or {how} into answers values (?, ?, ?)", (key, endpoint, said))  # noqa: S608
            return
        question = self.request.messages[-1][1]
        values = (key, endpoint, said, self.request.model, question, 1)
        db.execute("insert or replace into unusable values (?, ?, ?, ?, ?, ?)", values)


@dataclass(frozen=True)
class Unusable:
    """An answer that was none, for a person to look at."""

    key: str
    endpoint: str
    model: str
    question: str
    answer: Answer
    counts: bool
    """Whether it still counts as asked."""


class AnswerCache:
    """A table of answers by request key; safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._queue: list[Row] = []
        self._queue_lock = threading.Lock()
        with self._explain():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._upgrade()
            self._db.executescript(SCHEMA)

    @contextmanager
    def _explain(self) -> Iterator[None]:
        """Say in words that the file is no answer cache, or a damaged one: SQLite itself may trip over it."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError, ValueError, TypeError) as e:
            what = " ".join(str(e).split())[:120]
            how = "move it away and ask again, or name another: --set writer.cache=FILE"
            if "full" in what or "No space" in what:
                how = "make room: nothing that was kept is lost"
            raise UserError(f"not usable as an answer cache ({what})", where=str(self.path), how=how) from e

    def _upgrade(self) -> None:
        """Take over the good answers of a cache from before 0.2, which did not know who had given them."""
        columns = [row[1] for row in self._db.execute("pragma table_info(answers)")]
        if columns != ["key", "answer"]:
            return
        self._db.execute("alter table answers rename to answers_before")
        self._db.executescript(SCHEMA)
        self._db.execute(
            "insert into answers select key, '', answer from answers_before "
            "where json_extract(answer, '$.outcome') = 'ok'"
        )
        self._db.execute("drop table answers_before")

    def get_many(self, keys: Iterable[str], endpoint: str | None = None) -> dict[str, Answer]:
        """Return what was answered, by key, unusable answers that still count included.

        Args:
            keys: of the requests.
            endpoint: whose answers; None: any server's.
        """
        found: dict[str, Answer] = {}
        places = (endpoint, ANYWHERE)
        with self._explain(), self._lock:
            for key in keys:
                for table in ("answers", "unusable where counts = 1 and"):
                    at, _, more = table.partition(" ")
                    where = (more or "where") + " key = ?"
                    where += "" if endpoint is None else " and endpoint in (?, ?)"
                    values = (key,) if endpoint is None else (key, *places)
                    row = self._db.execute(f"select answer from {at} {where}", values).fetchone()  # noqa: S608
                    if row:
                        found[key] = _unpack(row[0])
                        break
        return found

    def put(self, request: Request, answer: Answer, *, replace: bool = False) -> None:
        """Commit one answer; when this returns, it survives a kill. The first one stays unless replaced.

        Threads that come while the disk is busy are served together: whoever is next commits for all.
        """
        row = Row(request, answer, replace)
        with self._queue_lock:
            self._queue.append(row)
        with self._explain(), self._lock:
            if row.committed:
                return
            with self._queue_lock:
                rows, self._queue = self._queue, []
            try:
                self._db.execute("begin immediate")
                for r in rows:
                    r.write(self._db)
                self._db.execute("commit")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                # Back into the queue, else the threads that wait for theirs would think them kept.
                with self._queue_lock:
                    self._queue = rows + self._queue
                raise
            for r in rows:
                r.committed = True

    def add_answers(self, answers: Iterable[tuple[str, Answer]], endpoint: str = ANYWHERE) -> None:
        """Take in answers of a bundle; those that are there stay."""
        with self._explain(), self._lock, self._db:
            self._db.execute("begin immediate")
            for key, answer in answers:
                said = _pack(answer)
                if answer.outcome == "ok":
                    self._db.execute("insert or ignore into answers values (?, ?, ?)", (key, endpoint, said))
                else:
                    values = (key, endpoint, said, answer.model_said or "", "(of a bundle)", 1)
                    self._db.execute("insert or ignore into unusable values (?, ?, ?, ?, ?, ?)", values)

    def forget_unusable(self, keys: Iterable[str] | None = None) -> int:
        """Have unusable answers asked for again (they stay to be looked at); return how many.

        Args:
            keys: of which requests; None: all.
        """
        with self._explain(), self._lock, self._db:
            self._db.execute("begin immediate")
            if keys is None:
                return self._db.execute("update unusable set counts = 0 where counts = 1").rowcount
            done = 0
            for key in keys:
                done += self._db.execute(
                    "update unusable set counts = 0 where key = ? and counts = 1", (key,)
                ).rowcount
            return done

    def list_unusable(self, limit: int = 20) -> list[Unusable]:
        """Return some of the unusable answers."""
        query = "select key, endpoint, model, question, answer, counts from unusable order by key limit ?"
        with self._explain(), self._lock:
            rows = self._db.execute(query, (limit,)).fetchall()
        return [Unusable(k, e, m, q, _unpack(a), bool(c)) for k, e, m, q, a, c in rows]

    def count(self) -> list[tuple[str, str, str, int]]:
        """Return (endpoint, model as the server named it, outcome, number), sorted."""
        query = (
            "select endpoint, coalesce(json_extract(answer, '$.model_said'), '?'), "
            "json_extract(answer, '$.outcome'), count(*) from "
            "(select endpoint, answer from answers union all select endpoint, answer from unusable) "
            "group by 1, 2, 3 order by 1, 2, 3"
        )
        with self._explain(), self._lock:
            return [tuple(row) for row in self._db.execute(query).fetchall()]

    def clear(self, *, endpoint: str | None = None, only_unusable: bool = False) -> int:
        """Delete answers for good; return how many.

        Args:
            endpoint: of one server; None: of all.
            only_unusable: leave good answers.
        """
        deleted = 0
        where, values = ("", ()) if endpoint is None else (" where endpoint = ?", (endpoint,))
        with self._explain(), self._lock, self._db:
            self._db.execute("begin immediate")
            for table in ("unusable",) if only_unusable else ("unusable", "answers"):
                deleted += self._db.execute(f"delete from {table}{where}", values).rowcount  # noqa: S608
        return deleted

    def get_state(self, key: str) -> dict[str, object] | None:
        """Return the saved state of a batch job, or None."""
        with self._explain(), self._lock:
            row = self._db.execute("select state from batches where key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put_state(self, key: str, state: dict[str, object]) -> None:
        """Save the state of a batch job."""
        with self._explain(), self._lock:
            self._db.execute("insert or replace into batches values (?, ?)", (key, json.dumps(state)))

    def list_states(self, prefix: str) -> dict[str, dict[str, object]]:
        """Return the saved states of batch jobs whose keys begin with ``prefix``."""
        with self._explain(), self._lock:
            rows = self._db.execute("select key, state from batches").fetchall()
        return {key: json.loads(state) for key, state in rows if key.startswith(prefix)}

    def note_answers(self, keys: Iterable[str]) -> str:
        """Keep which answers a dataset was made from (a bundle packs them) and return the list's sha256."""
        text = json.dumps(sorted(keys))
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._explain(), self._lock:
            self._db.execute("insert or ignore into sets values (?, ?)", (digest, text))
        return digest

    def list_answers(self, digest: str) -> list[str]:
        """Return the keys of the answers that a dataset was made from; none if it was not made here."""
        with self._explain(), self._lock:
            row = self._db.execute("select keys from sets where digest = ?", (digest,)).fetchone()
        return list(json.loads(row[0])) if row else []

    def log_run(self, account: dict[str, object]) -> None:
        """Keep a run's own account (retries, latencies), which is no part of the dataset."""
        with self._explain(), self._lock:
            self._db.execute("insert into runs (account) values (?)", (json.dumps(account),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
